//! Widths of the engines' counters and adders.

use crate::base::dims::{Dim, PerDim};
use crate::mapping::legality::FIELD_LIMIT;
use crate::rtl::hardware::Hardware;
use crate::rtl::limits::{Limits, bit_length, side};
use std::ops::Range;

/// Bits of counts on one design, for the engines' counters and adders: each as wide as the fields of the table that it runs
/// up to. Loops in the order K C Y X R S.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// A PE's extent minus one.
    pub share: [u32; 6],
    /// An array tile's extent minus one.
    pub tile: [u32; 6],
    /// A trip count at level 2 minus one; zero if that is always one.
    pub trips: [u32; 6],
    /// Of a level-2 tile, each minus one: blocks or words of channels, input channels of weights, output rows, output columns,
    /// taps along either side.
    pub l2: [u32; 5],
    /// A row or column of a level-2 tile's window.
    pub window: u32,
    /// A row or column of an array tile's window, and of where any position's window begins.
    pub array_window: u32,
    /// A row or column of one PE's window.
    pub share_window: u32,
    /// Groups of I lanes minus one.
    pub groups: u32,
}

impl Counts {
    /// The counts that the layers of `hw` come to, or all that fit its memories.
    #[must_use]
    pub fn of(hw: &Hardware) -> Self {
        use Dim::{C, K, R, S, X, Y};
        let l = Limits::of(hw);
        let most = |name: &str, elements: Range<usize>| {
            let largest = elements.map(|i| l.largest(name, i).unwrap_or(FIELD_LIMIT));
            largest.max().unwrap_or(0)
        };
        let width = |last: u64| bit_length(last).max(1);
        // Of a window: output positions and taps; no more than its memory holds.
        let window = |name: &str, per: usize, held: u64| {
            let side = |d: usize| most(name, d * per..(d + 1) * per) + most(name, (d + 2) * per..(d + 3) * per);
            width(side(0).max(side(1)).min(held - 1))
        };
        let begins = |d: usize| {
            let step = most("step", 3 * d..3 * d + 3);
            (l.parallel[side(3 * d)] - 1) * step
        };
        let array = (0..2).map(|d| {
            let reach = most("reach", 3 * d..3 * d + 3) + most("reach", 3 * (d + 2)..3 * (d + 2) + 3);
            reach.max(begins(d) + begins(d + 2))
        });
        let tile = |d: Dim| match d {
            K => most("k_extent", 0..3).saturating_sub(1),
            C => most("wl_c_last", 0..3),
            Y => most("dr_y_last", 0..3),
            X => most("dr_x_last", 0..3),
            R => most("wl_r_last", 0..3),
            S => most("wl_s_last", 0..3),
        };
        let blocks = ["rd_blocks_last", "rd_w_words_last", "rd_p_words_last", "wr_blocks_last"];
        let edges = |names: &[&str]| width(names.iter().map(|name| most(name, 0..2)).max().unwrap_or(0));
        Self {
            share: PerDim::from_fn(|d| width(most("share_last", 3 * d.index()..3 * d.index() + 3))).0,
            tile: PerDim::from_fn(|d| width(tile(d))).0,
            trips: PerDim::from_fn(|d| bit_length(most("l2_last", 2 * d.index()..2 * d.index() + 2))).0,
            l2: [
                edges(&blocks),
                edges(&["rd_c_last"]),
                edges(&["wr_y_last"]),
                edges(&["wr_x_last"]),
                edges(&["rd_r_last", "rd_s_last"]),
            ],
            window: window("rd_reach", 2, l.window).max(window("reach", 3, l.window)),
            array_window: width(array.max().unwrap_or(0)).min(l.bounds.position).min(16),
            share_window: window("share_reach", 3, l.share_window),
            groups: width(most("il_groups_last", 0..3)),
        }
    }
}
