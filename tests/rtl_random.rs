//! Generated hardware against the model: random (accelerator, layer, mapping) triples in Verilator.

use naas::base::rng;
use naas::cost::walk::walk;
use naas::mapping::random::{Limits, Triple, random_set};
use naas::rtl::folder::files;
use naas::rtl::hardware::Hardware;
use naas::rtl::program::{LayerRun, Predicted, Program};
use naas::sim::golden;
use naas::workload::quant::{ChannelParams, LayerPost};
use rand::RngExt as _;
use std::path::Path;
use std::process::Command;

fn data(seed: u64, n: usize) -> Vec<i8> {
    let mut r = rng::stream(seed, &[n as u64]);
    (0..n).map(|_| r.random_range(-128i32..=127) as i8).collect()
}

/// Data of one layer: weights, parameters, input and expected output.
struct LayerData {
    weights: Vec<i8>,
    post: LayerPost,
    input: Vec<i8>,
    output: Vec<i8>,
}

fn layer_data(t: &Triple, seed: u64) -> LayerData {
    let n = &t.nest;
    let [k, c, _, _, r, s] = n.bounds.0;
    let weights = data(seed, (n.g * k * c * r * s) as usize);
    let mut rng = rng::stream(seed, &[7]);
    // A shift that spreads the sums over the output range, so that rounding and both clamps occur.
    let spread = 64 - u64::from(c * r * s).leading_zeros() as u8 / 2;
    let channels = (0..n.g * k)
        .map(|_| ChannelParams {
            bias: rng.random_range(-20_000..20_000),
            multiplier: rng.random_range(1 << 23..1 << 24),
            shift: 30 + spread / 2 - 28 + rng.random_range(0..3u8),
        })
        .collect();
    let post = LayerPost {
        channels,
        zero_point: rng.random_range(-20..20),
        lo: -128,
        hi: rng.random_range(60..=127),
        input_zero_point: rng.random_range(-128..=127),
    };
    let input = data(seed + 1, golden_input_len(t));
    let output = golden::layer(&t.shape, &input, &weights, &post).unwrap();
    let (input, output) = nchw(t, input, output);
    LayerData {
        weights,
        post,
        input,
        output,
    }
}

fn build_and_run(set: &[Triple], seed: u64, dir: &Path) -> Result<(), String> {
    let layers: Vec<LayerData> = set
        .iter()
        .enumerate()
        .map(|(i, t)| layer_data(t, seed * 100 + i as u64))
        .collect();
    let runs: Vec<LayerRun> = set
        .iter()
        .zip(&layers)
        .enumerate()
        .map(|(i, (t, l))| {
            let s = t.schedule();
            let w = walk(&s);
            let c = &w.tally.counts;
            let predicted = Predicted {
                cycles: s.layer_cycles(w.cycles, i == 0),
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
            };
            LayerRun {
                name: format!("l{i}"),
                shape: t.shape,
                schedule: s,
                weights: &l.weights,
                post: &l.post,
                input: (2 * i, &l.input),
                output: (2 * i + 1, &l.output),
                predicted,
            }
        })
        .collect();
    let program = Program::new(0x1234_5678_9abc_def0 ^ seed, &runs).map_err(|e| e.to_string())?;
    let files = files(&Hardware::new(&set[0].accelerator), &program).map_err(|e| e.to_string())?;
    for (path, bytes) in &files.0 {
        let p = dir.join(path);
        std::fs::create_dir_all(p.parent().unwrap()).unwrap();
        if std::fs::read(&p).ok().as_deref() != Some(bytes) {
            std::fs::write(p, bytes).unwrap();
        }
    }
    let o = Command::new("make")
        .arg("-C")
        .arg(dir)
        .args(["sim", "OPT=-O0"])
        .env("NAAS_VERILATOR_CACHE", "/tmp/naas-vcache")
        .output()
        .unwrap();
    if o.status.success() {
        return Ok(());
    }
    Err(format!(
        "{}\n{}",
        String::from_utf8_lossy(&o.stdout),
        String::from_utf8_lossy(&o.stderr)
    ))
}

fn golden_input_len(t: &Triple) -> usize {
    use naas::workload::layer::Shape;
    match t.shape {
        Shape::Conv(c) => (c.N * c.C * c.H * c.W) as usize,
        Shape::Matmul(m) => (m.batch * m.M * m.K) as usize,
    }
}

fn nchw(t: &Triple, input: Vec<i8>, out: Vec<i8>) -> (Vec<i8>, Vec<i8>) {
    use naas::workload::layer::Shape;
    let Shape::Matmul(m) = t.shape else { return (input, out) };
    let p = (m.batch * m.M) as usize;
    let flip = |v: &[i8], c: usize| (0..c * p).map(|i| v[(i % p) * c + i / p]).collect();
    (flip(&input, m.K as usize), flip(&out, m.N as usize))
}

#[test]
fn random_triples() {
    let seed: u64 = std::env::var("NAAS_SEED")
        .ok()
        .and_then(|v| v.parse().ok())
        .unwrap_or(1);
    let from: u64 = std::env::var("NAAS_FROM")
        .ok()
        .and_then(|v| v.parse().ok())
        .unwrap_or(0);
    let count: u64 = std::env::var("NAAS_COUNT")
        .ok()
        .and_then(|v| v.parse().ok())
        .unwrap_or(3);
    let mut failed = 0;
    for i in from..from + count {
        let set = random_set(&mut rng::stream(seed, &[i]), &Limits::default(), 8);
        let dir = std::path::PathBuf::from(format!("/tmp/naas-rtl/{seed}_{i}"));
        let _ = std::fs::remove_dir_all(&dir);
        let r = build_and_run(&set, seed * 1000 + i, &dir);
        println!("case {i}: {}", if r.is_ok() { "ok" } else { "FAILED" });
        if let Err(e) = r {
            println!("{:?}", set[0].accelerator);
            for t in &set {
                println!("{:?} {:?}", t.shape, t.mapping);
            }
            println!("{}", &e[..e.len().min(6000)]);
            failed += 1;
        } else {
            let _ = std::fs::remove_dir_all(&dir);
        }
    }
    assert_eq!(failed, 0);
}
