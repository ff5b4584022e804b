//! What a design computes: the golden model in integers, and the comparison of a simulated design with it.

pub mod golden;
mod host;
pub mod inference;
mod kernels;
pub mod plan;
pub mod server;
pub mod stress;
pub mod tensors;
pub mod verilator;
