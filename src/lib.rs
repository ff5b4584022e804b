//! Search a neural-network accelerator with its mappings, emit it as Verilog, prove its bits and cycles.
//!
//! The layers of this crate, lowest first: [`base`]; [`workload`] (networks) and [`arch`] (accelerators), which do not know
//! each other; [`mapping`], which brings them together and holds the schedule; on one side [`cost`], [`search`], [`nas`] and
//! [`report`], on the other [`rtl`] and [`sim`]; on top [`cli`]. What one may use of the others is in docs/architecture.md.
//!
//! # Example
//! The exact run time of one layer of the built-in network on an array of 8 x 8 multipliers, under the best mapping that a
//! short search finds:
//!
//! ```
//! use naas::arch::accelerator::Accelerator;
//! use naas::base::interrupt::Interrupt;
//! use naas::cost::{tech::Technology, walk::walk};
//! use naas::mapping::legality::schedule;
//! use naas::search::mapper::{MapperSettings, map_layer};
//! use naas::search::problem::CostModel;
//! use naas::workload::zoo;
//!
//! let network = zoo::open("resnet8")?.network;
//! let nest = network.layers[1].nest()?;
//! let accelerator: Accelerator = serde_json::from_str(
//!     r#"{"name": "ck8", "axes": [{"size": 8, "dims": ["K"]}, {"size": 8, "dims": ["C"]}],
//!         "buffers": {"W": {"bytes": 64, "slots": 2}, "I": {"bytes": 256, "slots": 2}, "psum": {"words": 64, "slots": 2}},
//!         "l2": {"W": {"bytes": 16384, "slots": 2}, "I": {"bytes": 16384, "slots": 2}, "O": {"bytes": 16384, "slots": 2}},
//!         "lanes": {"W": 8, "I": 8, "drain": 8}, "requantizers": 4,
//!         "offchip": {"bytes_per_cycle": 8, "latency_cycles": 64}}"#,
//! )?;
//! accelerator.validate()?;
//!
//! let technology = Technology::named("45nm")?;
//! let mut model = technology.on(&accelerator);
//! let (seed, nobody) = (1, Interrupt::default());
//! let mapped = map_layer(&nest, &accelerator, &mut *model, &MapperSettings::default(), seed, &nobody)
//!     .map_err(|why| format!("no mapping: {why:?}"))?;
//! let cycles = mapped.best.figures.cycles;
//! println!("{}: {} MACs in {cycles} cycles", network.layers[1].name, nest.macs());
//!
//! // The same to the last cycle as doing every job one by one; and never more than one multiplication per PE and cycle.
//! let schedule = schedule(&nest, &accelerator, &mapped.best.mapping)?;
//! assert_eq!(schedule.layer_cycles(walk(&schedule).cycles, false), cycles);
//! assert!(cycles >= nest.macs() / u64::from(accelerator.pes()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod arch;
pub mod base;
pub mod cli;
pub mod cost;
pub mod mapping;
pub mod nas;
pub mod report;
pub mod rtl;
pub mod search;
pub mod sim;
pub mod workload;
