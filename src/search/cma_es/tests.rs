//! CMA-ES against functions with known minima, with evaluation budgets; determinism; invariance.

use super::*;

/// Evaluations until `f` falls to `target`, or `None` within `budget`.
fn evaluations_to(
    f: &dyn Fn(&[f64]) -> f64,
    target: f64,
    budget: usize,
    settings: Settings,
    seed: u64,
) -> Option<usize> {
    let mut cma = CmaEs::new(settings, seed);
    let mut used = 0;
    while used < budget {
        let points: Vec<(Vec<f64>, f64)> = (0..cma.population())
            .map(|_| {
                let x = cma.ask();
                let y = f(&x);
                (x, y)
            })
            .collect();
        used += points.len();
        if points.iter().any(|p| p.1 <= target) {
            return Some(used);
        }
        cma.tell(&points);
    }
    None
}

/// Evaluations over seeds 1 to 5; fails if any seed misses the budget.
fn all_seeds(name: &str, f: &dyn Fn(&[f64]) -> f64, budget: usize, settings: &Settings) {
    let used: Vec<_> = (1..=5)
        .map(|seed| evaluations_to(f, 1e-9, budget, settings.clone(), seed))
        .collect();
    println!("{name}: {used:?} of {budget}");
    assert!(used.iter().all(Option::is_some), "{name} within {budget}: {used:?}");
}

fn sphere(x: &[f64]) -> f64 {
    x.iter()
        .enumerate()
        .map(|(i, x)| x - 0.25 - 0.04 * i as f64)
        .map(|d| d * d)
        .sum()
}

/// Axes scaled from 1 to 1e3: condition 1e6.
fn ellipsoid(x: &[f64]) -> f64 {
    let n = (x.len() - 1) as f64;
    x.iter()
        .enumerate()
        .map(|(i, x)| crate::search::numeric::pow(1e6, i as f64 / n) * (x - 0.4) * (x - 0.4))
        .sum()
}

/// The same, rotated by a Householder reflection.
fn rotated_ellipsoid(x: &[f64]) -> f64 {
    let v: Vec<f64> = (0..x.len()).map(|i| 1.0 + i as f64).collect();
    let centred: Vec<f64> = x.iter().map(|x| x - 0.4).collect();
    let dot: f64 = v.iter().zip(&centred).map(|(a, b)| a * b).sum();
    let vv: f64 = v.iter().map(|a| a * a).sum();
    let turned: Vec<f64> = v
        .iter()
        .zip(&centred)
        .map(|(v, x)| x - 2.0 * v * dot / vv + 0.4)
        .collect();
    ellipsoid(&turned)
}

/// Rosenbrock's valley over `[-2, 2]^n`, minimum at 1.
fn rosenbrock(x: &[f64]) -> f64 {
    let x: Vec<f64> = x.iter().map(|x| 4.0 * x - 2.0).collect();
    x.windows(2)
        .map(|p| 100.0 * (p[1] - p[0] * p[0]) * (p[1] - p[0] * p[0]) + (1.0 - p[0]) * (1.0 - p[0]))
        .sum()
}

#[test]
fn sphere_5_and_14_dimensions() {
    all_seeds("sphere 5", &sphere, 1_500, &Settings::new(5));
    all_seeds("sphere 14", &sphere, 4_000, &Settings::new(14));
}

#[test]
fn ellipsoid_of_condition_1e6() {
    all_seeds("ellipsoid 5", &ellipsoid, 4_000, &Settings::new(5));
    all_seeds("ellipsoid 14", &ellipsoid, 16_000, &Settings::new(14));
    all_seeds("rotated ellipsoid 10", &rotated_ellipsoid, 10_000, &Settings::new(10));
}

#[test]
fn diagonal_covariance_is_faster_where_axes_are_separable() {
    let settings = |n| Settings {
        covariance: Covariance::Diagonal,
        ..Settings::new(n)
    };
    all_seeds("diagonal sphere 30", &sphere_30, 8_000, &settings(30));
    all_seeds("diagonal ellipsoid 14", &ellipsoid, 8_000, &settings(14));
}

fn sphere_30(x: &[f64]) -> f64 {
    x.iter().map(|x| (x - 0.3) * (x - 0.3)).sum()
}

#[test]
fn rosenbrock_5_and_8_dimensions() {
    // A start may end in the second, local minimum; restarts leave it.
    let settings = |n| Settings {
        restarts: true,
        ..Settings::new(n)
    };
    all_seeds("rosenbrock 5", &rosenbrock, 6_000, &settings(5));
    all_seeds("rosenbrock 8", &rosenbrock, 10_000, &settings(8));
}

#[test]
fn optimum_on_the_boundary() {
    // The unconstrained minimum lies outside in half of the coordinates; the constrained one is the nearest corner of them.
    let f = |x: &[f64]| -> f64 {
        let target = |i: usize| -> f64 { [-0.4, 0.3, 1.5, 0.7][i % 4] };
        let best = |i: usize| target(i).clamp(0.0, 1.0);
        let d = |x: f64, t: f64| (x - t) * (x - t);
        x.iter()
            .enumerate()
            .map(|(i, &x)| d(x, target(i)) - d(best(i), target(i)))
            .sum()
    };
    all_seeds("boundary 8", &f, 8_000, &Settings::new(8));
    all_seeds("boundary 14", &f, 28_000, &Settings::new(14));
    let linear = |x: &[f64]| x.iter().sum::<f64>();
    all_seeds("corner 14", &linear, 10_000, &Settings::new(14));
}

/// All points of ten generations.
fn trace(f: &dyn Fn(&[f64]) -> f64, seed: u64) -> Vec<(Vec<f64>, f64)> {
    let mut cma = CmaEs::new(Settings::new(6), seed);
    let mut all = Vec::new();
    for _ in 0..10 {
        let points: Vec<_> = (0..cma.population())
            .map(|_| cma.ask())
            .map(|x| (x.clone(), f(&x)))
            .collect();
        cma.tell(&points);
        all.extend(points);
    }
    all
}

#[test]
fn repeats_by_seed() {
    assert_eq!(trace(&rosenbrock, 4), trace(&rosenbrock, 4));
    assert_ne!(trace(&rosenbrock, 4), trace(&rosenbrock, 5));
    assert!(
        trace(&rosenbrock, 4)
            .iter()
            .flat_map(|p| &p.0)
            .all(|x| (0.0..=1.0).contains(x))
    );
}

#[test]
fn only_the_order_of_objectives_matters() {
    let plain = trace(&rosenbrock, 8);
    let bent = trace(&|x| exp(rosenbrock(x) / 100.0) - 7.0, 8);
    assert!(plain.iter().zip(&bent).all(|(a, b)| a.0 == b.0));
}

#[test]
fn order_of_telling_does_not_matter_without_ties() {
    let run = |reverse: bool| {
        let mut cma = CmaEs::new(Settings::new(4), 2);
        for _ in 0..5 {
            let mut points: Vec<_> = (0..cma.population())
                .map(|_| cma.ask())
                .map(|x| (x.clone(), sphere(&x)))
                .collect();
            if reverse {
                points.reverse();
            }
            cma.tell(&points);
        }
        cma.mean().to_vec()
    };
    assert_eq!(run(false), run(true));
}

#[test]
fn invalid_points_never_become_parents() {
    let f = |x: &[f64]| if x[0] > 0.5 { f64::INFINITY } else { sphere(x) };
    let mut cma = CmaEs::new(Settings::new(5), 3);
    cma.tell(&[(vec![0.9; 5], f64::INFINITY), (vec![0.8; 5], f64::NAN)]);
    assert_eq!(cma.mean(), [0.5; 5]);
    for _ in 0..30 {
        let points: Vec<_> = (0..cma.population())
            .map(|_| cma.ask())
            .map(|x| (x.clone(), f(&x)))
            .collect();
        cma.tell(&points);
    }
    assert!(cma.mean()[0] < 0.5);
}

#[test]
fn injected_points_attract_without_upsetting_the_distribution() {
    let mut cma = CmaEs::new(
        Settings {
            sigma: 0.01,
            ..Settings::new(5)
        },
        3,
    );
    let mut points: Vec<_> = (0..cma.population()).map(|_| cma.ask()).map(|x| (x, 1.0)).collect();
    points.push((vec![1.0; 5], 0.0));
    cma.tell(&points);
    assert!(cma.mean().iter().all(|&m| m > 0.5 && m < 0.55), "{:?}", cma.mean());
    assert!(cma.sigma() < 0.03 && !cma.stalled());
}

#[test]
fn a_plateau_widens_the_search_within_the_box() {
    let mut cma = CmaEs::new(
        Settings {
            sigma: 0.01,
            ..Settings::new(5)
        },
        3,
    );
    for _ in 0..60 {
        let points: Vec<_> = (0..cma.population()).map(|_| cma.ask()).map(|x| (x, 1.0)).collect();
        cma.tell(&points);
    }
    assert!(cma.sigma() > 0.1 && cma.reach() <= 1.0 + 1e-12);
}

#[test]
fn stalls_when_shrunk_and_restarts_if_told_to() {
    let run = |restarts| {
        let mut cma = CmaEs::new(
            Settings {
                restarts,
                tolerance: 1e-6,
                ..Settings::new(4)
            },
            1,
        );
        for _ in 0..200 {
            let points: Vec<_> = (0..cma.population())
                .map(|_| cma.ask())
                .map(|x| (x.clone(), sphere(&x)))
                .collect();
            cma.tell(&points);
        }
        cma
    };
    assert!(run(false).stalled());
    let again = run(true);
    assert!(again.restarted() >= 1 && again.population() >= 16);
}

#[test]
fn weights_of_the_tutorial() {
    let k = Constants::new(10, 10, &Settings::new(10));
    assert_eq!(k.parents, 5);
    assert!((k.weights[..5].iter().sum::<f64>() - 1.0).abs() < 1e-12);
    assert!((k.mu_eff - 3.167).abs() < 1e-3);
    assert!(k.weights[5..].iter().all(|&w| w < 0.0) && k.weights.windows(2).all(|w| w[0] > w[1]));
}
