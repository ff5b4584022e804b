//! Networks and their layers: shapes, quantization parameters, and readers for the formats they come in.
//!
//! Knows no hardware: nothing here depends on an array, a buffer or a price.

pub mod array;
pub mod concat;
pub mod graph;
pub mod layer;
pub mod network;
pub mod onnx;
pub mod phases;
pub mod quant;
pub mod tflite;
pub mod zoo;
