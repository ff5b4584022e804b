//! Simulation: outside simulators on a generated folder, and what they say.

pub mod verilator;
