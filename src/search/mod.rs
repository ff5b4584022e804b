//! Search: optimizers that know nothing of hardware, encodings that turn their points into designs, and the loops of
//! NAAS around them.
//!
//! | module | idea |
//! |---|---|
//! | [`optimizer`] | ask/tell, the contract of every search method |
//! | [`cma_es`], [`bayesian`], [`random`] | the methods; [`islands`]: several that take turns |
//! | [`runner`] | any problem with any method: generations, history, going on later |
//! | [`nested`], [`layers`] | NAAS's search: accelerators outside, the mappings of all layers inside |
//! | [`guided`], [`chips`], [`arrays`] | a method started from known designs, in turns with steps from the best ones, to other arrays too |
//! | [`goal`] | objectives, and limits that a design has to keep |
//! | [`importance`] | real genes to permutations, NAAS's encoding and its comparison |
//! | [`dataflow`], [`baselines`] | published chips: the mappings that their dataflows dictate, and ours, as designs |
//! | [`reproduction`] | the experiments behind published claims |
//! | [`numeric`] | logarithm, exponential, Gaussian draws that repeat everywhere |

pub mod arrays;
pub mod baselines;
pub mod bayesian;
pub mod chips;
pub mod cma_es;
pub mod dataflow;
pub mod design;
pub mod encoding;
pub mod exact;
pub mod goal;
pub mod guided;
pub mod heuristics;
pub mod importance;
pub mod islands;
pub mod layers;
pub mod mapper;
pub mod nested;
pub mod numeric;
pub mod optimizer;
pub mod problem;
pub mod prove;
pub mod random;
pub mod reproduction;
pub mod runner;

#[cfg(test)]
mod toy;
