//! From an accelerator and schedules to Verilog, control tables and memory images.
//!
//! Knows no price: predicted cycles are handed in. A typed description of the hardware becomes one view per template and
//! then text; what the schedule says of a layer becomes one descriptor of the control table.

mod activations;
mod agreement;
pub mod collateral;
pub mod compile;
pub mod counts;
pub mod descriptor;
pub mod descriptor_view;
pub mod folder;
pub mod hardware;
pub mod layout;
pub mod limits;
pub mod memory;
pub mod picture;
pub mod program;
pub mod render;
pub mod storage;
