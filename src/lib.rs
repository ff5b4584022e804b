//! Search a neural-network accelerator with its mappings, emit it as Verilog, prove its bits and cycles.

pub mod arch;
pub mod base;
pub mod cli;
pub mod cost;
pub mod mapping;
pub mod nas;
pub mod report;
pub mod rtl;
pub mod search;
pub mod sim;
pub mod workload;
