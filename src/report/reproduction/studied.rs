//! What an earlier study of NAAS's claims reached, in a setting of its own: figures to be compared with.

/// The study's full search over one form of a human baseline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Studied {
    /// The baseline.
    pub baseline: &'static str,
    /// Widths: `wide` or `narrow`.
    pub form: &'static str,
    /// The claim.
    pub claim: &'static str,
    /// Speed, energy and energy-delay product over the fixed mapping, where they are stated.
    pub over_fixed: [Option<f64>; 3],
    /// Energy-delay product over the searched mapping, where it is stated.
    pub over_searched: Option<f64>,
}

const fn over(
    baseline: &'static str,
    form: &'static str,
    claim: &'static str,
    [speed, energy, edp]: [f64; 3],
    searched: f64,
) -> Studied {
    Studied {
        baseline,
        form,
        claim,
        over_fixed: [Some(speed), Some(energy), Some(edp)],
        over_searched: Some(searched),
    }
}

const fn resnet50(baseline: &'static str, edp: f64) -> Studied {
    Studied {
        baseline,
        form: "wide",
        claim: "C10",
        over_fixed: [None, None, Some(edp)],
        over_searched: None,
    }
}

/// All that the study states.
pub const STUDIED: [Studied; 14] = [
    over("edgetpu", "wide", "C1", [1.30, 1.34, 1.73], 1.03),
    over("edgetpu", "narrow", "C1", [2.30, 1.47, 3.39], 1.10),
    over("nvdla-1024", "wide", "C2", [1.23, 1.80, 2.20], 1.24),
    over("nvdla-1024", "narrow", "C2", [3.35, 1.81, 6.08], 1.26),
    over("nvdla-256", "wide", "C4", [2.54, 1.36, 3.46], 2.58),
    over("nvdla-256", "narrow", "C4", [2.85, 1.32, 3.75], 2.08),
    over("eyeriss", "wide", "C3", [1.14, 1.25, 1.42], 0.96),
    over("eyeriss", "narrow", "C3", [1.17, 1.25, 1.47], 0.96),
    over("eyeriss-rigid", "wide", "C3", [10.6, 1.92, 20.4], 9.67),
    over("eyeriss-rigid", "narrow", "C3", [9.42, 1.92, 18.1], 8.55),
    over("shidiannao", "wide", "C5", [1.29, 2.58, 3.34], 1.54),
    over("shidiannao", "narrow", "C5", [3.15, 2.57, 8.10], 1.53),
    resnet50("eyeriss", 1.73),
    resnet50("eyeriss-rigid", 31.7),
];

/// What the study states of a baseline at some widths, for some claim.
#[must_use]
pub fn studied(baseline: &str, form: &str, claim: &str) -> Option<&'static Studied> {
    STUDIED
        .iter()
        .find(|s| (s.baseline, s.form, s.claim) == (baseline, form, claim))
}

/// The study's ceilings over fixed mappings at its wide widths: speed and energy, that is, how far these are above the least that
/// any accelerator takes.
pub const CEILINGS: [(&str, [f64; 2]); 5] = [
    ("edgetpu", [1.56, 1.82]),
    ("nvdla-1024", [1.36, 2.37]),
    ("nvdla-256", [3.03, 1.51]),
    ("eyeriss", [1.29, 1.39]),
    ("shidiannao", [1.39, 2.96]),
];

/// Energy-delay product over the fixed mapping where an axis may run two dimensions: wide and narrow.
pub(super) const SHARED: [(&str, [f64; 2]); 6] = [
    ("edgetpu", [2.18, 3.67]),
    ("nvdla-1024", [2.39, 6.24]),
    ("nvdla-256", [3.92, 4.07]),
    ("eyeriss", [1.56, 1.54]),
    ("eyeriss-rigid", [22.4, 19.0]),
    ("shidiannao", [3.51, 8.44]),
];

/// Energy-delay product of sizing only over that of the full search, at the wide widths, for the pairs of C6 and C7.
pub(super) const PAIRS: [f64; 4] = [1.00, 1.69, 1.06, 1.83];

/// Share of a figure of the study that counts as reaching it.
pub const WITHIN: f64 = 0.95;
