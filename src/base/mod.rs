//! Vocabulary shared by every layer: loop dimensions, exact integer helpers, seeded randomness, diagnostics, files.
//!
//! Knows nothing of networks, hardware or prices.

pub mod diag;
pub mod dims;
pub mod files;
pub mod int;
pub mod interrupt;
pub mod rng;
