//! Results as people read them: pictures and tables. Reports are given results and compute none.

pub mod baselines;
pub mod plots;
pub mod reproduction;
pub mod scatter;
pub mod svg;
pub mod table;
pub mod timeline;
