//! How one layer runs on one accelerator: tiles, loop orders, legality, and the schedule of jobs that follows.
//!
//! Knows no price. [`schedule::Schedule`] is the one definition of what the hardware does and when: the cost model counts
//! it, the control-table compiler encodes it, and neither imports the other.

pub mod campaign;
pub mod legality;
pub mod plane;
pub mod random;
pub mod schedule;
pub mod tiling;
