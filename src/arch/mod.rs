//! Accelerators: array, buffers, lanes, off-chip port, and what follows from them.
//!
//! Knows no layer: everything here holds for whatever network runs later.

pub mod accelerator;
pub mod connectivity;
pub mod geometry;
pub mod resources;
