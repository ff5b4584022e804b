//! Folders of random designs: data, expectations, building and running.

use naas::base::rng;
use naas::cost::walk::walk;
use naas::mapping::random::Triple;
use naas::rtl::folder::files;
use naas::rtl::hardware::Hardware;
use naas::rtl::program::{LayerRun, Predicted, Program};
use naas::sim::golden;
use naas::workload::graph::Layout;
use naas::workload::layer::Shape;
use naas::workload::quant::{ChannelParams, LayerPost, Rounding};
use rand::RngExt as _;
use std::process::Command;

const ROUNDINGS: [Rounding; 5] = [
    Rounding::HalfUp,
    Rounding::HalfAway,
    Rounding::Twice,
    Rounding::Even,
    Rounding::Float32,
];

/// A number from the environment.
pub fn env_or(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

/// A generated folder, removed when dropped.
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// The folder of a design that runs `set`, whose accelerators are the same.
    pub fn of(set: &[Triple], seed: u64) -> Self {
        let layers: Vec<LayerData> = set
            .iter()
            .zip(0..)
            .map(|(t, i)| LayerData::random(t, seed, i))
            .collect();
        let runs: Vec<LayerRun> = set
            .iter()
            .zip(&layers)
            .enumerate()
            .map(|(i, (t, data))| layer_run(i, t, data))
            .collect();
        let program = Program::new(0x1234_5678_9abc_def0 ^ seed, &runs).unwrap();
        let dir = tempfile::tempdir().unwrap();
        for (path, bytes) in &files(&Hardware::new(&set[0].accelerator), &program).unwrap().0 {
            let at = dir.path().join(path);
            std::fs::create_dir_all(at.parent().unwrap()).unwrap();
            std::fs::write(at, bytes).unwrap();
        }
        Self(dir)
    }

    /// Builds the bench and runs it with `args`; what it printed if anything differs.
    pub fn simulate(&self, args: &[&str]) -> Result<(), String> {
        self.make("sim", &["OPT=-O0", &format!("ARGS={}", args.join(" "))])
    }

    /// Runs a target of the folder's Makefile.
    pub fn make(&self, target: &str, settings: &[&str]) -> Result<(), String> {
        let output = Command::new("make")
            .arg("-C")
            .arg(self.0.path())
            .arg(target)
            .args(settings)
            .env(
                "NAAS_VERILATOR_CACHE",
                concat!(env!("CARGO_TARGET_TMPDIR"), "/verilator"),
            )
            .output()
            .expect("make, Verilator, Icarus and Yosys must be installed: run `make setup`");
        if output.status.success() {
            return Ok(());
        }
        Err(format!(
            "{}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ))
    }
}

/// Data of one layer, tensors as `[image][channel][row][column]`.
struct LayerData {
    weights: Vec<i8>,
    post: LayerPost,
    input: Vec<i8>,
    output: Vec<i8>,
}

impl LayerData {
    fn random(t: &Triple, seed: u64, index: u64) -> Self {
        let mut rng = rng::stream(seed, &[index]);
        let mut bytes = |n: u32| -> Vec<i8> { (0..n).map(|_| rng.random()).collect() };
        let [k, c, _, _, r, s] = t.nest.bounds.0;
        let weights = bytes(t.nest.g * k * c * r * s);
        let input = bytes(match t.shape {
            Shape::Conv(c) => c.N * c.C * c.H * c.W,
            Shape::Matmul(m) => m.batch * m.M * m.K,
        });
        // Sums have a spread of about 2^12 * sqrt(taps): this shift spreads outputs over their range and past both clamps.
        let taps = u64::from(c * r * s);
        let spread = (64 - taps.leading_zeros()) as u8 / 2;
        let channels = (0..t.nest.g * k)
            .map(|_| {
                // Every rounding of the output unit; the integer ones with all 31 bits.
                let rounding = ROUNDINGS[rng.random_range(0..ROUNDINGS.len())];
                let more = if rounding == Rounding::Float32 { 0 } else { 7 };
                let fine = rng.random_range(0..1u32 << more);
                ChannelParams {
                    bias: rng.random_range(-20_000..20_000),
                    multiplier: rng.random_range(1 << 23..1 << 24) << more | fine,
                    shift: 29 + spread + more + rng.random_range(0..3u8),
                    rounding,
                }
            })
            .collect();
        let post = LayerPost {
            channels,
            zero_point: rng.random_range(-20..20),
            lo: rng.random_range(-128..=-60),
            hi: rng.random_range(60..=127),
            input_zero_point: rng.random(),
        };
        let output = golden::layer(&t.shape, Layout::ChannelsFirst, &input, &weights, &post).unwrap();
        let (input, output) = channels_first(&t.shape, input, output);
        Self {
            weights,
            post,
            input,
            output,
        }
    }
}

/// Products keep their channels innermost; the hardware's layout starts from channels outermost.
fn channels_first(shape: &Shape, input: Vec<i8>, output: Vec<i8>) -> (Vec<i8>, Vec<i8>) {
    let Shape::Matmul(m) = shape else {
        return (input, output);
    };
    let positions = (m.batch * m.M) as usize;
    let flip = |v: &[i8], channels: usize| {
        (0..channels * positions)
            .map(|i| v[(i % positions) * channels + i / positions])
            .collect()
    };
    (flip(&input, m.K as usize), flip(&output, m.N as usize))
}

fn layer_run<'a>(index: usize, t: &Triple, data: &'a LayerData) -> LayerRun<'a> {
    let schedule = t.schedule();
    let model = walk(&schedule);
    let c = &model.tally.counts;
    LayerRun {
        name: format!("layer{index}"),
        shape: t.shape,
        weights: &data.weights,
        post: &data.post,
        input: (2 * index, &data.input),
        output: (2 * index + 1, &data.output),
        predicted: Predicted {
            cycles: schedule.layer_cycles(model.cycles, index == 0),
            counters: [
                c.macs,
                c.compute_cycles,
                c.w_cycles,
                c.w_words,
                c.i_cycles,
                c.i_words,
                c.i_writes,
                c.drain_cycles,
                c.psum_words,
                c.acc_reads,
                c.read_beats,
                c.write_beats,
            ],
        },
        schedule,
    }
}
