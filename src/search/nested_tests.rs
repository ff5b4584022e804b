//! Tests of the nested search: it repeats, improves, stops, goes on, keeps limits, finds fronts.

use super::*;
use crate::arch::resources::Resources;
use crate::cost::tech::Technology;
use crate::search::dataflow::Dataflow;
use crate::search::goal::Limits;
use crate::workload::zoo;

struct Setting {
    technology: Technology,
    suite: Suite,
    space: AcceleratorSpace,
    settings: NestedSettings,
}

fn setting() -> Setting {
    let mut suite = Suite::default();
    suite
        .add("resnet8", &zoo::network("resnet8").unwrap().layers[..4])
        .unwrap();
    let settings = NestedSettings {
        method: Method::CmaEs,
        goal: Goal::default(),
        mapper: MapperSettings {
            evaluations: 12,
            ..MapperSettings::default()
        },
        refine: 24,
        finalists: 2,
        front: false,
        guided: true,
        evaluations: 50,
        seed: 4,
    };
    let space = AcceleratorSpace::new(Resources::preset("shidiannao").unwrap());
    Setting {
        technology: Technology::named("45nm").unwrap(),
        suite,
        space,
        settings,
    }
}

impl Setting {
    fn search<'a>(&'a self, interrupt: &'a Interrupt) -> CoSearch<'a> {
        CoSearch {
            model: &self.technology,
            suite: &self.suite,
            space: &self.space,
            settings: &self.settings,
            interrupt,
        }
    }

    fn go(&self, log: Log, watch: &mut dyn FnMut(&Log) -> Result<bool>) -> Result<Found> {
        let interrupt = Interrupt::default();
        let search = self.search(&interrupt);
        search.run(&search.helps(), log, watch)
    }

    fn found(&self) -> Found {
        self.go(Log::default(), &mut |_| Ok(true)).unwrap()
    }
}

#[test]
fn searches_repeat_on_any_number_of_threads_and_improve() {
    let setting = setting();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| setting.found())
    };
    let found = run(1);
    assert_eq!(run(3), found);
    assert_eq!((found.evaluations, found.stop_reason), (50, StopReason::Evaluations));
    assert!(
        found
            .history
            .iter()
            .all(|g| found.best.value <= g.best && g.best <= g.mean)
    );
    assert_eq!(found.best.mappings[0].len(), 4);
    assert_eq!(
        setting.space.resources.exceeded_by(&found.best.accelerator),
        Vec::<String>::new()
    );
}

#[test]
fn resuming_gives_the_uninterrupted_result() {
    for front in [false, true] {
        for method in [Method::CmaEs, Method::Random, Method::Bayesian] {
            let mut setting = setting();
            (setting.settings.front, setting.settings.method) = (front, method);
            let whole = setting.found();
            for generations in 1..3 {
                let mut kept = Log::default();
                let mut stop = |log: &Log| {
                    kept = log.clone();
                    Ok(log.generations.len() < generations)
                };
                assert_eq!(
                    setting.go(Log::default(), &mut stop).unwrap().stop_reason,
                    StopReason::Seconds
                );
                let log = serde_json::from_str(&serde_json::to_string(&kept).unwrap()).unwrap();
                assert_eq!(setting.go(log, &mut |_| Ok(true)).unwrap(), whole);
            }
        }
    }
}

/// What a search is given at its start it cannot fall short of.
#[test]
fn guided_searches_start_from_the_chip_and_find_no_worse() {
    let mut setting = setting();
    let first = |setting: &Setting| {
        let mut kept = Log::default();
        let mut stop = |log: &Log| {
            kept = log.clone();
            Ok(false)
        };
        setting.go(Log::default(), &mut stop).unwrap();
        kept.generations.remove(0).points
    };
    let points = first(&setting);
    let mut chip = Dataflow::named("shidiannao").unwrap().accelerator().unwrap();
    chip.name = "searched".into();
    assert_eq!(setting.space.decode(&points[0].genes), Ok(chip));
    let best = setting.found().best.value;
    assert!(points.iter().all(|p| best <= p.value));
    setting.settings.guided = false;
    let genes = setting.space.genes();
    assert!(first(&setting).iter().all(|p| p.genes.len() == genes));
}

#[test]
fn interrupts_stop_it() {
    let (setting, interrupt) = (setting(), Interrupt::default());
    interrupt.raise();
    let search = setting.search(&interrupt);
    let e = search
        .run(&search.helps(), Log::default(), &mut |_| Ok(true))
        .unwrap_err();
    assert_eq!(e.code, Code::Interrupted);
}

#[test]
fn resources_that_are_too_small_are_named() {
    let mut setting = setting();
    setting.space.resources.onchip_bytes = 700;
    let e = setting.go(Log::default(), &mut |_| Ok(true)).unwrap_err();
    assert_eq!(e.code, Code::NoLegalMapping);
    assert!(e.what.contains("exceed the limit of 700"), "{e}");
}

#[test]
fn limits_are_kept_or_refused() {
    let mut setting = setting();
    let free = setting.found().best.rated;
    let cycles = free.totals[0].cycles;
    setting.settings.goal = Goal {
        objective: Objective::Energy,
        limits: Limits::default(),
    };
    let frugal = setting.found().best.rated.totals[0];
    assert!(frugal.energy_pj <= free.totals[0].energy_pj * 1.05);
    setting.settings.goal.limits.cycles = Some(cycles);
    let limited = setting.found().best.rated.totals[0];
    assert!(limited.cycles <= cycles, "{limited:?} {frugal:?}");
    setting.settings.goal.limits.cycles = Some(cycles / 100);
    let e = setting.go(Log::default(), &mut |_| Ok(true)).unwrap_err();
    assert!(
        e.code == Code::NoLegalMapping && e.what.contains("keeps the limits"),
        "{e}"
    );
}

#[test]
fn fronts_hold_what_nothing_undercuts() {
    let mut setting = setting();
    (setting.settings.front, setting.settings.evaluations) = (true, 160);
    let found = setting.found();
    let points: Vec<[f64; 3]> = found.front.iter().map(|s| s.rated.point()).collect();
    assert!(points.len() > 2 && points.len() <= FRONT, "{points:?}");
    for (i, a) in points.iter().enumerate() {
        assert!(
            points.iter().enumerate().all(|(j, b)| i == j || !dominates(b, a)),
            "{points:?}"
        );
    }
    assert!(points.windows(2).all(|p| p[0][0] <= p[1][0]));
}
