//! Results as people read them: pictures. Reports are given results and compute none.

pub mod scatter;
pub mod svg;
pub mod timeline;
