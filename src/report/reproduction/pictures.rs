//! The plots of a reproduction.

use super::ratios::reductions;
use super::{Ran, labelled, labels, unit};
use crate::report::plots::{Course, Group, Labels, boxes, courses};
use crate::report::scatter::{Dot, Scatter, draw};
use crate::search::reproduction::{Outcome, Question, Search};

/// The plots: file names and contents.
#[must_use]
pub fn plots(ran: &[Ran]) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let of = |question| {
        ran.iter()
            .map(|r| &r.0)
            .filter(move |o| o.experiment.question == question)
    };
    for o in of(Question::Method) {
        let network = &o.experiment.networks[0];
        for (name, what, pick) in [("mean", "mean of the generation", 2), ("best", "lowest so far", 1)] {
            let labels = Labels {
                title: &format!("EDP against evaluations: {network} within {}", o.experiment.resources),
                subtitle: &format!(
                    "{what}; median (solid) and quartiles (dashed) over {} seeds",
                    o.experiment.budget.seeds
                ),
                x: "accelerators evaluated",
                y: "energy-delay product, pJ x cycles",
                labels: &[],
            };
            all.push((
                format!("methods-{name}.svg"),
                courses(&labels, &method_courses(o, pick)),
            ));
        }
    }
    let groups: Vec<Group> = of(Question::Encoding).map(relative).collect();
    if !groups.is_empty() {
        let labels = Labels {
            title: "Importance against index encoding, at equal evaluations",
            subtitle: "final EDP over importance's median, below 1 is better; boxes: quartiles and median, whiskers: extremes",
            x: "",
            y: "relative EDP",
            labels: &["importance", "index"],
        };
        all.push(("encodings.svg".into(), boxes(&labels, &groups)));
    }
    let groups: Vec<Group> = of(Question::Sizing).filter_map(sizing_group).collect();
    if !groups.is_empty() {
        let labels = Labels {
            title: "Sizing only against full search",
            subtitle: "EDP reduction over the human baseline with its fixed mapping, above 1 is better",
            x: "",
            y: "reduction",
            labels: &["sizing", "full"],
        };
        all.push(("sizing.svg".into(), boxes(&labels, &groups)));
    }
    let groups: Vec<Group> = of(Question::Learned).map(relative).collect();
    if !groups.is_empty() {
        let labels = Labels {
            title: "Learned co-design, at equal evaluations",
            subtitle: "final EDP over CMA-ES's median, below 1 is better; boxes: quartiles and median, whiskers: extremes",
            x: "",
            y: "relative EDP",
            labels: &["cma-es", "bayesian", "random", "guided"],
        };
        all.push(("learned.svg".into(), boxes(&labels, &groups)));
    }
    all.extend(
        of(Question::Front)
            .filter(|o| !o.front.is_empty())
            .map(|o| ("front.svg".into(), front(o))),
    );
    all
}

/// Values of all seeds at every generation; `pick` 2 is the mean, 1 the best so far.
fn method_courses(o: &Outcome, pick: usize) -> Vec<Course> {
    let course = |label: &str| {
        let searches = labelled(o, label);
        let generations = searches.iter().map(|s| s.history.len()).min().unwrap_or(0);
        let value = |s: &Search, g: usize| match pick {
            2 => s.history[g].2,
            _ => s.history[..=g].iter().map(|h| h.1).fold(f64::INFINITY, f64::min),
        };
        let at = |g: usize| {
            (
                searches[0].history[g].0 as f64,
                searches.iter().map(|s| value(s, g)).collect(),
            )
        };
        Course {
            name: label.into(),
            points: (0..generations).map(at).collect(),
        }
    };
    labels(o).into_iter().map(course).collect()
}

fn relative(o: &Outcome) -> Group {
    let unit = unit(o);
    let values = |label: &str| labelled(o, label).iter().map(|s| s.edp / unit).collect();
    Group {
        name: o.experiment.networks[0].clone(),
        values: labels(o).into_iter().map(values).collect(),
    }
}

fn sizing_group(o: &Outcome) -> Option<Group> {
    let [sizing, full, _] = reductions(o)?;
    let name = format!("{}, {}", o.experiment.resources, o.experiment.networks[0]);
    Some(Group {
        name,
        values: vec![sizing, full],
    })
}

fn front(o: &Outcome) -> String {
    let dot = |p: &[f64; 3]| Dot {
        x: p[0],
        y: p[1] / 1e6,
        area: Some(p[2] / 1e6),
        tip: format!("{:.0} cycles, {:.1} uJ, {:.2} mm2", p[0], p[1] / 1e6, p[2] / 1e6),
    };
    draw(&Scatter {
        title: &format!(
            "Cycles, energy and area: {} within {}",
            o.experiment.networks[0], o.experiment.resources
        ),
        subtitle: "designs that no other one undercuts in all three; the larger a square, the larger the area",
        x_label: "cycles",
        y_label: "energy, uJ",
        dots: &o.front.iter().map(dot).collect::<Vec<_>>(),
        marks: &[],
    })
}
