//! Network spaces and accuracy models as the command line names them.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::files;
use crate::cli::args::SpaceName;
use crate::nas::accuracy::{Accuracy, AccuracyModel, OfaMlp, Provenance, Table};
use crate::nas::mnist::NaasMnist;
use crate::nas::mobilenet_v3::OfaMobileNetV3;
use crate::nas::resnet50::OfaResNet50;
use crate::nas::space::{Genotype, NetworkSpace};
use crate::workload::network::Network;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// All spaces.
const SPACES: [&dyn NetworkSpace; 4] = [&OfaResNet50, &OfaMobileNetV3::Narrow, &OfaMobileNetV3::Wide, &NaasMnist];

/// The space of this name.
#[must_use]
pub fn space(name: SpaceName) -> &'static dyn NetworkSpace {
    match name {
        SpaceName::OfaResnet50 => &OfaResNet50,
        SpaceName::OfaMobilenetv3 => &OfaMobileNetV3::Narrow,
        SpaceName::OfaMobilenetv3Wide => &OfaMobileNetV3::Wide,
        SpaceName::NaasMnist => &NaasMnist,
    }
}

/// What opens a subnet again: `SPACE@RESOLUTION:GENOTYPE`.
#[must_use]
pub fn subnet_text(space: &dyn NetworkSpace, genotype: &Genotype) -> String {
    format!(
        "{}@{}:{}",
        space.name(),
        space.resolution(genotype),
        space.text(genotype)
    )
}

/// The subnet that such a text describes; none if it is no such text.
#[must_use]
pub fn open_subnet(text: &str) -> Option<Result<Network>> {
    let (name, rest) = text.split_once('@')?;
    let space = SPACES.into_iter().find(|s| s.name() == name)?;
    let (resolution, word) = rest.split_once(':')?;
    let resolution = resolution.parse().ok()?;
    Some(space.parse(word, resolution).and_then(|g| space.subnet(&g)))
}

/// The genotype that such a text describes.
///
/// # Errors
/// `E0106` for another space's or no such text, `E0102` if it is none of `space`.
pub fn genotype(text: &str, space: &dyn NetworkSpace) -> Result<Genotype> {
    let typed = text.split_once('@').filter(|(name, _)| *name == space.name());
    let parts = typed.and_then(|(_, rest)| rest.split_once(':'));
    let parts = parts.and_then(|(resolution, word)| Some((resolution.parse().ok()?, word)));
    let (resolution, word) = parts.ok_or_else(|| {
        Diagnostic::new(Code::Usage, "not a network of the space")
            .at(format!("`{text}`"))
            .expected(format!("`{}@RESOLUTION:GENOTYPE`, as results print it", space.name()))
    })?;
    let mut genotype = space.parse(word, resolution)?;
    space.normalise(&mut genotype);
    Ok(genotype)
}

/// The accuracy model that was typed: the predictor's `.pth`, a `.csv` table, or `command:PROGRAM ARGUMENT...`.
///
/// # Errors
/// Those of the file; `E0106` for a predictor of another space; `E0401` for a program that cannot be started.
pub fn accuracy(text: &str, space: &'static dyn NetworkSpace) -> Result<Box<dyn AccuracyModel>> {
    if let Some(line) = text.strip_prefix("command:") {
        return Ok(Box::new(Outside::start(line, space)?));
    }
    let path = Path::new(text);
    match path.extension().and_then(|e| e.to_str()) {
        Some("csv") => Ok(Box::new(Table::new(&files::read_text(path)?, text, space)?)),
        Some("pth" | "pt") if space.name() == OfaResNet50.name() => {
            Ok(Box::new(OfaMlp::new(&files::read(path)?, text)?))
        }
        Some("pth" | "pt") => Err(Diagnostic::new(
            Code::Usage,
            format!("the predictor knows `{}` only", OfaResNet50.name()),
        )
        .at(text)
        .next("give a table or a command for other spaces")),
        _ => Err(Diagnostic::new(Code::Usage, "not an accuracy model")
            .at(text)
            .expected("a .pth predictor, a .csv table, or command:PROGRAM")),
    }
}

/// A program that is asked: it reads one genotype a line as JSON and answers each with `{"top1": PERCENT}`, or with
/// `{"top1": null}` for what it does not know.
struct Outside {
    line: String,
    space: &'static dyn NetworkSpace,
    pipes: Mutex<Pipes>,
}

struct Pipes {
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Drop for Pipes {
    fn drop(&mut self) {
        // The program may have ended by itself, and nothing depends on how.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Outside {
    fn start(line: &str, space: &'static dyn NetworkSpace) -> Result<Self> {
        let missing = |why: String| {
            Diagnostic::new(
                Code::ToolMissing,
                format!("the accuracy command cannot be started: {why}"),
            )
            .at(format!("`{line}`"))
            .expected("a program and its arguments, separated by spaces")
        };
        let mut words = line.split_whitespace();
        let program = words.next().ok_or_else(|| missing("it is empty".into()))?;
        let mut child = Command::new(program)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| missing(e.to_string()))?;
        let (Some(ask), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(missing("its pipes are closed".into()));
        };
        let answers = BufReader::new(answers);
        Ok(Self {
            line: line.to_owned(),
            space,
            pipes: Mutex::new(Pipes { child, ask, answers }),
        })
    }

    fn failed(&self, what: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Code::ToolFailed, what)
            .at(format!("accuracy command `{}`", self.line))
            .expected("one line of JSON such as {\"top1\": 76.1} for each line of input")
    }

    /// One question, one answer: no pipe can fill up while both wait.
    fn one(&self, pipes: &mut Pipes, genotype: &Genotype) -> Result<Option<Accuracy>> {
        let question = self.space.document(genotype);
        writeln!(pipes.ask, "{question}")
            .and_then(|()| pipes.ask.flush())
            .map_err(|e| self.failed(format!("the program takes no more input: {e}")))?;
        let mut answer = String::new();
        let read = pipes.answers.read_line(&mut answer);
        if read.map_err(|e| self.failed(e.to_string()))? == 0 {
            return Err(self.failed("the program ended before it answered"));
        }
        let value: Value =
            serde_json::from_str(&answer).map_err(|e| self.failed(format!("not JSON: {e}: {}", answer.trim())))?;
        match value.get("top1") {
            Some(Value::Null) => Ok(None),
            Some(top1) => {
                let percent = top1.as_f64().filter(|p| (0.0..=100.0).contains(p));
                let percent = percent.ok_or_else(|| self.failed(format!("top1 is no percentage: {top1}")))?;
                Ok(Some(Accuracy {
                    raw: percent / 100.0,
                    calibrated: percent,
                    saturated: false,
                }))
            }
            None => Err(self.failed(format!("the answer has no `top1`: {}", answer.trim()))),
        }
    }
}

impl AccuracyModel for Outside {
    fn provenance(&self) -> Provenance {
        Provenance {
            model: "command",
            source: self.line.clone(),
            error: "as the program's authors state".to_owned(),
            predicted: true,
        }
    }

    fn of(&self, genotypes: &[Genotype]) -> Result<Vec<Option<Accuracy>>> {
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        genotypes.iter().map(|g| self.one(&mut pipes, g)).collect()
    }
}

/// A subnet in documents.
#[must_use]
pub fn subnet_document(space: &dyn NetworkSpace, genotype: &Genotype, accuracy: &Accuracy) -> Value {
    json!({
        "genotype": space.document(genotype),
        "top1_raw": accuracy.raw,
        "top1_calibrated": accuracy.calibrated,
        "saturated": accuracy.saturated,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subnets_open_by_their_text() {
        let genotype = Genotype(vec![0; OfaResNet50.genes().len()]);
        let text = subnet_text(&OfaResNet50, &genotype);
        assert_eq!(open_subnet(&text).unwrap().unwrap().macs().unwrap() / 1_000_000, 315);
        assert!(open_subnet("resnet50").is_none() && open_subnet("x@224:d0").is_none());
        assert!(open_subnet("ofa-resnet50@224:d9").unwrap().is_err());
        assert_eq!(super::genotype(&text, &OfaResNet50).unwrap(), genotype);
        let other = super::genotype(&text, &OfaMobileNetV3::Wide).unwrap_err();
        assert_eq!(other.code, Code::Usage);
    }

    #[test]
    fn an_outside_program_is_asked() {
        let g = [Genotype(vec![0; OfaResNet50.genes().len()])];
        let ask = |line: &str| accuracy(&format!("command:{line}"), &OfaResNet50).and_then(|m| m.of(&g));
        assert_eq!(ask("cat").unwrap_err().code, Code::ToolFailed);
        assert_eq!(ask("true").unwrap_err().code, Code::ToolFailed);
        assert_eq!(ask("no-such-program-here").unwrap_err().code, Code::ToolMissing);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "s/.*/{\"top1\": 71.5}/\n").unwrap();
        let found = ask(&format!("sed -u -f {}", file.path().display())).unwrap();
        assert_eq!(found[0].map(|a| a.calibrated), Some(71.5));
        assert_eq!(accuracy("x.txt", &OfaResNet50).err().unwrap().code, Code::Usage);
        assert_eq!(
            accuracy("x.pth", &OfaMobileNetV3::Wide).err().unwrap().code,
            Code::Usage
        );
    }
}
