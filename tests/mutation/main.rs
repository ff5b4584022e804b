//! What the random campaign is worth: small faults are planted in the emitted Verilog and in the control table, and the same
//! cases that `naas verify` runs must notice every one of them. `make mutation` prints the table.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "the table is the result")]

mod faults;

use faults::{ASSERTED, FIELDS, TEXT, TextFault};
use naas::cli::trial::{Trials, Verdict, options};
use naas::mapping::campaign::{Campaign, Case};
use naas::mapping::random::Limits;
use naas::rtl::descriptor;
use naas::rtl::folder::{self, Files};
use naas::rtl::storage::{Source, Storage};
use naas::sim::verilator::{Options, Report, Simulator};
use rayon::prelude::*;

/// Layers of the campaign that hunts the faults. Most are noticed within the first ten; those of shared axes wait for an
/// axis of such a kind, and for a layer that is split in a way that matters.
const LAYERS: u64 = 1000;

fn campaign(layers: u64) -> Campaign {
    Campaign::new(1, layers, None, Limits::default()).unwrap()
}

fn case(campaign: &Campaign, index: usize) -> Case {
    Case::new(&campaign.triples(index), campaign.data_seed(index)).unwrap()
}

/// A case's files as they ought to be, and what its hardware keeps of the control table.
struct Right {
    files: Files,
    storage: Storage,
}

impl Right {
    fn of(case: &Case) -> Self {
        let (hw, program) = Trials::hardware(case).unwrap();
        Self {
            files: folder::files(&hw, &program).unwrap(),
            storage: Storage::of(&hw, program.hash),
        }
    }

    /// The files with a fault planted, or none if that changes nothing that the hardware sees: a bit of the table counts
    /// where it has a register, not where it is wired.
    fn with(&self, plant: &Plant) -> Option<Files> {
        let mut faulty = self.files.clone();
        plant(&mut faulty);
        assert_eq!(faulty.0.len(), self.files.0.len());
        let mut seen = false;
        for ((name, wrong), (right_name, right)) in faulty.0.iter().zip(&self.files.0) {
            assert_eq!(name, right_name);
            seen |= if name == "table.bin" {
                self.stores_a_difference(wrong, right)
            } else {
                wrong != right
            };
        }
        seen.then_some(faulty)
    }

    fn stores_a_difference(&self, wrong: &[u8], right: &[u8]) -> bool {
        let size = descriptor::bytes() as usize;
        assert_eq!(wrong.len(), right.len());
        let stored: Vec<u32> = (self.storage.fields())
            .filter(|&(_, _, source)| source == Source::Stored)
            .map(|(_, at, _)| at)
            .collect();
        let differs = |(w, r): (&[u8], &[u8])| {
            let bit = |table: &[u8], at: u32| table[at as usize / 8] >> (at % 8) & 1;
            stored.iter().any(|&at| bit(w, at) != bit(r, at))
        };
        wrong.chunks(size).zip(right.chunks(size)).any(differs)
    }
}

type Plant<'a> = Box<dyn Fn(&mut Files) + Send + Sync + 'a>;

/// All faults with their names.
fn all<'a>() -> Vec<(&'static str, Plant<'a>)> {
    let text = TEXT
        .iter()
        .map(|f| (f.name, Box::new(move |files: &mut Files| f.plant(files)) as Plant));
    let fields = FIELDS
        .iter()
        .map(|f| (f.name, Box::new(move |files: &mut Files| f.plant(files)) as Plant));
    text.chain(fields).collect()
}

#[test]
fn every_fault_can_be_planted() {
    let campaign = campaign(LAYERS / 5);
    let designs: Vec<Right> = (0..campaign.cases())
        .map(|index| Right::of(&case(&campaign, index)))
        .collect();
    for fault in TEXT {
        let Some(files) = designs.iter().map(|d| &d.files).find(|files| fault.concerns(files)) else {
            panic!("{}: no design of the campaign has {}", fault.name, fault.file);
        };
        assert_eq!(
            fault.places(files),
            1,
            "{}: `{}` in {}",
            fault.name,
            fault.right,
            fault.file
        );
    }
    for (name, plant) in all() {
        let changes = |design: &Right| design.with(&plant).is_some();
        assert!(designs.iter().any(changes), "{name}: no design of the campaign changes");
    }
    assert!(all().len() >= 20);
}

/// What noticed a fault.
fn noticed_by(report: &Report) -> Option<String> {
    let verdict = Verdict::of(report);
    verdict.failure.as_ref()?;
    let mut by = Vec::new();
    if let Some(error) = report.errors.first() {
        by.push(match error {
            e if e.starts_with("not done") => "hang",
            e if e.starts_with("assertion") => "assertion",
            _ => "bus",
        });
    }
    for (what, count) in [
        ("bits", verdict.mismatches),
        ("cycles", if report.finished { verdict.cycle_differences } else { 0 }),
        (
            "counters",
            if report.finished {
                verdict.counter_differences
            } else {
                0
            },
        ),
    ] {
        if count > 0 {
            by.push(what);
        }
    }
    Some(by.join(", "))
}

/// The cases of a campaign, each made when it is its turn.
fn cases(campaign: &Campaign) -> impl Iterator<Item = Case> {
    (0..campaign.cases()).map(|index| case(campaign, index))
}

/// The first case that notices the fault, and how `by` describes it.
fn hunt(
    cases: impl Iterator<Item = Case>,
    plant: &Plant,
    by: impl Fn(&Report) -> Option<String>,
) -> Option<(usize, String)> {
    let trials = Trials {
        cache: concat!(env!("CARGO_TARGET_TMPDIR"), "/verilator-cache").into(),
    };
    let dir = tempfile::tempdir().unwrap();
    cases.enumerate().find_map(|(index, case)| {
        let files = Right::of(&case).with(plant)?;
        let folder = trials.write(&files, dir.path()).unwrap();
        // A fault that the simulator refuses to run is no test of the campaign: let it fail here.
        let noticed = |options: &Options| by(&folder.run(options).unwrap().report);
        let plain = options(&case, Simulator::Verilator);
        let stalled = Options {
            stall: 40,
            ..plain.clone()
        };
        let found = noticed(&plain).or_else(|| Some(noticed(&stalled)? + ", stalls"));
        Some((index, found?))
    })
}

#[test]
#[ignore = "long: builds a design per fault and case"]
fn planted_faults_are_noticed() {
    let campaign = campaign(LAYERS);
    let only = std::env::var("NAAS_FAULT").unwrap_or_default();
    let faults: Vec<_> = all().into_iter().filter(|(name, _)| name.contains(&only)).collect();
    let found: Vec<_> = faults
        .par_iter()
        .map(|(name, plant)| {
            let found = hunt(cases(&campaign), plant, noticed_by);
            let (tried, by) = found
                .clone()
                .map_or((campaign.cases(), "NOTHING".to_owned()), |(i, by)| (i + 1, by));
            println!("{name:<62} {by:<24} {:>3} layers", 10 * tried);
            found
        })
        .collect();
    let missed = found.iter().filter(|f| f.is_none()).count();
    println!("{} faults, {missed} missed", found.len());
    assert_eq!(missed, 0);
}

/// The first case in which the slip can be made, and shows by the assertion that names it: those with lanes that are
/// idle at the end of a full buffer, which few others have, then a campaign's.
fn asserted(fault: &TextFault) -> Option<usize> {
    let plant: Plant = Box::new(|files| {
        if fault.places(files) == 1 {
            fault.plant(files);
        }
    });
    let says = |report: &Report| {
        let told = |e: &&String| e.starts_with("assertion at rtl/") && e.contains(fault.name);
        report.errors.iter().find(told).cloned()
    };
    let idle = [
        include_str!("../rtl_random/idle_w_lanes.json"),
        include_str!("../rtl_random/idle_i_lanes.json"),
    ];
    let idle = idle.map(|case| serde_json::from_str(case).unwrap());
    let (index, _) = hunt(idle.into_iter().chain(cases(&campaign(LAYERS / 5))), &plant, says)?;
    Some(index)
}

#[test]
fn an_assertion_fires() {
    assert_eq!(asserted(&ASSERTED[0]), Some(0));
}

#[test]
#[ignore = "long: builds some designs for each assertion"]
fn every_assertion_fires() {
    let silent = |fault: &&TextFault| {
        let index = asserted(fault);
        println!("{}: {}: case {index:?}", fault.file, fault.name);
        index.is_none()
    };
    let silent: Vec<_> = ASSERTED.par_iter().filter(silent).map(|fault| fault.name).collect();
    assert!(silent.is_empty(), "{silent:?}");
}
