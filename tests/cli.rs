//! The program as its users and their scripts meet it: exit status, what stands on stdout, what on stderr.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Output};

/// Runs the program with a line of arguments.
fn naas(line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_naas"))
        .args(line.split_whitespace())
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn help_works_for_every_command_and_shows_examples() {
    let help = naas("--help");
    assert_eq!((help.status.code(), stderr(&help).as_str()), (Some(0), ""));
    for command in ["search", "map", "cost", "gen", "sim", "run", "list", "explain"] {
        assert!(stdout(&help).contains(command));
        let own = naas(&format!("{command} --help"));
        assert_eq!(own.status.code(), Some(0));
        for part in ["Examples:\n", "--json", "--seed", "--threads", "--quiet"] {
            assert!(stdout(&own).contains(part), "{command}: {part}\n{}", stdout(&own));
        }
    }
}

#[test]
fn the_version_is_the_crates() {
    assert_eq!(
        stdout(&naas("--version")),
        format!("naas {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn bad_usage_is_status_2_and_leaves_stdout_empty() {
    for line in [
        "",
        "nonsense",
        "list",
        "list nonsense",
        "list layers --threads 0",
        "explain",
        "search resnet8",
        "map resnet8 --out d.json",
        "cost",
        "gen --design d.json --resources eyeriss --out rtl",
        "sim",
        "run resnet8 --input x.npy",
    ] {
        let output = naas(line);
        assert_eq!(
            (output.status.code(), stdout(&output).as_str()),
            (Some(2), ""),
            "{line}"
        );
        assert!(!output.stderr.is_empty(), "{line}");
    }
}

#[test]
fn explain_tells_what_is_behind_a_code() {
    let output = naas("explain e0101");
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!(stdout(&output), @r"
    E0101 (exit status 2)

    The file does not exist, cannot be opened, or ends before its format says it should. A truncated
    download is the usual cause: compare the file's size with its source, and fetch or export it again.
    ");
    let output = naas("explain E0101 --json");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&document["code"], &document["exit_status"]),
        (&"E0101".into(), &2.into())
    );
}

#[test]
fn an_unknown_name_is_e0105() {
    let output = naas("explain E9999 --json");
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""));
    insta::assert_snapshot!(stderr(&output), @r"
    error[E0105]: there is no error code `E9999`
      expected: one of E0101 E0102 E0103 E0104 E0105 E0106 E0201 E0202 E0203 E0204 E0205 E0301 E0401 E0402 E0501
    ");
    insta::assert_snapshot!(stderr(&naas("explain e101")).lines().last().unwrap(), @"  next: did you mean `naas explain E0101`?");
}

#[test]
fn list_prints_a_table_or_one_document() {
    let table = stdout(&naas("list layers"));
    insta::assert_snapshot!(table, @r"
    name        what
    conv        convolution over all channels: any stride, four pads, dilation
    grouped     convolution in groups of channels
    depthwise   convolution with one filter per channel (groups = channels)
    matmul      matrix product with constant weights, fully connected layers included
    product     matrix product of two activations, the second packed as weights are
    transposed  transposed convolution, run as a convolution of its phases
    add         sum of two feature maps, each times a constant: residual additions
    maxpool     greatest input of each window of a channel
    ");
    for topic in ["networks", "resources", "technologies", "methods", "layers"] {
        let output = naas(&format!("list {topic} --json"));
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let entries = document["entries"].as_array().unwrap();
        assert_eq!(
            stdout(&naas(&format!("list {topic}"))).lines().count(),
            entries.len() + 1
        );
    }
}

#[test]
fn a_reader_that_stops_early_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_naas"))
        .args(["list", "methods"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

/// At the library's door, which every command that takes a network goes through.
#[test]
fn an_unknown_network_is_e0105_with_a_suggestion() {
    let error = naas::workload::zoo::open("mobilenetv2").unwrap_err();
    assert_eq!((error.code.as_str(), error.code.exit_status()), ("E0105", 2));
    assert_eq!(error.next.as_deref(), Some("did you mean `mobilenet_v2`?"));
}
