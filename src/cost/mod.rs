//! What a mapping costs: exact cycles and counts, and prices for them.
//!
//! Counts ([`counts`]) are integers and know no price; [`cycles`] is the exact run time, [`bound`] what it cannot undercut
//! and [`floor`] what no other mapping can. All are checked against [`walk`], which does every job one by one. [`energy`]
//! multiplies counts with the prices of a technology ([`tech`], [`wires`]); [`layer`] puts everything together for searches,
//! [`batch`] for many mappings at once, and [`network`] for commands. [`limits`] and [`timeline`] tell people where cycles go.

pub mod batch;
pub mod bound;
pub mod ceiling;
pub mod counts;
pub mod cycles;
pub mod energy;
pub mod family;
pub mod floor;
pub mod jump;
pub mod layer;
pub mod limits;
mod memory;
pub mod network;
mod state;
pub mod tech;
pub mod timeline;
pub mod walk;
pub mod wires;

pub use layer::{LayerCost, Model, NetworkCost, layer_cost, network_cost};
