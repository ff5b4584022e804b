//! Vocabulary shared by every layer: loop dimensions, exact integer helpers, seeded randomness, diagnostics.
//!
//! Knows nothing of networks, hardware or prices.

pub mod diag;
pub mod dims;
pub mod int;
pub mod rng;
