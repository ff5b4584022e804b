//! Searching the network too: spaces of subnets, models of their accuracy, evolution.
//!
//! A subnet is an ordinary [`crate::workload::network::Network`]; nothing below this layer knows where it came from.
//! Cai, Gan, Wang, Zhang, Han: *Once-for-All: Train One Network and Specialize it for Efficient Deployment*, ICLR 2020
//! (arXiv 1908.09791), and the third loop of NAAS (arXiv 2105.13258).

pub mod ablation;
pub mod accuracy;
pub mod evolution;
pub mod joint;
pub mod mlp;
pub mod mnist;
pub mod mobilenet_v3;
pub mod pickle;
pub mod pth;
pub mod rating;
pub mod resnet50;
pub mod space;
mod stack;
