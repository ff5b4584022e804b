//! Generated hardware against the model: random (accelerator, layer, mapping) triples in Verilator.

use naas::base::rng;
use naas::cost::walk::walk;
use naas::mapping::random::{Limits, Triple, random_triple};
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

fn build_and_run(t: &Triple, seed: u64, dir: &Path) -> Result<(), String> {
    let s = t.schedule();
    let n = &t.nest;
    let weights_len = (n.g as usize) * n.bounds.0[0] as usize * n.bounds.0[1] as usize * (n.bounds.0[4] * n.bounds.0[5]) as usize;
    let weights = data(seed, weights_len);
    let channels = (0..n.g * n.bounds.0[0])
        .map(|k| ChannelParams { bias: (k as i32 * 7919) % 1000 - 500, multiplier: 0x00c0_0000 + k * 977, shift: 32 })
        .collect();
    let post = LayerPost { channels, zero_point: -3, lo: -128, hi: 127, input_zero_point: 5 };
    let input_len = golden_input_len(t);
    let input = data(seed + 1, input_len);
    let out = golden::layer(&t.shape, &input, &weights, &post).map_err(|e| e.to_string())?;
    let (input, out) = nchw(t, input, out);
    let w = walk(&s);
    let c = &w.tally.counts;
    let predicted = Predicted {
        cycles: s.layer_cycles(w.cycles, true),
        counters: [c.macs, c.compute_cycles, c.w_cycles, c.w_words, c.i_cycles, c.i_words, c.i_writes, c.drain_cycles, c.psum_words, c.acc_reads, c.read_beats, c.write_beats],
    };
    let run = LayerRun { name: "l".into(), shape: t.shape, schedule: s, weights: &weights, post: &post, input: (0, &input), output: (1, &out), predicted };
    let program = Program::new(0x1234_5678_9abc_def0, &[run]).map_err(|e| e.to_string())?;
    let files = files(&Hardware::new(&t.accelerator), &program).map_err(|e| e.to_string())?;
    for (path, bytes) in &files.0 {
        let p = dir.join(path);
        std::fs::create_dir_all(p.parent().unwrap()).unwrap();
        if std::fs::read(&p).ok().as_deref() != Some(bytes) { std::fs::write(p, bytes).unwrap(); }
    }
    let o = Command::new("make").arg("-C").arg(dir).arg("sim").env("NAAS_VERILATOR_CACHE", "/tmp/naas-vcache").output().unwrap();
    if o.status.success() { return Ok(()); }
    Err(format!("{}\n{}", String::from_utf8_lossy(&o.stdout), String::from_utf8_lossy(&o.stderr)))
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
    let seed: u64 = std::env::var("NAAS_SEED").ok().and_then(|v| v.parse().ok()).unwrap_or(1);
    let from: u64 = std::env::var("NAAS_FROM").ok().and_then(|v| v.parse().ok()).unwrap_or(0);
    let count: u64 = std::env::var("NAAS_COUNT").ok().and_then(|v| v.parse().ok()).unwrap_or(3);
    let mut failed = 0;
    for i in from..from + count {
        let t = random_triple(&mut rng::stream(seed, &[i]), &Limits::default());
        let dir = std::path::PathBuf::from(format!("/tmp/naas-rtl/{seed}_{i}"));
        let r = build_and_run(&t, seed * 1000 + i, &dir);
        println!("case {i}: {}", if r.is_ok() { "ok" } else { "FAILED" });
        if let Err(e) = r {
            println!("{t:?}\n{}", &e[..e.len().min(3500)]);
            failed += 1;
        } else { let _ = std::fs::remove_dir_all(&dir); }
    }
    assert_eq!(failed, 0);
}
