//! Accelerators written out figure by figure, where a vector has to stand for exactly one of them: a published chip, or a
//! neighbour of a good design. No vector of genes has [`LENGTH`] numbers, so that the same space reads both.

use crate::arch::accelerator::{AXIS_COUNTS, Accelerator, Axis, Buffers, L2, Lanes, Memory, Offchip, Words};
use crate::base::dims::Dim;

/// Numbers of an axis: its size and its dimensions.
const AXIS: usize = 2;
/// Memories, each with its size and its slots.
const MEMORIES: usize = 7;
/// Axes, memories, whether level 2 has sums, lanes, output units, off-chip port.
pub const LENGTH: usize = AXIS * *AXIS_COUNTS.end() + 2 * MEMORIES + 1 + 3 + 1 + 2;

/// The dimensions of an axis as the digits of a number, the first one last; none is zero.
fn number(dims: &[Dim]) -> u32 {
    dims.iter().rev().fold(0, |n, d| 7 * n + 1 + d.index() as u32)
}

fn dims(mut number: u32) -> Option<Vec<Dim>> {
    let mut dims = Vec::new();
    while number > 0 {
        dims.push(*Dim::ALL.get((number % 7).checked_sub(1)? as usize)?);
        number /= 7;
    }
    Some(dims)
}

/// The figures of `a`.
#[must_use]
pub fn write(a: &Accelerator) -> Vec<f64> {
    let mut all: Vec<u32> = Vec::with_capacity(LENGTH);
    for i in 0..*AXIS_COUNTS.end() {
        all.extend(a.axes.get(i).map_or([0, 0], |axis| [axis.size, number(&axis.dims)]));
    }
    let (b, l) = (&a.buffers, &a.l2);
    all.extend([b.psum.words, b.psum.slots]);
    all.extend([b.W, b.I, l.W, l.I, l.O, l.P].iter().flat_map(|m| [m.bytes, m.slots]));
    all.push(l.sums.into());
    all.extend([a.lanes.W, a.lanes.I, a.lanes.drain, a.requantizers]);
    all.extend([a.offchip.bytes_per_cycle, a.offchip.latency_cycles]);
    all.into_iter().map(f64::from).collect()
}

/// The accelerator with these figures; none if `figures` are genes.
#[must_use]
pub fn read(figures: &[f64]) -> Option<Accelerator> {
    if figures.len() != LENGTH {
        return None;
    }
    let mut figures = figures.iter().map(|&f| f as u32);
    let mut next = || figures.next().unwrap_or(0);
    let mut axes = Vec::with_capacity(*AXIS_COUNTS.end());
    for _ in AXIS_COUNTS {
        let (size, number) = (next(), next());
        if size > 0 {
            let dims = dims(number)?;
            axes.push(Axis { size, dims });
        }
    }
    let psum = Words {
        words: next(),
        slots: next(),
    };
    let mut memory = || Memory {
        bytes: next(),
        slots: next(),
    };
    let [w, i, l2_w, l2_i, l2_o, l2_p] = std::array::from_fn(|_| memory());
    Some(Accelerator {
        name: "searched".into(),
        axes,
        buffers: Buffers { W: w, I: i, psum },
        l2: L2 {
            W: l2_w,
            I: l2_i,
            O: l2_o,
            P: l2_p,
            sums: next() != 0,
        },
        lanes: Lanes {
            W: next(),
            I: next(),
            drain: next(),
        },
        requantizers: next(),
        offchip: Offchip {
            bytes_per_cycle: next(),
            latency_cycles: next(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::dataflow::DATAFLOWS;

    #[test]
    fn what_is_written_reads_back() {
        for flow in &DATAFLOWS {
            let mut a = flow.accelerator().unwrap();
            a.name = "searched".into();
            let figures = write(&a);
            assert_eq!((figures.len(), read(&figures)), (LENGTH, Some(a)));
        }
        assert_eq!(read(&[0.5; 14]), None);
    }
}
