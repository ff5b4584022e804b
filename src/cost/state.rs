//! The state of an evaluation: times that the future depends on, and which of them a nest can touch.

use crate::mapping::schedule::{Operand, RELEASE};

/// Positions of the state's entries; those of the array engines come first.
pub(crate) mod at {
    /// End of the last pass.
    pub const COMPUTE: usize = 0;
    /// End of the last W loader job.
    pub const W: usize = 1;
    /// End of the last pass that read the W tile before the newest.
    pub const W_FREE: usize = 2;
    /// End of the last I loader job.
    pub const I: usize = 3;
    /// End of the last pass that read the I tile before the newest.
    pub const I_FREE: usize = 4;
    /// End of the last drain job.
    pub const DRAIN: usize = 5;
    /// End of the drain job before.
    pub const DRAIN_BEFORE: usize = 6;
    /// Number of entries that jobs of the array change.
    pub const ARRAY: usize = 7;
    /// When the newest level-2 W tile can be used.
    pub const W_READY: usize = 7;
    /// When the newest level-2 I tile can be used.
    pub const I_READY: usize = 8;
    /// When the level-2 O slot of the newest tile is free and the newest P tile can be used.
    pub const O_READY: usize = 9;
    /// Number of entries that matter to the passes of a step.
    pub const STEP: usize = 10;
    /// End of the last read job.
    pub const READ: usize = 10;
    /// End of the last loader job on the level-2 W tile before the newest.
    pub const L2_W_FREE: usize = 11;
    /// The same of I.
    pub const L2_I_FREE: usize = 12;
    /// End of the last drain job that used the level-2 P tile before the newest.
    pub const L2_P_FREE: usize = 13;
    /// End of the last write job.
    pub const WRITE: usize = 14;
    /// End of the write job before.
    pub const WRITE_BEFORE: usize = 15;
    /// Number of entries.
    pub const ALL: usize = 16;
}

pub(crate) type State = [u64; at::ALL];
pub(crate) type ArrayState = [u64; at::ARRAY];

/// Which operands move: bits W, I, P, O in the order of [`Operand`].
pub(crate) type Moves = u8;
pub(crate) const W: Moves = 1 << Operand::W as u8;
pub(crate) const I: Moves = 1 << Operand::I as u8;
pub(crate) const P: Moves = 1 << Operand::P as u8;
pub(crate) const O: Moves = 1 << Operand::O as u8;
pub(crate) const EVERYTHING: Moves = W | I | P | O;

/// Entries that a nest reads or changes, as bits.
pub(crate) const fn touched(moves: Moves, l2_moves: Moves) -> u16 {
    const fn when(moves: Moves, operand: Moves, entries: u16) -> u16 {
        if moves & operand != 0 { entries } else { 0 }
    }
    1 << at::COMPUTE
        | when(moves, W, 1 << at::W | 1 << at::W_FREE | 1 << at::W_READY)
        | when(moves, I, 1 << at::I | 1 << at::I_FREE | 1 << at::I_READY)
        | when(moves, O, 1 << at::DRAIN | 1 << at::DRAIN_BEFORE | 1 << at::O_READY)
        | when(l2_moves, EVERYTHING, 1 << at::READ)
        | when(l2_moves, W, 1 << at::L2_W_FREE)
        | when(l2_moves, I, 1 << at::L2_I_FREE)
        | when(l2_moves, P, 1 << at::L2_P_FREE)
        | when(l2_moves, O, 1 << at::WRITE | 1 << at::WRITE_BEFORE)
}

/// Raises tokens to what whoever takes them waits for anyway: their engine's last end, or the last pass.
#[inline]
pub(crate) fn settle(moves: Moves, l2_moves: Moves, x: &mut State) {
    for (operand, end, free, ready) in [(W, at::W, at::W_FREE, at::W_READY), (I, at::I, at::I_FREE, at::I_READY)] {
        if moves & operand != 0 {
            x[free] = x[free].max(x[end].saturating_sub(RELEASE));
            x[ready] = x[ready].max(x[end]);
        }
    }
    if moves & O != 0 {
        let drain = x[at::DRAIN].max(x[at::COMPUTE]);
        x[at::O_READY] = x[at::O_READY].max(drain);
        x[at::DRAIN_BEFORE] = x[at::DRAIN_BEFORE].max(x[at::COMPUTE].saturating_sub(RELEASE));
        if l2_moves & O != 0 {
            x[at::WRITE_BEFORE] = x[at::WRITE_BEFORE].max(drain.saturating_sub(RELEASE));
        }
    }
    for (operand, free) in [(W, at::L2_W_FREE), (I, at::L2_I_FREE), (P, at::L2_P_FREE)] {
        if l2_moves & operand != 0 {
            x[free] = x[free].max(x[at::READ].saturating_sub(RELEASE));
        }
    }
}
