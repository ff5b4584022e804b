//! Many runs of one simulated accelerator in one process, without a reset between them: built and started once.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::sim::verilator::{Dump, Folder, Report};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Output, Stdio};

/// A bench that waits for commands.
#[derive(Debug)]
pub struct Server {
    folder: Folder,
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Server {
    /// Builds the bench of `folder` if that is needed, and starts it on a manifest of the same hardware: the folder's own, or
    /// that of another network. Outputs are left to the caller to compare.
    ///
    /// # Errors
    /// `E0401` if a tool is missing, `E0402` if one fails.
    pub fn start(folder: &Folder, manifest: &Path) -> Result<Self> {
        let mut command = folder.bench()?;
        command.args(["--serve", "--quiet", "--no-compare"]).arg(manifest);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let failed = |e: &str| Diagnostic::new(Code::ToolFailed, format!("cannot start the bench: {e}"));
        let mut child = command.spawn().map_err(|e| failed(&e.to_string()))?;
        let (Some(commands), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("it has no input or output"));
        };
        Ok(Self {
            folder: folder.clone(),
            child,
            commands,
            answers: BufReader::new(answers),
        })
    }

    /// Runs the control table once, with these files in memory after the manifest's own, and saves parts of memory
    /// afterwards. `report` is a file for the bench's result.
    ///
    /// # Errors
    /// As [`Folder::run`].
    pub fn run(&mut self, loads: &[(u64, PathBuf)], dumps: &[Dump], report: &Path) -> Result<Report> {
        let mut text = String::new();
        for (address, file) in loads {
            text += &format!("load {address} {}\n", file.display());
        }
        for dump in dumps {
            text += &format!("dump {} {} {}\n", dump.address, dump.length, dump.file.display());
        }
        text += &format!("run {}\n", report.display());
        let mut answer = String::new();
        let sent = self
            .commands
            .write_all(text.as_bytes())
            .and_then(|()| self.commands.flush());
        if sent.is_err() || !matches!(self.answers.read_line(&mut answer), Ok(1..)) {
            return Err(self.ended());
        }
        let result = std::fs::read_to_string(report).ok();
        result
            .and_then(|text| serde_json::from_str(&text).ok())
            .ok_or_else(|| Diagnostic::new(Code::ToolFailed, "the bench wrote no result"))
    }

    /// Why a bench ended that should have answered.
    fn ended(&mut self) -> Diagnostic {
        let mut stderr = Vec::new();
        if let Some(pipe) = &mut self.child.stderr {
            // What could be read is shown; there is nothing better to tell.
            let _ = pipe.read_to_end(&mut stderr);
        }
        match self.child.wait() {
            Ok(status) => self.folder.explain(&Output {
                status,
                stdout: Vec::new(),
                stderr,
            }),
            Err(e) => Diagnostic::new(Code::ToolFailed, format!("the bench does not answer: {e}")),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A bench in the middle of a run need not finish it. One that has ended already cannot be killed: no matter.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
