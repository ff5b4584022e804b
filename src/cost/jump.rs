//! Jump-ahead: many applications of one max-plus map at the price of a few.
//!
//! A map replaces some entries of a state by maxima of entries plus constants: what the jobs of one iteration of a loop do
//! to the times of a run.
//!
//! **If, after at least one earlier period, one more period shifts every entry that it updates by the same `c > 0`, then
//! so does every further period.** Call the states after the earlier periods `u` and then `v = u + c` in the updated
//! entries. The new value of an updated entry is the maximum of terms over updated entries (`A`) and of terms over entries
//! that the period only reads (`b`, the same in every period). `u` itself was made by a period, so `u >= b`, hence `v > b`,
//! hence `v = A(u)`; one period later the entry is `max(A(u + c), b) = max(v + c, b) = v + c`. By induction, always. An
//! updated entry cannot look as if it were not: between two updates its engine issues at least one job, so it grows.
//!
//! A period is one to [`MAX_PERIOD`] iterations: two slots, and ragged tiles inside, make states alternate.

/// The longest period, in iterations, that jump-ahead looks for.
pub const MAX_PERIOD: usize = 4;

/// Applies `f` to `x` `n` times, jumping ahead as soon as it is sure what comes.
///
/// Entry 0 must be one that every application makes grow.
pub fn iterate<const N: usize>(n: u64, x: &mut [u64; N], mut f: impl FnMut(&mut [u64; N])) {
    const HISTORY: usize = MAX_PERIOD + 1;
    if n < 3 {
        for _ in 0..n {
            f(x);
        }
        return;
    }
    let mut history = [[0; N]; HISTORY];
    history[0] = *x;
    let mut done: u64 = 0;
    let slot = |k: u64| usize::try_from(k % HISTORY as u64).unwrap_or(0);
    while done < n {
        f(x);
        done += 1;
        history[slot(done)] = *x;
        for period in 1..=(done / 2).min(MAX_PERIOD as u64).min(n - done) {
            let before = &history[slot(done - period)];
            if let Some(shifts) = common_shift(before, x) {
                let jumps = (n - done) / period;
                for (time, shift) in x.iter_mut().zip(shifts) {
                    *time += shift * jumps;
                }
                done += jumps * period;
                // Fewer iterations than a period are left.
                for _ in done..n {
                    f(x);
                }
                return;
            }
        }
    }
}

/// How far each entry moved, if all that moved went equally far.
#[inline]
fn common_shift<const N: usize>(before: &[u64; N], now: &[u64; N]) -> Option<[u64; N]> {
    let common = now[0] - before[0];
    let mut shifts = [0; N];
    let mut equal = true;
    for ((shift, b), n) in shifts.iter_mut().zip(before).zip(now) {
        *shift = n.wrapping_sub(*b);
        equal &= *shift == 0 || *shift == common;
    }
    equal.then_some(shifts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_period_held_up_by_an_old_token_is_not_repeated() {
        // A loader that waits for a token of time 5 and a pass that waits for the loader: the first iteration shifts both
        // by 4, all others by 1.
        let f = |x: &mut [u64; 3]| {
            x[1] = x[1].max(x[2]) + 1;
            x[0] = x[0].max(x[1]) + 1;
        };
        for n in 0..20 {
            let (mut jumped, mut stepped) = ([3, 2, 5], [3, 2, 5]);
            iterate(n, &mut jumped, f);
            for _ in 0..n {
                f(&mut stepped);
            }
            assert_eq!(jumped, stepped, "{n} iterations");
        }
    }
}
