//! Bad input: each kind with its text, and nothing left half-written.

use crate::{Place, repository, text};
use insta::assert_snapshot;
use std::thread::sleep;
use std::time::Duration;

#[test]
fn a_truncated_network() {
    let place = Place::new();
    let whole = std::fs::read(repository("workloads/resnet8_cifar.onnx")).unwrap();
    place.write("cut.onnx", &whole[..whole.len() / 2]);
    assert_snapshot!(place.refusal("search cut.onnx --out d.json"), @r"
    error[E0101]: the file is no ONNX model or is cut off: failed to decode Protobuf message: ModelProto.graph: buffer underflow
      at: cut.onnx
      next: compare the file's size with its source
    ");
    assert_eq!(place.names(), ["ck8.json", "cut.onnx"]);
}

#[test]
fn an_unsupported_operator() {
    let place = Place::new();
    let mut model = std::fs::read(repository("workloads/vectors/conv3x3_s1.onnx")).unwrap();
    // Field 4 of a node, its operator, of four letters.
    let at = model.windows(6).position(|w| w == b"\"\x04Conv").unwrap();
    model[at + 2..at + 6].copy_from_slice(b"Tanh");
    place.write("tanh.onnx", model);
    assert_snapshot!(place.refusal("map tanh.onnx --accelerator ck8.json --out d.json"), @r"
    error[E0103]: operator `Tanh` is not supported
      at: tanh.onnx, node `op`
      expected: int8 QDQ form of Conv, Gemm, MatMul, Add, GlobalAveragePool, MaxPool, Concat, Flatten, Reshape, Relu, Clip
      next: search the network's shapes from a workload .json file
    ");
}

#[test]
fn zero_and_overflowing_sizes() {
    let place = Place::new();
    let conv = r#""kind": "conv", "C": 3, "H": 8, "W": 8, "R": 3, "S": 3"#;
    place.write(
        "zero.json",
        format!(r#"{{"name": "z", "layers": [{{"name": "c1", "K": 0, {conv}}}]}}"#),
    );
    let product = r#""kind": "matmul", "batch": 1048576, "M": 1048576, "N": 1048576, "K": 1048576"#;
    place.write(
        "huge.json",
        format!(r#"{{"name": "h", "layers": [{{"name": "m", {product}}}]}}"#),
    );
    assert_snapshot!(place.refusal("search zero.json --out d.json"), @r"
    error[E0104]: K is 0
      at: zero.json, layer `c1`
      expected: a size from 1 to 1048576
    ");
    assert_snapshot!(place.refusal("search huge.json --out d.json"), @r"
    error[E0104]: the layer's multiply-accumulates overflow
      at: huge.json, layer `m`
      expected: at most 1125899906842624
    ");
}

#[test]
fn resources_that_no_accelerator_fits() {
    let place = Place::new();
    let tiny = r#"{"name": "tiny", "pes": 64, "onchip_bytes": 700, "network_bytes_per_cycle": 16,
                   "drain_psums_per_cycle": 8, "offchip_bytes_per_cycle": 8, "offchip_latency_cycles": 64}"#;
    place.write("tiny.json", tiny);
    assert_snapshot!(place.refusal("search resnet8 --resources tiny.json --out d.json"), @r"
    error[E0201]: 0 of 20000 sampled accelerators can run every layer; the nearest miss: 704 on-chip bytes exceed the limit of 700
      at: resources `tiny`
      next: raise the named limit
    ");
    assert_eq!(place.names(), ["ck8.json", "tiny.json"]);
}

#[test]
fn accelerators_that_cannot_be_built_or_are_too_small() {
    let place = Place::new();
    let ck8 = place.read("ck8.json");
    place.write("narrow.json", ck8.replace(r#""lanes": {"W": 8"#, r#""lanes": {"W": 3"#));
    place.write(
        "small.json",
        ck8.replace(r#""l2": {"W": {"bytes": 16384"#, r#""l2": {"W": {"bytes": 8"#),
    );
    assert_snapshot!(place.refusal("map resnet8 --accelerator narrow.json --out d.json"), @r"
    error[E0202]: the accelerator cannot be built: lanes.W is 3, allowed are the powers of two from 1 to 64
      at: narrow.json, accelerator `ck8`
      next: change the named figures; docs/hardware.md tells the rules
    ");
    assert_snapshot!(place.refusal("map resnet8 --accelerator small.json --out d.json"), @r"
    error[E0201]: the layer cannot run on accelerator `ck8`: l2.W bytes needs 24, a slot holds 8
      at: layer `conv1`
      next: give the accelerator more of what is named
    ");
}

#[test]
fn designs_that_were_edited() {
    let place = Place::new();
    place.document("map resnet8 --accelerator ck8.json --layer fc18 --out d.json");
    let design = place.read("d.json");
    place.write("lanes.json", design.replacen(r#""W":8,"#, r#""W":4,"#, 1));
    place.write("order.json", design.replacen("| K C", "| K K", 1));
    place.write("tile.json", design.replacen("K8 C64", "K8 C60", 1));
    place.write("member.json", design.replacen(r#""axes":"#, r#""speed":1,"axes":"#, 1));
    place.write("short.json", &design[..design.len() / 2]);
    assert_snapshot!(place.refusal("cost --design lanes.json"), @r"
    error[E0204]: the design's hash is 233a90681d2b5213, its accelerator's 1e9157d0350f0b07
      at: lanes.json
      next: map the edited accelerator anew: `naas map --accelerator FILE --out design.json`
    ");
    assert_snapshot!(place.refusal("gen --design order.json --out rtl"), @r"
    error[E0102]: `K8 C64 Y1 X1 R1 S1 | C8 K8 Y1 X1 R1 S1 | K K Y X R S` is no mapping
      at: order.json:9:58
      next: docs/formats.md describes the file's members
    ");
    assert_snapshot!(place.refusal("gen --design tile.json --out rtl"), @r"
    error[E0203]: the mapping cannot run: the off-chip tile's C extent of 60 is not a multiple of 8 (lanes and bus)
      at: tile.json, layer `fc18`
      next: `naas map` finds legal mappings
    ");
    assert_snapshot!(place.refusal("cost --design member.json"), @r"
    error[E0102]: unknown field `speed`, expected one of `name`, `axes`, `buffers`, `l2`, `lanes`, `requantizers`, `offchip`
      at: member.json:2:37
      next: docs/formats.md describes the file's members
    ");
    assert_snapshot!(place.refusal("map resnet8 --accelerator lanes.json --out e.json"), @r"
    error[E0204]: the design's hash is 233a90681d2b5213, its accelerator's 1e9157d0350f0b07
      at: lanes.json
      next: map the edited accelerator anew: `naas map --accelerator FILE --out design.json`
    ");
    assert_snapshot!(place.refusal("cost --design d.json --network vgg16"), @r"
    error[E0105]: the design has no mappings for `vgg16`
      expected: one of resnet8
      next: `naas map NETWORK --accelerator DESIGN --out FILE` maps another network
    ");
    assert!(
        place
            .refusal("cost --design short.json")
            .starts_with("error[E0101]: the JSON text ends too early")
    );
}

#[test]
fn outputs_that_cannot_be_written() {
    let place = Place::new();
    place.document("map resnet8 --accelerator ck8.json --layer fc18 --out d.json");
    assert_snapshot!(place.refusal("gen --design d.json --out no/rtl"), @r"
    error[E0205]: cannot write the output: No such file or directory
      at: no/rtl
      expected: a path in an existing folder with write permission
      next: create the folder, or choose another place
    ");
    // Refused before anything is searched: such a search would take minutes.
    let search = place.refusal("search resnet50 --evaluations 1000000 --out no/d.json");
    assert!(search.starts_with("error[E0205]"), "{search}");
    std::fs::create_dir(place.path("mine")).unwrap();
    place.write("mine/thesis.tex", "\\end{document}");
    assert_snapshot!(place.refusal("gen --design d.json --out mine"), @r"
    error[E0205]: the folder exists and was not written by naas
      at: mine
      expected: a new or empty folder, or one with a file `naas.f`
      next: choose another folder, or empty this one
    ");
    assert_eq!(place.names(), ["ck8.json", "d.json", "mine"]);
}

#[test]
fn inputs_of_a_run() {
    let place = Place::new();
    let network = repository("workloads/vectors/matmul.onnx").display().to_string();
    place.write("x.npy", "no array");
    assert_snapshot!(place.refusal("run resnet50 --input x.npy --output y.npy"), @r"
    error[E0103]: network `resnet50` has no weights: it is known by its shapes only
      expected: an int8 .tflite or .onnx file, or `resnet8`
    ");
    assert_snapshot!(place.refusal(&format!("run {network} --input x.npy --output y.npy")), @r"
    error[E0101]: not a complete .npy file: magic not found for NPY file
      at: x.npy
      expected: a .npy file as numpy.save writes it
    ");
    assert_eq!(place.names(), ["ck8.json", "x.npy"]);
}

#[test]
fn a_folder_that_is_none_of_ours() {
    assert_snapshot!(Place::new().refusal("sim ."), @r"
    error[E0101]: cannot read the file: No such file or directory
      at: ./naas.f
      expected: a folder that `naas gen` wrote
      next: naas gen --out .
    ");
}

#[cfg(unix)]
#[test]
fn an_interrupted_search() {
    for command in [
        "search resnet50 --evaluations 1000000 --out /dev/null",
        "gen resnet50 --out rtl",
    ] {
        let place = Place::new();
        let child = place
            .command(command)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        sleep(Duration::from_millis(1500));
        let interrupt = std::process::Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status();
        assert!(interrupt.unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(
            (output.status.code(), text(&output.stdout).as_str()),
            (Some(130), ""),
            "{command}"
        );
        assert_eq!(
            text(&output.stderr),
            "error[E0501]: interrupted\n  next: run the command again\n"
        );
        assert_eq!(place.names(), ["ck8.json"], "{command}");
    }
}

#[test]
fn semantics_of_another_runtime_and_cut_tflite_files() {
    let place = Place::new();
    place.write("x.npy", b"");
    let line = "run resnet8 --input x.npy --output y.npy --semantics micro";
    assert_snapshot!(place.refusal(line), @r"
    error[E0106]: semantics `micro` do not go with this network
      at: resnet8
      expected: fp32_exact or ort_arm
    ");
    place.write("cut.tflite", b"\x1c\0\0\0TFL3");
    assert_snapshot!(place.refusal("search cut.tflite --out d.json"), @r"
    error[E0101]: the file is no TFLite model, or is cut off or damaged
      at: cut.tflite
      next: compare the file's size with its source
    ");
}
