//! What a point of the unit box means: an accelerator, or the mapping of any layer on one.

pub mod accelerator;
pub mod features;
pub mod literal;
pub mod mapping;
pub mod neighbours;
