//! What a mapping costs: exact cycles and counts, and prices for them.
//!
//! Counts ([`counts`]) are integers and know no price; [`cycles`] is the exact run time. Both are checked against
//! [`walk`], which does every job one by one.

pub mod counts;
pub mod cycles;
pub mod walk;
