//! What the commands find and write.

use crate::npz::Npz;
use crate::{Place, repository};
use naas::sim::tensors;
use naas::workload::graph::Element;
use naas::workload::onnx;
use serde_json::Value;

fn number(v: &Value) -> f64 {
    v.as_f64().unwrap()
}

#[test]
fn a_search_repeats_and_its_design_serves_the_other_commands() {
    let place = Place::new();
    let line = "search resnet8 --resources shidiannao --evaluations 40 --seed 5";
    let found = place.document(&format!("{line} --out d.json"));
    assert_eq!((&found["evaluations"], &found["seed"]), (&40.into(), &5.into()));
    assert_eq!(found["stop_reason"], "evaluations");
    let history = found["history"].as_array().unwrap();
    assert!(history.iter().all(|g| number(&g["best"]) <= number(&g["mean"])));
    place.document(&format!("{line} --threads 1 --out e.json"));
    assert_eq!(place.read("d.json"), place.read("e.json"));

    let cost = place.document("cost --design d.json");
    assert_eq!(cost["total"], found["total"]);
    let mapped = place.document("map resnet8 --accelerator d.json --out m.json");
    assert_eq!(mapped["accelerator"], found["accelerator"]);
    assert!(number(&mapped["total"]["edp"]) <= 1.05 * number(&cost["total"]["edp"]));
    place.document("gen --design d.json --out rtl");
    place.document("gen --design d.json --out rtl2");
    assert_eq!(place.read("rtl/design.json"), place.read("d.json"));
    assert_eq!(place.read("rtl/manifest.txt"), place.read("rtl2/manifest.txt"));
    let names = place.names();
    let expected = [
        "ck8.json",
        "d.checkpoint.json",
        "d.json",
        "e.checkpoint.json",
        "e.json",
        "m.json",
        "rtl",
        "rtl2",
    ];
    assert_eq!(names, expected);
}

#[test]
fn costs_add_up_and_keep_above_their_bounds() {
    let place = Place::new();
    let document = place.document("map resnet8 --accelerator ck8.json --out d.json");
    let rows = document["layers"].as_array().unwrap();
    assert_eq!(rows.len(), 10);
    let sum = |member: &str| -> f64 { rows.iter().map(|r| number(&r[member])).sum() };
    let total = &document["total"];
    assert_eq!(number(&total["macs"]), sum("macs"));
    // After the last layer's record only its response is awaited.
    let finish = number(&total["cycles"]) - sum("cycles");
    assert!((1.0..200.0).contains(&finish), "{finish}");
    assert!((number(&total["energy_pj"]) / sum("energy_pj") - 1.0).abs() < 1e-12);
    assert_eq!(
        number(&total["edp"]),
        number(&total["energy_pj"]) * number(&total["cycles"])
    );
    for r in rows {
        assert!(number(&r["cycles_lower_bound"]) <= number(&r["cycles"]), "{r}");
        let gap = number(&r["edp"]) / number(&r["edp_lower_bound"]) - 1.0;
        assert_eq!(number(&r["proven_gap"]), gap, "{r}");
        assert!(gap >= 0.0 && number(&r["utilization"]) <= 1.0);
        assert_eq!(r["accesses"]["macs"], r["macs"]);
    }
    let one = place.document("map resnet8 --accelerator ck8.json --layer conv8 --out one.json");
    assert_eq!(one["layers"].as_array().unwrap().len(), 1);
}

#[test]
fn several_networks_share_an_accelerator() {
    let place = Place::new();
    let small = |name: &str, k: u32| {
        format!(r#"{{"name": "{name}", "layers": [{{"name": "m", "kind": "matmul", "M": 4, "N": {k}, "K": 64}}]}}"#)
    };
    place.write("a.json", small("a", 32));
    place.write("b.json", small("b", 48));
    let document = place.document("map a.json b.json --accelerator ck8.json --out d.json");
    assert_eq!(document["networks"].as_array().unwrap().len(), 2);
    assert_eq!(place.document("cost --design d.json --network b")["network"], "b");
    place.document("gen b --design d.json --out rtl");
    assert!(place.read("rtl/manifest.txt").contains("layer 0 m matmul 12288 "));
    let found = place.document("search a.json b.json --evaluations 12 --out s.json");
    assert_eq!(found["networks"].as_array().unwrap().len(), 2);
}

#[test]
fn float_networks_are_mapped_and_designs_compared() {
    let place = Place::new();
    place.write(
        "net.json",
        r#"{"name": "net", "layers": [
          {"name": "a", "kind": "conv", "K": 16, "C": 8, "H": 16, "W": 16, "R": 3, "S": 3, "pad": [1, 1, 1, 1], "stride": [2, 2]},
          {"name": "b", "kind": "matmul", "M": 4, "N": 24, "K": 64}]}"#,
    );
    place.document("map net.json --accelerator ck8.json --out d.json");
    let both = place.document("cost --design d.json --design d.json");
    let designs = both["designs"].as_array().unwrap();
    assert_eq!((designs.len(), &designs[0]), (2, &designs[1]));
    assert_eq!(
        (&designs[0]["design"], &designs[0]["technology"]["unit"]),
        (&"d.json".into(), &"pJ".into())
    );
    let text = place.run("cost --design d.json --design d.json");
    assert!(String::from_utf8(text.stdout).unwrap().contains("#2 cycles"));
    for row in designs[0]["layers"].as_array().unwrap() {
        let (roof, pes) = (&row["roofline"], 64.0);
        assert!(number(&roof["achieved"]) <= number(&roof["attainable"]) && number(&roof["attainable"]) <= pes);
        assert!(number(&row["bound_share"]) <= 1.0 && row["bound_by"].is_string());
    }
    let other = place.document("cost --design d.json --technology maestro-2020");
    assert_eq!(other["energy"]["offchip"], 0.0);
    assert_eq!(other["technology"]["unit"], "MACs");

    place.document("cost --design d.json --timeline a.svg --layer a");
    let picture = place.read("a.svg");
    assert!(picture.starts_with("<svg ") && picture.contains("Layer `a` of net"));
    place.document("cost --design d.json --timeline b.svg --layer b --from 100 --cycles 50");
    assert!(place.read("b.svg").contains("cycles 100 to 149"));
    assert!(
        place
            .refusal("cost --design d.json --timeline a.svg --layer c")
            .contains("no layer is named `c`")
    );
    assert!(
        place
            .refusal("cost --design d.json --design d.json --timeline a.svg --layer a")
            .contains("E0106")
    );
}

#[test]
fn float_onnx_files_are_networks() {
    let place = Place::new();
    let file = repository("tests/onnx/transformer.dynamo.onnx").display().to_string();
    let e = place.refusal(&format!("run {file} --input ck8.json --output y.npy"));
    assert!(e.contains("E0103"), "{e}");
    let document = place.document(&format!(
        "map {file} --accelerator ck8.json --layer node_MatMul_1 --out d.json"
    ));
    assert_eq!(document["layers"][0]["macs"], 10 * 48 * 144);
}

/// An array of the recorded vectors of a network, as a `.npy` file of its input (or output).
fn recorded(name: &str, array: &str) -> Vec<u8> {
    let graph = match name {
        "resnet8_cifar" => onnx::read(&repository("workloads/resnet8_cifar.onnx")).unwrap(),
        _ => onnx::read(&repository(&format!("workloads/vectors/{name}.onnx"))).unwrap(),
    };
    let port = if array.starts_with('x') {
        &graph.inputs[0]
    } else {
        &graph.outputs[0]
    };
    let tensor = &graph.tensors[port.tensor];
    let path = repository(&format!("workloads/vectors/{name}.npz"));
    let npy = Npz::open(&path).array(array);
    let values: Vec<i8> = match tensor.element {
        Element::Int8 => npy.into_vec::<i8>().unwrap(),
        Element::Uint8 => npy
            .into_vec::<u8>()
            .unwrap()
            .into_iter()
            .map(|v| (v ^ 0x80) as i8)
            .collect(),
    };
    let batches: Vec<Vec<i8>> = values.chunks(tensor.len()).map(<[i8]>::to_vec).collect();
    tensors::write(&batches, port, tensor)
}

#[test]
fn the_golden_engine_writes_the_recorded_files() {
    let place = Place::new();
    for name in ["conv1x1_s2", "conv3x3_s1", "dw3x3_s1", "group4_3x3", "fc_odd", "matmul"] {
        let network = repository(&format!("workloads/vectors/{name}.onnx"))
            .display()
            .to_string();
        for (x, y) in [("x", "y"), ("x2", "y2")] {
            place.write("x.npy", recorded(name, x));
            place.document(&format!("run {network} --input x.npy --output y.npy --engine golden"));
            assert!(
                std::fs::read(place.path("y.npy")).unwrap() == recorded(name, y),
                "{name} {y}"
            );
        }
    }
    // A network of batch 1, four images: the first axis grows alike.
    place.write("x.npy", recorded("resnet8_cifar", "x"));
    place.document("run resnet8 --input x.npy --output y.npy");
    assert!(std::fs::read(place.path("y.npy")).unwrap() == recorded("resnet8_cifar", "y"));
    assert_eq!(
        place.document("run resnet8 --input x.npy --output y.npy --limit 3")["inputs"],
        3
    );
}

/// Outputs of `resnet8` on the four recorded images, and their classes.
#[test]
fn labels_give_an_accuracy() {
    let place = Place::new();
    let y = recorded("resnet8_cifar", "y");
    place.write("x.npy", recorded("resnet8_cifar", "x"));
    // The greatest of each ten outputs, behind a head of 128 bytes.
    let class = |row: &[u8]| (0..10).rev().max_by_key(|&i| row[i] as i8).unwrap() as u8;
    let mut labels: Vec<u8> = y[128..].chunks(10).map(class).collect();
    labels[3] ^= 1;
    let mut file = b"\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'fortran_order': False, 'shape': (4,), }".to_vec();
    file.resize(127, b' ');
    file.push(b'\n');
    file.extend(labels);
    place.write("l.npy", file);
    let document = place.document("run resnet8 --input x.npy --output y.npy --labels l.npy --check-layers");
    assert_eq!((&document["labels"], &document["correct"]), (&4.into(), &3.into()));
    assert_eq!(
        (number(&document["accuracy"]), &document["semantics"]),
        (0.75, &"fp32_exact".into())
    );
    assert_eq!(document["layers"].as_array().unwrap().len(), 0);
    let arm = place.document("run resnet8 --input x.npy --output z.npy --semantics ort_arm");
    assert_eq!(arm["semantics"], "ort_arm");
    // The two additions agree on these images.
    assert_eq!(
        std::fs::read(place.path("z.npy")).unwrap(),
        std::fs::read(place.path("y.npy")).unwrap()
    );
}

/// An interrupted search that goes on ends with the bytes of one that was never interrupted, on any number of threads.
#[test]
fn a_search_goes_on_from_its_checkpoint() {
    let place = Place::new();
    for options in [
        "",
        " --method random --encoding index --space sizing",
        " --front",
        " --shared-axes",
        " --mapper exact --unguided",
    ] {
        let line = format!("search resnet8 --resources shidiannao --seed 5{options}");
        place.document(&format!("{line} --evaluations 70 --threads 2 --out whole.json"));
        place.document(&format!("{line} --evaluations 30 --threads 1 --out part.json"));
        place.document(&format!(
            "{line} --evaluations 70 --resume part.checkpoint.json --threads 1 --out part.json"
        ));
        assert_eq!(place.read("part.json"), place.read("whole.json"), "{options}");
        if options == " --front" {
            let points = |name: &str| {
                let folder = std::fs::read_dir(place.path(name)).unwrap().map(|f| f.unwrap().path());
                let mut files: Vec<_> = folder.collect();
                files.sort();
                files.iter().map(|f| std::fs::read(f).unwrap()).collect::<Vec<_>>()
            };
            let whole = points("whole.front");
            assert!(whole.len() > 2 && whole == points("part.front"));
        }
        assert_eq!(place.read("part.checkpoint.json"), place.read("whole.checkpoint.json"));
    }
    for options in [" --seed 6 --shared-axes", " --seed 5"] {
        let line = format!("search resnet8 --resources shidiannao --resume part.checkpoint.json --out d.json{options}");
        let other = place.refusal(&line);
        assert!(
            other.contains("error[E0106]: the checkpoint is of another search"),
            "{other}"
        );
    }
    let kept = place.refusal("search resnet8 --shared-axes --space sizing --out d.json");
    assert!(kept.contains("--shared-axes is about the axes' dimensions"), "{kept}");
}

/// The quick profile: every experiment runs, tables and plots are there, and a second call computes nothing again.
#[test]
fn a_quick_reproduction() {
    let place = Place::new();
    let first = place.document("reproduce --quick --out r");
    let claims = first["claims"].as_array().unwrap();
    assert!(
        claims
            .iter()
            .all(|c| number(&c["edp"]["median"]) <= number(&c["ceiling"]["edp"]))
    );
    for part in ["study", "pairs", "encodings", "methods", "learned", "time"] {
        assert!(!first[part].as_array().unwrap().is_empty(), "{part}");
    }
    let table = place.read("r/claims.md");
    assert!(place.read("r/layers.md").contains("| the optimum |"));
    for plot in [
        "methods-mean",
        "methods-best",
        "encodings",
        "sizing",
        "learned",
        "front",
    ] {
        assert!(place.read(&format!("r/{plot}.svg")).starts_with("<svg"), "{plot}");
    }
    let again = place.document("reproduce --quick --out r");
    assert_eq!((again, place.read("r/claims.md")), (first, table));
    assert!(
        place
            .refusal("reproduce --only c99")
            .contains("no experiment's name begins with `c99`")
    );
}
