//! Jump-ahead: many applications of one max-plus map at the price of a few.
//!
//! A map replaces some entries of a state by maxima of entries plus constants: what the jobs of one iteration of a loop do
//! to the times of a run.
//!
//! # Why it is exact
//! Let `f` be the map, and `b` what the entries that `f` reads but never changes contribute to the entries that it changes:
//! `f(x) = max(A(x), b)`, the same `b` every time. The states are `x[0]`, `x[1] = f(x[0])`, and so on, where `x[0]` was made
//! by `f` or by a map that does all that `f` does, and perhaps more; so every `x[i] >= b` in the changed entries, and
//! applying `A` to that, **after `p - 1` further applications the state is at least what the unchanged entries contribute
//! to `p` of them**.
//!
//! Say that `p` applications took `u = x[i]`, `i >= p - 1`, to `v = u + c`, `c > 0`, in all changed entries. The new values
//! are maxima of terms over changed entries (`G`) and of contributions `g` of the others. `u >= g`, hence `v > g`, hence
//! `v = G(u)`; `p` applications later the entries are `max(G(u + c), g) = max(v + c, g) = v + c`. By induction, always. A
//! changed entry cannot look as if it were not: between two changes its engine does at least one job, so it grows.
//!
//! A period is one to [`MAX_PERIOD`] iterations: two slots, and ragged tiles inside, make states alternate.

/// The longest period, in iterations, that jump-ahead looks for.
pub const MAX_PERIOD: usize = 4;

/// Applies `f` to `x` `n` times, jumping ahead as soon as it is sure what comes.
///
/// `x` must come from `f`, or from a map that does all that `f` does. Entry 0 must be one that every application makes
/// grow.
#[inline]
pub fn iterate<const N: usize>(n: u64, x: &mut [u64; N], mut f: impl FnMut(&mut [u64; N])) {
    const HISTORY: usize = MAX_PERIOD + 1;
    if n < 2 {
        if n == 1 {
            f(x);
        }
        return;
    }
    let mut history = [[0; N]; HISTORY];
    history[0] = *x;
    let mut done = 0;
    // Where `x` is kept in the history; one more than it has states, at most.
    let (mut at, mut known) = (0, 1_usize);
    while done < n {
        f(x);
        done += 1;
        at = if at + 1 == HISTORY { 0 } else { at + 1 };
        // Of `known` earlier states, a period of `p` needs the one `p` before, and `p - 1` others before that.
        let mut before = at;
        for period in 1..=known.div_ceil(2).min(MAX_PERIOD) {
            before = if before == 0 { HISTORY - 1 } else { before - 1 };
            if n - done >= period as u64 && shifts_alike(&history[before], x) {
                jump(x, &history[before], (n - done) / period as u64);
                // Fewer iterations than a period are left.
                for _ in 0..(n - done) % period as u64 {
                    f(x);
                }
                return;
            }
        }
        history[at] = *x;
        known += 1;
    }
}

/// Goes from `before` to `x` as many times again.
#[inline]
fn jump<const N: usize>(x: &mut [u64; N], before: &[u64; N], times: u64) {
    for (time, old) in x.iter_mut().zip(before) {
        *time += (*time - old) * times;
    }
}

/// [`iterate`] for maps that are cheap: looks for periods of one and two only, and only in long runs.
///
/// That is all that a pass needs: no job waits for one that is more than two jobs back.
#[inline]
pub fn repeat<const N: usize>(n: u64, x: &mut [u64; N], mut f: impl FnMut(&mut [u64; N])) {
    let (mut one, mut two) = (*x, *x);
    for done in 1..=n {
        f(x);
        let left = n - done;
        if left > 0 {
            if shifts_alike(&one, x) {
                jump(x, &one, left);
                return;
            }
            if done >= 3 && left >= 2 && shifts_alike(&two, x) {
                jump(x, &two, left / 2);
                if left % 2 == 1 {
                    f(x);
                }
                return;
            }
            (two, one) = (one, *x);
        }
    }
}

/// Whether all entries that moved went equally far.
#[inline]
fn shifts_alike<const N: usize>(before: &[u64; N], now: &[u64; N]) -> bool {
    let common = now[0] - before[0];
    let mut alike = true;
    for (b, n) in before.iter().zip(now) {
        let shift = n.wrapping_sub(*b);
        alike &= shift == 0 || shift == common;
    }
    alike
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_period_held_up_by_an_old_token_is_not_repeated() {
        // A loader that waits for a token of time 5 and a pass that waits for the loader: the first iteration shifts both
        // by 4, all others by 1. `iterate` starts from what an iteration left.
        let f = |x: &mut [u64; 3]| {
            x[1] = x[1].max(x[2]) + 1;
            x[0] = x[0].max(x[1]) + 1;
        };
        for n in 0..20 {
            let (mut jumped, mut stepped) = ([3, 2, 5], [3, 2, 5]);
            f(&mut jumped);
            iterate(n, &mut jumped, f);
            for _ in 0..=n {
                f(&mut stepped);
            }
            assert_eq!(jumped, stepped, "{n} iterations");
        }
    }
}
