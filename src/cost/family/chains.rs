//! The bounds on a family's cycles as sums of monomials: chains of jobs, as [`crate::cost::bound`] derives them.
//!
//! Of what comes before and after an engine's work, reads and loads of first tiles, the last step's passes and the last write
//! are monomials too: that smaller tiles make them shorter, and counts larger, is what decides where the bus is not busy. What
//! is short stays at its least over the family.

use super::Ends;
use super::posynomial::{Build, Count as N, Sum, Times};
use crate::cost::tech::real;
use crate::mapping::schedule::{READ_TO_USE, RELEASE};

/// Before W is loaded, before the first pass.
pub(super) const READ: [N; 2] = [N::FirstI, N::FirstW];
pub(super) const LOADED: [N; 3] = [N::FirstI, N::FirstW, N::LoadW];

/// Cycles at the ends of a run that no monomial holds.
pub(super) struct Fixed {
    pub(super) e: Ends,
    /// From the layer's start to the run's, and from its end.
    pub(super) whole: u64,
    pub(super) to_use: u64,
    /// Before the first load, before the first pass.
    pub(super) load: u64,
    pub(super) compute: u64,
    /// After the last drain job, pass, load.
    pub(super) after_drain: u64,
    pub(super) after_compute: u64,
    pub(super) after_load: u64,
}

impl Build<'_> {
    /// The bounds of [`super::Families::cycles`].
    pub(super) fn cycles(&self, w_moves: &Times) -> Vec<Sum> {
        let e = self.f.ends(self.c);
        let to_use = self.f.s.ports.latency + READ_TO_USE;
        let after_compute = e.tail_compute - e.write;
        let fixed = Fixed {
            whole: self.f.s.layer_cycles(0, false),
            to_use,
            load: 1 + to_use,
            compute: 1 + to_use + e.w_token,
            after_drain: e.tail_drain - e.write,
            after_compute,
            after_load: e.pass_last + after_compute,
            e,
        };
        let mut all = fixed.one_engine();
        if super::Families::drains_apart(self.c) {
            all.push(fixed.final_drains());
        }
        all.extend(self.two_engines(&fixed));
        all.extend(self.phases(&fixed, w_moves));
        all
    }

    /// Both engines around each memory.
    fn two_engines(&self, f: &Fixed) -> Vec<Sum> {
        let (e, slots) = (&f.e, &self.f.s.ports.slots);
        let mut all = Vec::with_capacity(7);
        let mut turns = |slots: u32, ends: (u64, &[N]), tiles: (N, u64), extra: u64, parts: &[N]| {
            all.extend(in_turn(slots, (f.whole + ends.0, ends.1), tiles, extra, parts));
        };
        turns(
            slots.w,
            (f.load + f.after_compute, &written(&READ)),
            (N::WJobs, e.w_token),
            e.load_w + e.pass_last,
            &[N::WCycles, N::Compute],
        );
        turns(
            slots.i,
            (f.load + f.after_compute, &written(&[N::FirstI])),
            (N::IJobs, e.i_token),
            e.load_i + e.pass_last,
            &[N::ICycles, N::Compute],
        );
        turns(
            slots.psum,
            (f.compute + f.after_drain, &written(&LOADED)),
            (N::DrainJobs, e.drain_token),
            e.pass + e.drain,
            &[N::Compute, N::Drain, N::LastDrain],
        );
        turns(
            slots.l2_w,
            (1 + e.w_token + f.after_load, &written(&[N::FirstI])),
            (N::WReads, f.to_use),
            e.read[1],
            &[N::WFills, N::WCycles],
        );
        turns(
            slots.l2_i,
            (1 + e.i_token + f.after_load, &written(&[])),
            (N::IReadJobs, f.to_use),
            e.read[0],
            &[N::IReads, N::ICycles],
        );
        turns(
            slots.l2_p,
            (1 + f.after_drain, &written(&READ)),
            (N::PReads, f.to_use),
            e.read[2] + e.drain,
            &[N::PFills, N::Drain, N::LastDrain],
        );
        // Nothing follows the last write.
        turns(
            slots.l2_o,
            (f.compute + e.pass + e.drain_token, &LOADED),
            (N::WriteJobs, e.write_token),
            e.completing + e.write,
            &[N::Drain, N::LastDrain, N::Writes],
        );
        all
    }
}

impl Fixed {
    /// Each engine alone.
    fn one_engine(&self) -> Vec<Sum> {
        let e = &self.e;
        let sum = |constant: u64, ends: &[N], parts: &[N]| Sum {
            constant: real(self.whole + constant),
            parts: once(&[ends, parts].concat()),
        };
        let mut all = vec![
            sum(self.load + e.w_token + self.after_load, &written(&READ), &[N::WCycles]),
            sum(
                self.load + e.i_token + self.after_load,
                &written(&[N::FirstI]),
                &[N::ICycles],
            ),
            sum(self.compute + self.after_compute, &written(&LOADED), &[N::Compute]),
            sum(
                self.load + e.i_token + self.after_compute,
                &written(&[N::FirstI, N::LoadI]),
                &[N::Compute],
            ),
            sum(
                self.compute + e.pass + e.drain_token + self.after_drain,
                &written(&LOADED),
                &[N::Drain, N::LastDrain],
            ),
            sum(e.head_write - e.head_compute + self.compute, &LOADED, &[N::Writes]),
        ];
        let after_read = self.load + e.load_of_last + self.after_compute;
        if let Some(constant) = (self.whole + after_read).checked_sub(e.params) {
            all.push(Sum {
                constant: real(constant),
                ..sum(0, &written(&[N::LastStep]), &[N::WFills, N::IReads, N::PFills])
            });
        }
        all
    }
}

impl Fixed {
    /// Passes of every off-chip step but the last one on an output tile, and that one's drains.
    fn final_drains(&self) -> Sum {
        let parts = [N::FinalDrain, N::RestC, N::RestR, N::RestS];
        let ends = written(&LOADED);
        let mut parts = once(&[parts.as_slice(), &ends].concat());
        parts.push((N::WriteJobs as usize, real(self.e.drain_token + RELEASE)));
        Sum {
            // There is a first write job, and the passes before it have a head.
            constant: real((self.whole + self.compute + self.after_drain).saturating_sub(RELEASE)),
            parts,
        }
    }
}

/// Each of `counts` once.
pub(super) fn once(counts: &[N]) -> Vec<(usize, f64)> {
    counts.iter().map(|&n| (n as usize, 1.0)).collect()
}

/// What comes before, with the last write.
pub(super) fn written(before: &[N]) -> Vec<N> {
    [before, &[N::LastO]].concat()
}

/// A memory whose tiles are filled and used in turn, in one chain or in two that together take everything, as
/// [`crate::cost::bound`] derives it: what comes before and after, tiles with the time from a fill to its use, the first fill and
/// the last use, and what both engines do.
fn in_turn(
    slots: u32,
    (constant, ends): (u64, &[N]),
    (tiles, token): (N, u64),
    extra: u64,
    parts: &[N],
) -> Option<Sum> {
    let (share, constant) = if slots == 1 {
        (1.0, constant.checked_sub(RELEASE)?)
    } else {
        (0.5, (2 * constant + extra).checked_sub(2 * RELEASE)?)
    };
    let mut parts: Vec<(usize, f64)> = parts.iter().map(|&n| (n as usize, share)).collect();
    parts.push((tiles as usize, share * real(token + RELEASE)));
    parts.extend(once(ends));
    Some(Sum {
        constant: real(constant) * share,
        parts,
    })
}
