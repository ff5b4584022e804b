//! What a search has to keep in order to go on: everything that its method was told.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::search::runner::Generation;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// The version of the file format.
const FORMAT: u32 = 1;

/// An evaluated point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Where in the unit box.
    pub genes: Vec<f64>,
    /// The objective; infinite (`null` in files) for what cannot be used.
    #[serde(serialize_with = "finite_or_null", deserialize_with = "null_is_infinite")]
    pub value: f64,
}

/// One generation as the method saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// Points asked for, those that were rejected included.
    pub asked: u64,
    /// The valid ones, in the order of asking.
    pub points: Vec<Point>,
}

impl Told {
    /// The points as [`crate::search::optimizer::Optimizer::tell`] takes them.
    #[must_use]
    pub fn pairs(&self) -> Vec<(Vec<f64>, f64)> {
        self.points.iter().map(|p| (p.genes.clone(), p.value)).collect()
    }
}

/// All generations of a search.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// In order.
    pub generations: Vec<Told>,
    /// What the problem remembers of them.
    #[serde(default)]
    pub memory: Value,
}

impl Log {
    /// Designs evaluated.
    #[must_use]
    pub fn evaluations(&self) -> u64 {
        self.generations.iter().map(|t| t.points.len() as u64).sum()
    }

    /// Best and mean of every generation, over values that are finite.
    #[must_use]
    pub fn history(&self) -> Vec<Generation> {
        let mut evaluations = 0;
        let one = |told: &Told| {
            evaluations += told.points.len() as u64;
            let values: Vec<f64> = told.points.iter().map(|p| p.value).filter(|v| v.is_finite()).collect();
            Generation {
                evaluations,
                best: values.iter().copied().fold(f64::INFINITY, f64::min),
                mean: values.iter().sum::<f64>() / values.len().max(1) as f64,
            }
        };
        self.generations.iter().map(one).collect()
    }

    /// All points from the best to the worst; the first told comes first among equals.
    #[must_use]
    pub fn ranked(&self) -> Vec<&Point> {
        let mut points: Vec<&Point> = self.generations.iter().flat_map(|t| &t.points).collect();
        points.sort_by(|a, b| a.value.total_cmp(&b.value));
        points
    }

    /// Lowest objective so far.
    #[must_use]
    pub fn best(&self) -> f64 {
        let values = self.generations.iter().flat_map(|t| &t.points).map(|p| p.value);
        values.fold(f64::INFINITY, f64::min)
    }
}

/// A file to go on from: the log, and what the search was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// Version of the file.
    pub format: u32,
    /// Everything that the result depends on, except how far it goes.
    pub search: Value,
    /// How far it got.
    pub log: Log,
}

impl Checkpoint {
    /// The state `log` of the search that `search` describes.
    #[must_use]
    pub const fn new(search: Value, log: Log) -> Self {
        Self {
            format: FORMAT,
            search,
            log,
        }
    }

    /// The file.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The log, for the search that `search` describes; `place` is the file's name.
    ///
    /// # Errors
    /// `E0106` naming what differs, if the file comes from another search; `E0102` for another version of the file.
    pub fn resume(self, search: &Value, place: &str) -> Result<Log> {
        if self.format != FORMAT {
            let what = format!("the checkpoint has format {}, this version reads {FORMAT}", self.format);
            return Err(Diagnostic::new(Code::Malformed, what).at(place));
        }
        if let Some(what) = difference(&self.search, search) {
            return Err(
                Diagnostic::new(Code::Usage, format!("the checkpoint is of another search: {what}"))
                    .at(place)
                    .next("give the options of that search; only budget, threads and outputs may differ"),
            );
        }
        Ok(self.log)
    }
}

/// The first member in which two descriptions differ, with both values where they are short.
fn difference(theirs: &Value, ours: &Value) -> Option<String> {
    if theirs == ours {
        return None;
    }
    let (Value::Object(a), Value::Object(b)) = (theirs, ours) else {
        return Some("its description differs".into());
    };
    let short = |v: Option<&Value>| match v {
        None => "nothing".to_owned(),
        Some(Value::Array(_) | Value::Object(_)) => "another value".to_owned(),
        Some(v) => v.to_string(),
    };
    let name = a.keys().chain(b.keys()).find(|k| a.get(*k) != b.get(*k))?;
    Some(format!(
        "`{name}` is {} there and {} here",
        short(a.get(name)),
        short(b.get(name))
    ))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn finite_or_null<S: Serializer>(value: &f64, s: S) -> std::result::Result<S::Ok, S::Error> {
    value.is_finite().then_some(*value).serialize(s)
}

fn null_is_infinite<'de, D: Deserializer<'de>>(d: D) -> std::result::Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(d)?.unwrap_or(f64::INFINITY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_same_search_goes_on() {
        let search = json!({"method": "cma-es", "seed": 1, "resources": {"pes": 8}});
        let checkpoint = Checkpoint::new(search.clone(), Log::default());
        let text = checkpoint.to_json();
        let read: Checkpoint = serde_json::from_str(&text).unwrap();
        assert_eq!(read.clone().resume(&search, "c").unwrap(), Log::default());
        for (other, what) in [
            (
                json!({"method": "random", "seed": 1, "resources": {"pes": 8}}),
                "`method` is \"cma-es\" there and \"random\"",
            ),
            (
                json!({"method": "cma-es", "seed": 1, "resources": {"pes": 9}}),
                "`resources` is another value",
            ),
            (
                json!({"method": "cma-es", "resources": {"pes": 8}}),
                "`seed` is 1 there and nothing here",
            ),
        ] {
            let e = read.clone().resume(&other, "c.json").unwrap_err();
            assert_eq!((e.code, e.place.as_deref()), (Code::Usage, Some("c.json")));
            assert!(e.what.contains(what), "{e}");
        }
        let newer = Checkpoint { format: 9, ..read };
        assert_eq!(newer.resume(&search, "c").unwrap_err().code, Code::Malformed);
    }
}
