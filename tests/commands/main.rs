//! The commands that need no outside tool, through the program: what they write, print and refuse.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/npz.rs"]
mod npz;
mod refusals;
mod results;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder with an accelerator file, in which the program is run; it vanishes with the test.
struct Place(tempfile::TempDir);

/// 64 PEs, small enough to be simulated quickly, large enough for every layer of the tests.
const CK8: &str = r#"{"name": "ck8", "axes": [{"size": 8, "dims": ["K"]}, {"size": 8, "dims": ["C"]}],
 "buffers": {"W": {"bytes": 64, "slots": 2}, "I": {"bytes": 256, "slots": 2}, "psum": {"words": 64, "slots": 2}},
 "l2": {"W": {"bytes": 16384, "slots": 2}, "I": {"bytes": 16384, "slots": 2}, "O": {"bytes": 16384, "slots": 2}},
 "lanes": {"W": 8, "I": 8, "drain": 8}, "requantizers": 4, "offchip": {"bytes_per_cycle": 8, "latency_cycles": 64}}"#;

impl Place {
    /// A folder that holds `ck8.json`.
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("ck8.json", CK8);
        place
    }

    /// A path in the folder.
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file of the folder.
    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// The text of a file of the folder.
    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Names in the folder, temporary ones included.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The program with a line of arguments, ready to be started.
    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_naas"));
        command.current_dir(self.0.path()).args(line.split_whitespace());
        command
    }

    /// Runs the program with a line of arguments.
    fn run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    /// Runs what must succeed; its document.
    fn document(&self, line: &str) -> Value {
        let output = self.run(&format!("{line} --json --quiet"));
        assert_eq!(
            (output.status.code(), text(&output.stderr).as_str()),
            (Some(0), ""),
            "{line}"
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Runs what must be refused with status 2 and nothing on stdout; its error.
    fn refusal(&self, line: &str) -> String {
        let output = self.run(line);
        assert_eq!(
            (output.status.code(), text(&output.stdout).as_str()),
            (Some(2), ""),
            "{line}"
        );
        text(&output.stderr)
    }
}

/// What was printed.
fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A file of the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
