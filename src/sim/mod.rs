//! What a design computes: the golden model in integers, and the comparison of a simulated design with it.

pub mod golden;
