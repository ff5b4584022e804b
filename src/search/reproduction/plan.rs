//! Which experiments there are, with which budgets.

use crate::arch::resources::Resources;
use crate::search::baselines::NETWORKS;
use crate::search::dataflow::DATAFLOWS;
use crate::search::reproduction::{Budget, Experiment, Question};

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

/// Claims over a chip, with its resources and the networks: C1 to C5, C10.
pub fn over_chips() -> impl Iterator<Item = (&'static str, &'static str, &'static [&'static str])> {
    let chips = CHIPS.iter().map(|&(claim, chip, set)| (claim, chip, SETS[set]));
    chips.chain([("C10", "eyeriss", &NETWORKS[1..2])])
}

/// Pairs of claims C6 and C7.
const PAIRS: [(&str, &str); 4] = [
    ("edgetpu", "vgg16"),
    ("edgetpu", "mobilenet_v2"),
    ("nvdla-1024", "vgg16"),
    ("nvdla-1024", "mobilenet_v2"),
];

/// Networks of learned co-design.
const LEARNED: [&str; 4] = ["resnet18", "dqn_atari", "mlp_784_512_512_10", "bert_block_seq128"];

/// Networks of the quick profile.
const SMALL: [&str; 2] = ["dqn_atari", "mlp_784_512_512_10"];

/// Both bandwidths of a preset.
const WIDTHS: [&str; 2] = ["", "@tight"];

/// Both bandwidths of the study, and its prices.
const STUDY: [&str; 2] = ["@wide", "@narrow"];
const STUDY_PRICES: &str = "45nm-unwired";

/// How many times longer than other experiments' the search is whose time is told: half a minute on two cores is the most that
/// it may take.
const PATIENT: u64 = 5;

/// How many times longer the search is that a search of the usual length is compared with.
const LONGER: u64 = 20;

/// Human baselines that stand for the chip of `resources`, in every form that there is.
fn forms(resources: &str) -> Vec<String> {
    let stands = DATAFLOWS.iter().filter(|f| f.resources == Resources::chip(resources));
    stands.map(|flow| flow.name.to_owned()).collect()
}

/// Makes experiments of one profile.
struct Maker {
    quick: bool,
    /// Of searches whose result counts.
    search: Budget,
    made: Vec<Experiment>,
}

impl Maker {
    fn new(profile: Profile) -> Self {
        let quick = matches!(profile, Profile::Quick);
        let search = if quick {
            Budget {
                evaluations: 20,
                mappings: 10,
                refine: 30,
                seeds: 2,
                proof: 20_000,
            }
        } else {
            Budget {
                evaluations: 400,
                mappings: 20,
                refine: 1000,
                seeds: 3,
                proof: 100_000,
            }
        };
        Self {
            quick,
            search,
            made: Vec::new(),
        }
    }

    /// Of searches whose mappings nobody proves.
    const fn unproven(&self) -> Budget {
        Budget {
            proof: 0,
            ..self.search
        }
    }

    /// Of searches that are compared with each other.
    fn many(&self, evaluations: u64) -> Budget {
        let (seeds, refine) = if self.quick { (3, 10) } else { (10, 200) };
        Budget {
            evaluations: if self.quick { 20 } else { evaluations },
            seeds,
            refine,
            ..self.unproven()
        }
    }

    /// Adds an experiment, and returns it for changes.
    fn add(
        &mut self,
        name: String,
        claims: &[&str],
        question: Question,
        (networks, resources): (&[&str], &str),
        budget: Budget,
    ) -> &mut Experiment {
        let at = self.made.len();
        self.made.push(Experiment {
            name,
            claims: claims.iter().map(|&c| c.to_owned()).collect(),
            question,
            networks: networks.iter().map(|&n| n.to_owned()).collect(),
            resources: resources.to_owned(),
            technology: None,
            baselines: forms(resources),
            budget,
        });
        &mut self.made[at]
    }

    /// Claims with a chip and networks: C1 to C5, C10.
    fn chips(&self) -> Vec<(&'static str, &'static str, &'static [&'static str])> {
        if self.quick {
            return vec![("C5", "shidiannao", &SMALL), ("C10", "eyeriss", &SMALL[..1])];
        }
        over_chips().collect()
    }

    /// Claims C1 to C5 and C10, at both bandwidths.
    fn against_chips(&mut self) {
        for (claim, chip, networks) in self.chips() {
            for width in WIDTHS {
                let name = format!("{}-{chip}{}", claim.to_lowercase(), width.replace('@', "-"));
                // What small networks show is not what the claim says.
                let claim = if self.quick {
                    format!("{claim}, small")
                } else {
                    claim.to_owned()
                };
                let claims = [claim.as_str(), "C13", "C14", "C15"];
                let at = (networks, &*format!("{chip}{width}"));
                self.add(name, &claims, Question::Baseline, at, self.search);
            }
        }
    }

    /// The same in the study's setting, for energy and delay or for speed alone.
    fn in_the_studys_setting(&mut self, question: Question, prefix: &str) {
        for (claim, chip, networks) in self.chips() {
            for width in STUDY {
                let name = format!("{prefix}-{}-{chip}{}", claim.to_lowercase(), width.replace('@', "-"));
                let at = (networks, &*format!("{chip}{width}"));
                let claim = if self.quick { "small" } else { claim };
                let budget = self.unproven();
                self.add(name, &[claim], question, at, budget).technology = Some(STUDY_PRICES.into());
            }
        }
    }

    /// Claims C6 to C9.
    fn against_itself(&mut self) {
        let pairs = if self.quick {
            &[("shidiannao", SMALL[0])]
        } else {
            &PAIRS[..]
        };
        for &(chip, network) in pairs {
            for width in WIDTHS {
                let name = format!("c6-{chip}{}-{network}", width.replace('@', "-"));
                let at: (&[&str], &str) = (&[network], &format!("{chip}{width}"));
                self.add(name, &["C6", "C7"], Question::Sizing, at, self.unproven());
            }
        }
        for &network in if self.quick { &SMALL[..] } else { &NETWORKS[..] } {
            let at: (&[&str], &str) = (&[network], "nvdla-256");
            let mut budget = self.many(100);
            budget.mappings *= 2;
            self.add(format!("c8-{network}"), &["C8"], Question::Encoding, at, budget);
        }
        let at: (&[&str], &str) = (&[self.example()], "eyeriss");
        self.add("c9-methods".into(), &["C9"], Question::Method, at, self.many(300));
    }

    /// Claim C13, and the front.
    fn alone(&mut self) {
        let at: (&[&str], &str) = (&[self.example()], "eyeriss");
        let once = Budget {
            seeds: 1,
            ..self.unproven()
        };
        let usual = Budget {
            evaluations: PATIENT * once.evaluations,
            ..self.unproven()
        };
        let long = Budget {
            evaluations: LONGER * usual.evaluations,
            ..once
        };
        self.add("c13-usual".into(), &["C13"], Question::Time, at, usual);
        self.add("c13-longer".into(), &["C13"], Question::Time, at, long);
        self.add("front".into(), &[], Question::Front, at, once);
    }

    /// Learned co-design.
    fn learned(&mut self) {
        for &network in if self.quick { &SMALL[..] } else { &LEARNED[..] } {
            let at: (&[&str], &str) = (&[network], "eyeriss");
            let name = format!("learned-{network}");
            self.add(name, &[], Question::Learned, at, self.many(50));
        }
    }

    /// The network of experiments about methods, time and fronts.
    const fn example(&self) -> &'static str {
        if self.quick { SMALL[0] } else { "resnet50" }
    }
}

/// The experiments of `profile`.
#[must_use]
pub fn experiments(profile: Profile) -> Vec<Experiment> {
    let mut maker = Maker::new(profile);
    maker.against_chips();
    maker.in_the_studys_setting(Question::Study, "study");
    maker.in_the_studys_setting(Question::Speed, "speed");
    maker.against_itself();
    maker.learned();
    maker.alone();
    maker.made
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::tech::Technology;
    use crate::workload::zoo;

    #[test]
    fn experiments_name_what_there_is() {
        for profile in [Profile::Quick, Profile::Full] {
            let all = experiments(profile);
            for (i, e) in all.iter().enumerate() {
                assert!(all[..i].iter().all(|o| o.name != e.name), "{}", e.name);
                assert!(Resources::preset(&e.resources).is_ok() && !e.baselines.is_empty());
                assert!(e.networks.iter().all(|n| zoo::network(n).is_ok()), "{}", e.name);
                assert!(e.technology.iter().all(|t| Technology::named(t).is_ok()), "{}", e.name);
            }
        }
    }
}
