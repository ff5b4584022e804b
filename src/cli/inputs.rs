//! What options name, opened: resources, technologies, accelerators, designs.

use crate::arch::accelerator::Accelerator;
use crate::arch::resources::Resources;
use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::files;
use crate::cli::plan::named_or_file;
use crate::cli::spaces;
use crate::cost::tech::Technology;
use crate::search::design::Design;
use crate::workload::graph::{QuantGraph, Semantics};
use crate::workload::network::Network;
use crate::workload::zoo;
use serde_json::Value;
use std::path::Path;

/// A network as the command line names it.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// What was typed: it opens the network again.
    pub text: String,
    /// Its layers.
    pub network: Network,
    /// Its weights, where it has any.
    pub graph: Option<QuantGraph>,
    /// Why a file with weights is not runnable.
    pub refused: Option<Diagnostic>,
}

impl Source {
    /// Opens the network that was typed.
    ///
    /// # Errors
    /// As [`zoo::open`].
    pub fn open(text: &str) -> Result<Self> {
        Self::open_as(text, None)
    }

    /// Opens the network that was typed, under these semantics or those of its kind.
    ///
    /// # Errors
    /// As [`zoo::open_as`].
    pub fn open_as(text: &str, semantics: Option<Semantics>) -> Result<Self> {
        let zoo::Workload {
            network,
            graph,
            refused,
        } = match spaces::open_subnet(text) {
            Some(subnet) => zoo::Workload::shapes(subnet?),
            None => zoo::open_as(text, semantics)?,
        };
        Ok(Self {
            text: text.into(),
            network,
            graph,
            refused,
        })
    }

    /// Opens all of them.
    ///
    /// # Errors
    /// As [`Source::open`]; `E0106` where two have the same name.
    pub fn open_all(texts: &[String]) -> Result<Vec<Self>> {
        let all: Vec<Self> = texts.iter().map(|t| Self::open(t)).collect::<Result<_>>()?;
        for (i, source) in all.iter().enumerate() {
            if let Some(twin) = all[..i].iter().find(|s| s.network.name == source.network.name) {
                return Err(Diagnostic::new(
                    Code::Usage,
                    format!("two networks are called `{}`", source.network.name),
                )
                .at(format!("`{}` and `{}`", twin.text, source.text))
                .next("rename one of the files"));
            }
        }
        Ok(all)
    }

    /// The layer of this name alone.
    ///
    /// # Errors
    /// `E0105` if there is none.
    pub fn only(&mut self, layer: &str) -> Result<()> {
        let names: Vec<&str> = self.network.layers.iter().map(|l| l.name.as_str()).collect();
        if !names.contains(&layer) {
            return Err(unknown_layer(layer, &names).at(format!("network `{}`", self.network.name)));
        }
        self.network.layers.retain(|l| l.name == layer);
        Ok(())
    }
}

/// The error for a layer that is not one of `names`.
#[must_use]
pub fn unknown_layer(layer: &str, names: &[&str]) -> Diagnostic {
    Diagnostic::new(Code::UnknownName, format!("no layer is named `{layer}`"))
        .expected(format!("one of {}", names.join(", ")))
}

/// Limits of an accelerator: a preset or a file.
///
/// # Errors
/// `E0105` for a name that is not known, those of the file otherwise.
pub fn resources(text: &str) -> Result<Resources> {
    named_or_file(text, Resources::preset)
}

/// Prices: a carried technology or a file.
///
/// # Errors
/// `E0105` for a name that is not known, those of the file otherwise.
pub fn technology(text: &str) -> Result<Technology> {
    let path = Path::new(text);
    if path.extension().is_some_and(|e| e == "json") {
        Technology::parse(&files::read_text(path)?).map_err(|e| e.at(text))
    } else {
        Technology::named(text)
    }
}

/// A design with the text of its file.
///
/// # Errors
/// Those of reading JSON, and of [`Design::check`].
pub fn design(path: &Path) -> Result<(Design, String)> {
    let text = files::read_text(path)?;
    let design: Design = files::parse_json(&text, path)?;
    design.check(&path.display().to_string())?;
    Ok((design, text))
}

/// The accelerator of an accelerator file or of a design.
///
/// # Errors
/// Those of reading JSON, `E0202` for an accelerator that cannot be built, `E0204` for a design that was edited.
pub fn accelerator(path: &Path) -> Result<Accelerator> {
    let text = files::read_text(path)?;
    let value: Value = files::parse_json(&text, path)?;
    if value.get("accelerator").is_some() {
        return Ok(design(path)?.0.accelerator);
    }
    let accelerator: Accelerator = files::parse_json(&text, path)?;
    accelerator.validate().map_err(|e| {
        let inner = e.place.clone().unwrap_or_default();
        e.at(format!("{}, {inner}", path.display()))
    })?;
    Ok(accelerator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_files_open() {
        assert_eq!(resources("eyeriss").unwrap().pes, 168);
        assert_eq!(technology("45nm").unwrap().name, "45nm");
        assert_eq!(technology("7nm").unwrap_err().code, Code::UnknownName);
        let mut source = Source::open("resnet8").unwrap();
        source.only("conv3").unwrap();
        assert_eq!(source.network.layers.len(), 1);
        assert_eq!(source.only("conv2").unwrap_err().code, Code::UnknownName);
        let twice = ["resnet8".to_owned(), "resnet8".to_owned()];
        assert_eq!(Source::open_all(&twice).unwrap_err().code, Code::Usage);
    }

    #[test]
    fn impossible_accelerators_name_their_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        std::fs::write(
            &path,
            r#"{"name": "a", "axes": [{"size": 0, "dims": ["K"]}, {"size": 16, "dims": ["C"]}],
              "buffers": {"W": {"bytes": 32, "slots": 2}, "I": {"bytes": 256, "slots": 2}, "psum": {"words": 64, "slots": 2}},
              "l2": {"W": {"bytes": 65536, "slots": 2}, "I": {"bytes": 98304, "slots": 2}, "O": {"bytes": 98304, "slots": 2}},
              "lanes": {"W": 16, "I": 16, "drain": 16}, "requantizers": 4,
              "offchip": {"bytes_per_cycle": 16, "latency_cycles": 64}}"#,
        )
        .unwrap();
        let e = accelerator(&path).unwrap_err();
        assert!(e.place.unwrap().ends_with("a.json, accelerator `a`"));
        assert_eq!(
            (e.code, e.what.contains("axis 0 has size 0")),
            (Code::BadAccelerator, true)
        );
    }
}
