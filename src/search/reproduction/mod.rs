//! The experiments behind the claims of NAAS (arXiv 2105.13258) and of learned co-design (arXiv 2010.02075): what is searched
//! for which networks, within which resources, against which human baselines, with which budget.
//!
//! An [`Experiment`] is a small value; [`run`](run::run) turns it into an [`Outcome`], which is all that a report needs, so
//! that outcomes can be kept in files and experiments run one by one.

pub mod run;

use crate::base::dims::Dim;
use crate::search::baselines::NETWORKS;
use crate::search::dataflow::{DATAFLOWS, Dataflow};
use crate::search::problem::Figures;
use serde::{Deserialize, Serialize};

/// What is compared with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// A full search against the human baseline.
    Baseline,
    /// A full search, and one of sizes only, against the human baseline.
    Sizing,
    /// Importance against index encoding.
    Encoding,
    /// Methods against each other, generation by generation.
    Method,
    /// Methods against each other and against the human baseline, at few evaluations.
    Learned,
    /// Cycles, energy and area.
    Front,
}

/// How much is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Accelerators per search.
    pub evaluations: u64,
    /// Mappings per different layer and candidate.
    pub mappings: usize,
    /// Mappings per different layer of a finalist, and of a baseline whose mapping is searched.
    pub refine: usize,
    /// Searches, with seeds from 1.
    pub seeds: u64,
}

/// One experiment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Experiment {
    /// What files are called.
    pub name: String,
    /// The claims it bears on.
    pub claims: Vec<String>,
    /// What is compared.
    pub question: Question,
    /// Networks of one search; several count by their geometric mean.
    pub networks: Vec<String>,
    /// The resource preset: a chip, at its own bandwidths or `@tight`.
    pub resources: String,
    /// Human baselines: names of [`DATAFLOWS`].
    pub baselines: Vec<String>,
    /// How much is spent.
    pub budget: Budget,
}

/// One search of an experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// What tells it from the others: a method, an encoding, a space.
    pub label: String,
    /// Its seed.
    pub seed: u64,
    /// Geometric mean of the energy-delay product over the networks.
    pub edp: f64,
    /// Every network, in the experiment's order.
    pub figures: Vec<Figures>,
    /// Parallel dimensions of the axes.
    pub axes: Vec<Vec<Dim>>,
    /// Sizes of the axes.
    pub sizes: Vec<u32>,
    /// Area in square micrometres.
    pub area_um2: f64,
    /// Evaluations, best and mean of every generation.
    pub history: Vec<(u64, f64, f64)>,
    /// Of every different layer, how far its energy-delay product is from a proven bound on this accelerator.
    pub gaps: Vec<f64>,
    /// The design, as its file.
    pub design: String,
}

/// A human baseline's cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Human {
    /// Its name.
    pub name: String,
    /// Figures of every network under the mapping that its dataflow dictates.
    pub fixed: Vec<Figures>,
    /// The same under the mapping that our mapper finds.
    pub searched: Vec<Figures>,
}

/// What an experiment found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The experiment.
    pub experiment: Experiment,
    /// Version of the program that ran it.
    pub version: String,
    /// Prices.
    pub technology: String,
    /// Searches, by label, then by seed.
    pub searches: Vec<Search>,
    /// Baselines.
    pub humans: Vec<Human>,
    /// What no accelerator within the resources and no mapping undercuts, for every network.
    pub floors: Vec<Figures>,
    /// Cycles, energy and area of designs that no other undercuts.
    pub front: Vec<[f64; 3]>,
}

/// How thorough a reproduction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Small networks and budgets: seconds. It shows that everything works, and says nothing of the claims.
    Quick,
    /// Everything.
    Full,
}

/// The large and the small networks of NAAS's tables.
const SETS: [&[&str]; 2] = [
    &[NETWORKS[0], NETWORKS[1], NETWORKS[2]],
    &[NETWORKS[3], NETWORKS[4], NETWORKS[5]],
];

/// Chips of claims C1 to C5: claim, resources, which set.
const CHIPS: [(&str, &str, usize); 5] = [
    ("C1", "edgetpu", 0),
    ("C2", "nvdla-1024", 0),
    ("C3", "eyeriss", 1),
    ("C4", "nvdla-256", 1),
    ("C5", "shidiannao", 1),
];

/// Pairs of claims C6 and C7.
const PAIRS: [(&str, &str); 4] = [
    ("edgetpu", "vgg16"),
    ("edgetpu", "mobilenet_v2"),
    ("nvdla-1024", "vgg16"),
    ("nvdla-1024", "mobilenet_v2"),
];

/// Networks of learned co-design.
const LEARNED: [&str; 4] = ["resnet18", "dqn_atari", "mlp_784_512_512_10", "bert_block_seq128"];

/// Both bandwidths of a preset.
const WIDTHS: [&str; 2] = ["", "@tight"];

/// Human baselines that stand for the chip of `resources`, in every form that there is.
fn forms(resources: &str) -> Vec<String> {
    let chip = resources.strip_suffix("@tight").unwrap_or(resources);
    let stands = |flow: &&Dataflow| flow.resources == chip;
    DATAFLOWS
        .iter()
        .filter(stands)
        .map(|flow| flow.name.to_owned())
        .collect()
}

/// Makes experiments of one profile.
struct Maker {
    quick: bool,
    /// Of searches whose result counts.
    search: Budget,
}

impl Maker {
    const fn new(profile: Profile) -> Self {
        let quick = matches!(profile, Profile::Quick);
        let [evaluations, seeds] = if quick { [20, 2] } else { [1000, 3] };
        let [mappings, refine] = if quick { [10, 30] } else { [60, 2000] };
        let search = Budget {
            evaluations,
            mappings,
            refine,
            seeds,
        };
        Self { quick, search }
    }

    /// Of searches that are compared with each other.
    fn many(&self, evaluations: u64) -> Budget {
        let (seeds, refine) = if self.quick { (3, 10) } else { (10, 200) };
        Budget {
            evaluations: if self.quick { 20 } else { evaluations },
            seeds,
            refine,
            ..self.search
        }
    }

    fn one(
        name: String,
        claims: &[&str],
        question: Question,
        (networks, resources): (&[&str], &str),
        budget: Budget,
    ) -> Experiment {
        Experiment {
            name,
            claims: claims.iter().map(|&c| c.to_owned()).collect(),
            question,
            networks: networks.iter().map(|&n| n.to_owned()).collect(),
            resources: resources.to_owned(),
            baselines: forms(resources),
            budget,
        }
    }

    /// Claims C1 to C5 and C10, at both bandwidths.
    fn against_chips(&self, all: &mut Vec<Experiment>) {
        let chips = if self.quick { &CHIPS[4..] } else { &CHIPS[..] };
        let sets = chips
            .iter()
            .map(|&(claim, chip, set)| (claim, chip, if self.quick { &SMALL[..] } else { SETS[set] }));
        let c10: &[&str] = if self.quick { &SMALL[..1] } else { &["resnet50"] };
        for (claim, chip, networks) in sets.chain([("C10", "eyeriss", c10)]) {
            for width in WIDTHS {
                let name = format!("{}-{chip}{}", claim.to_lowercase(), width.replace('@', "-"));
                let resources = format!("{chip}{width}");
                let claims = [claim, "C13", "C14", "C15"];
                let at = (networks, resources.as_str());
                all.push(Self::one(name, &claims, Question::Baseline, at, self.search));
            }
        }
    }

    /// Claims C6 to C9.
    fn against_itself(&self, all: &mut Vec<Experiment>) {
        let pairs = if self.quick {
            &[("shidiannao", SMALL[0])]
        } else {
            &PAIRS[..]
        };
        for &(chip, network) in pairs {
            let name = format!("c6-{chip}-{network}");
            all.push(Self::one(
                name,
                &["C6", "C7"],
                Question::Sizing,
                (&[network], chip),
                self.search,
            ));
        }
        for &network in if self.quick { &SMALL[..] } else { &NETWORKS[..] } {
            let at: (&[&str], &str) = (&[network], "nvdla-256");
            all.push(Self::one(
                format!("c8-{network}"),
                &["C8"],
                Question::Encoding,
                at,
                self.many(300),
            ));
        }
        let at: (&[&str], &str) = (&[self.example()], "eyeriss");
        all.push(Self::one(
            "c9-methods".into(),
            &["C9"],
            Question::Method,
            at,
            self.many(400),
        ));
    }

    /// The network of experiments about methods and fronts.
    const fn example(&self) -> &'static str {
        if self.quick { SMALL[0] } else { "resnet50" }
    }
}

/// Networks of the quick profile.
const SMALL: [&str; 2] = ["dqn_atari", "mlp_784_512_512_10"];

/// The experiments of `profile`.
#[must_use]
pub fn experiments(profile: Profile) -> Vec<Experiment> {
    let maker = Maker::new(profile);
    let mut all = Vec::new();
    maker.against_chips(&mut all);
    maker.against_itself(&mut all);
    for &network in if maker.quick { &SMALL[..] } else { &LEARNED[..] } {
        let at: (&[&str], &str) = (&[network], "eyeriss");
        all.push(Maker::one(
            format!("learned-{network}"),
            &[],
            Question::Learned,
            at,
            maker.many(50),
        ));
    }
    let at: (&[&str], &str) = (&[maker.example()], "eyeriss");
    let once = Budget {
        seeds: 1,
        ..maker.search
    };
    all.push(Maker::one("front".into(), &[], Question::Front, at, once));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::resources::Resources;
    use crate::workload::zoo;

    #[test]
    fn experiments_name_what_there_is() {
        for profile in [Profile::Quick, Profile::Full] {
            let all = experiments(profile);
            for (i, e) in all.iter().enumerate() {
                assert!(all[..i].iter().all(|o| o.name != e.name), "{}", e.name);
                assert!(
                    Resources::preset(&e.resources).is_ok() && !e.baselines.is_empty() || e.resources == "nvdla-256"
                );
                assert!(e.networks.iter().all(|n| zoo::network(n).is_ok()), "{}", e.name);
            }
        }
    }
}
