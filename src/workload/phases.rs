//! A transposed convolution as a plain one: its outputs by phase.
//!
//! With stride `s`, dilation `d` and `p` rows cut off in front, input row `i` and tap `r` add to output row
//! `y = s*i + d*r - p` (columns likewise). Write `y + p = s*q + f` with a *phase* `f` below `s`: the taps that reach `y` are
//! those with `d*r = f (mod s)`, from input rows `q - (d*r - f) / s`. So outputs of one `q` see the same few input rows,
//! whatever their phase, and the phases are so many more output channels of a convolution with stride 1 over `q`.
//!
//! That convolution has a tap for every distance `(d*r - f) / s`: `ceil(reach / s)` of them without dilation, of which a phase
//! uses those that it has; the others are zero. A kernel as large as its stride leaves none unused. Rows of `q` whose
//! phases lie partly outside the output are computed whole; whoever reads the tensor leaves out what is too much.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::dims::{Dim, PerDim};
use crate::workload::layer::{Conv, Kind, LoopNest, MAX_EXTENT, MAX_MACS};
use crate::workload::quant::{ChannelParams, LayerPost};

/// Rows (or columns) of a transposed convolution, and of the plain one that computes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Side {
    /// Phases.
    stride: u32,
    /// Distance of the transposed convolution's taps.
    dilation: u32,
    /// Its taps.
    kernel: u32,
    /// Rows of its full output that are cut off in front.
    cut: u32,
    /// Rows of its output.
    output: u32,
    /// Taps of the plain convolution.
    taps: u32,
    /// Their distance.
    step: u32,
    /// The first `q`: those before it hold no output.
    first: u32,
    /// How many `q` there are.
    count: u32,
}

impl Side {
    fn new(conv: &Conv, i: usize, output: u32) -> Option<Self> {
        let (stride, dilation, kernel) = (conv.stride[i], conv.dilation[i], [conv.R, conv.S][i]);
        let cut = conv.pad[i];
        // All taps of a phase are equally far apart; where the stride divides the dilation, one phase has them all.
        let step = if dilation.is_multiple_of(stride) {
            dilation / stride
        } else {
            1
        };
        let farthest = u64::from(dilation) * u64::from(kernel.checked_sub(1)?) / u64::from(stride);
        let taps = farthest / u64::from(step) + 1;
        let first = u64::from(cut / stride).min((taps - 1) * u64::from(step));
        let last = (u64::from(output.checked_sub(1)?) + u64::from(cut)) / u64::from(stride);
        let fits = |v: u64| u32::try_from(v).ok().filter(|&v| v <= MAX_EXTENT);
        Some(Self {
            stride,
            dilation,
            kernel,
            cut,
            output,
            taps: fits(taps)?,
            step,
            first: fits(first)?,
            count: fits(last + 1 - first)?,
        })
    }

    /// The tap of the transposed convolution that `phase` multiplies where the plain one is at `tap`; later input rows come
    /// from earlier taps.
    fn original(&self, phase: u32, tap: u32) -> Option<u32> {
        let distance = u64::from(self.taps - 1 - tap) * u64::from(self.step);
        let place = u64::from(phase) + distance * u64::from(self.stride);
        let original = place / u64::from(self.dilation);
        (place.is_multiple_of(self.dilation.into()) && original < self.kernel.into()).then_some(original as u32)
    }

    /// Rows of padding before the first input row.
    const fn pad(&self) -> u32 {
        (self.taps - 1) * self.step - self.first
    }

    /// Row of the plain convolution, and phase, that hold an output row.
    const fn place(&self, y: u32) -> (u32, u32) {
        let full = y + self.cut;
        (full / self.stride - self.first, full % self.stride)
    }
}

/// The plain convolution that computes a transposed one.
///
/// Within a group its output channel `f * K + k` is phase `f` of channel `k`, where `K` counts the channels of one group of
/// the transposed convolution and `f` is the phase over rows, times the phases over columns, plus the phase over columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phases {
    images: u32,
    groups: u32,
    /// Input and output channels of one group of the transposed convolution.
    channels: [u32; 2],
    input: [u32; 2],
    sides: [Side; 2],
}

impl Phases {
    /// The phases of a transposed convolution with sizes that passed [`crate::workload::layer::Shape::check`].
    ///
    /// # Errors
    /// `E0104` where the plain convolution would be larger than a layer may be.
    pub fn new(conv: &Conv) -> Result<Self> {
        let [rows, cols] = conv.output().unwrap_or_default();
        match (Side::new(conv, 0, rows), Side::new(conv, 1, cols)) {
            (Some(y), Some(x)) => Ok(Self {
                images: conv.N,
                groups: conv.groups,
                channels: [conv.C / conv.groups, conv.K / conv.groups],
                input: [conv.H, conv.W],
                sides: [y, x],
            }),
            _ => Err(too_large()),
        }
    }

    /// Phases of each output channel.
    #[must_use]
    pub const fn phases(&self) -> u32 {
        self.sides[0].stride * self.sides[1].stride
    }

    /// The plain convolution's loops.
    ///
    /// # Errors
    /// `E0104` where it is larger than a layer may be.
    pub(super) fn nest(&self) -> Result<LoopNest> {
        let [c, k] = self.channels;
        let [y, x] = &self.sides;
        let outputs = u64::from(y.stride) * u64::from(x.stride) * u64::from(k);
        let bounds = [
            outputs,
            c.into(),
            y.count.into(),
            x.count.into(),
            y.taps.into(),
            x.taps.into(),
        ];
        let macs = bounds
            .iter()
            .try_fold(u64::from(self.images) * u64::from(self.groups), |a, &b| {
                a.checked_mul(b)
            });
        if outputs > u64::from(MAX_EXTENT) || macs.is_none_or(|macs| macs > MAX_MACS) {
            return Err(too_large());
        }
        Ok(LoopNest {
            kind: Kind::Transposed,
            n: self.images,
            g: self.groups,
            bounds: PerDim::from_fn(|d: Dim| bounds[d.index()] as u32),
            stride: [1, 1],
            dilation: [y.step, x.step],
            pad: [y.pad(), x.pad()],
            input: self.input,
            subsample: [1, 1],
        })
    }

    /// Weights of the plain convolution as `[group][K][C][R][S]`, from the transposed one's in the same order: there
    /// `[k][c][r][s]` is what input channel `c` times tap `(r, s)` adds to output channel `k`.
    #[must_use]
    pub fn weights(&self, weights: &[i8]) -> Vec<i8> {
        let [y, x] = &self.sides;
        let taps = (y.kernel * x.kernel) as usize;
        let filter = self.channels[0] as usize * taps;
        let mut out = Vec::with_capacity(weights.len() * self.phases() as usize);
        for group in weights.chunks(filter * self.channels[1] as usize) {
            for (fy, fx) in pairs(y.stride, x.stride) {
                for plane in group.chunks(taps) {
                    out.extend(pairs(y.taps, x.taps).map(|(r, s)| {
                        let at = (y.original(fy, r).zip(x.original(fx, s))).map(|(r, s)| (r * x.kernel + s) as usize);
                        at.and_then(|at| plane.get(at)).copied().unwrap_or(0)
                    }));
                }
            }
        }
        out
    }

    /// Output-unit parameters of the plain convolution. A phase has some of its channel's weights only, so less of the
    /// input's zero point is folded into its bias.
    #[must_use]
    pub fn post(&self, weights: &[i8], post: &LayerPost) -> LayerPost {
        let outputs = self.channels[1] as usize;
        let sum = |filter: &[i8]| -> i64 { filter.iter().map(|&w| i64::from(w)).sum() };
        let sums = |weights: &[i8], filters: usize| -> Vec<i64> {
            weights
                .chunks((weights.len() / filters.max(1)).max(1))
                .map(sum)
                .collect()
        };
        let whole = sums(weights, post.channels.len());
        let by_phase = sums(&self.weights(weights), post.channels.len() * self.phases() as usize);
        let channel = |(i, part): (usize, &i64)| {
            let per_group = outputs * self.phases() as usize;
            let k = i / per_group * outputs + i % outputs;
            let params = post.channels.get(k)?;
            let unfolded = i64::from(post.input_zero_point) * (whole.get(k)? - part);
            // Within 32 bits: so is the layer's own bias with 255 times the sum of its weights' magnitudes.
            Some(ChannelParams {
                bias: (i64::from(params.bias) + unfolded) as i32,
                ..*params
            })
        };
        LayerPost {
            channels: by_phase.iter().enumerate().filter_map(channel).collect(),
            ..post.clone()
        }
    }

    /// First row and column of the transposed convolution's full output (nothing cut off) that the plain one computes, and
    /// how many it computes from there on.
    #[must_use]
    pub fn window(&self) -> [[u32; 2]; 2] {
        [
            self.sides.map(|side| side.first * side.stride),
            self.sides.map(|side| side.count * side.stride),
        ]
    }

    /// Outputs by phase, `[image][group][phase][K][row][column]`, from those of [`Phases::window`] as
    /// `[image][row][column][group][K]`.
    #[must_use]
    pub fn split(&self, window: &[i8]) -> Vec<i8> {
        let [y, x] = &self.sides;
        let (k, cols) = (self.channels[1], (x.count * x.stride) as usize);
        let channels = (self.groups * k) as usize;
        let mut out = Vec::with_capacity(window.len());
        for image in window.chunks((y.count * y.stride) as usize * cols * channels) {
            for (group, (fy, fx)) in (0..self.groups).flat_map(|g| pairs(y.stride, x.stride).map(move |f| (g, f))) {
                for channel in (group * k..(group + 1) * k).map(|c| c as usize) {
                    out.extend(pairs(y.count, x.count).map(|(qy, qx)| {
                        let [row, col] = [qy * y.stride + fy, qx * x.stride + fx].map(|v| v as usize);
                        image[(row * cols + col) * channels + channel]
                    }));
                }
            }
        }
        out
    }

    /// The transposed convolution's output as `[image][K][row][column]`, from outputs by phase as [`Phases::split`] makes
    /// them: what a reader of the accelerator's tensor does by its addresses.
    #[must_use]
    pub fn join(&self, by_phase: &[i8]) -> Vec<i8> {
        let [y, x] = &self.sides;
        let k = self.channels[1];
        let channels = self.groups * k * self.phases();
        let (rows, cols) = (y.count as usize, x.count as usize);
        let mut out = Vec::with_capacity(by_phase.len());
        for image in by_phase.chunks(channels as usize * rows * cols) {
            for channel in 0..self.groups * k {
                out.extend(pairs(y.output, x.output).map(|(row, col)| {
                    let ((row, fy), (col, fx)) = (y.place(row), x.place(col));
                    let phase = fy * x.stride + fx;
                    let plane = (channel / k * self.phases() + phase) * k + channel % k;
                    image[(plane as usize * rows + row as usize) * cols + col as usize]
                }));
            }
        }
        out
    }
}

/// All pairs below `a` and `b`, the second one counting first.
fn pairs(a: u32, b: u32) -> impl Iterator<Item = (u32, u32)> + Clone {
    (0..a).flat_map(move |i| (0..b).map(move |j| (i, j)))
}

fn too_large() -> Diagnostic {
    Diagnostic::new(
        Code::BadSize,
        "the transposed convolution is too large as a convolution of its phases",
    )
    .expected(format!(
        "at most {MAX_EXTENT} output rows, columns, taps and channels times both strides, at most {MAX_MACS} multiply-accumulates"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::layer::Shape;

    fn transposed(side: u32, kernel: u32, stride: u32, pad: u32, dilation: u32) -> Conv {
        Conv {
            N: 1,
            K: 6,
            C: 4,
            H: side,
            W: side,
            R: kernel,
            S: kernel,
            stride: [stride; 2],
            pad: [pad; 4],
            dilation: [dilation; 2],
            groups: 1,
            transposed: true,
        }
    }

    /// Taps, their distance, padding and rows of the plain convolution; and the output's rows.
    fn rows(conv: &Conv) -> [u32; 5] {
        let nest = Shape::Conv(*conv).nest().unwrap();
        let [rows, _] = conv.output().unwrap();
        [
            nest.bounds[Dim::R],
            nest.dilation[0],
            nest.pad[0],
            nest.bounds[Dim::Y],
            rows,
        ]
    }

    #[test]
    fn nests() {
        // UNet: nothing is wasted.
        let up = transposed(28, 2, 2, 0, 1);
        assert_eq!(rows(&up), [1, 1, 0, 28, 56]);
        let nest = Shape::Conv(up).nest().unwrap();
        assert_eq!(
            (nest.bounds[Dim::K], nest.macs()),
            (24, Shape::Conv(up).macs().unwrap())
        );
        // Kernel 4, stride 2, pad 1: as many taps, one row more than inputs.
        assert_eq!(rows(&transposed(8, 4, 2, 1, 1)), [2, 1, 1, 9, 16]);
        // Kernel 3, stride 2: one phase has two taps, the other one.
        assert_eq!(rows(&transposed(8, 3, 2, 1, 1)), [2, 1, 1, 8, 15]);
        // Rows that hold no output are not computed.
        assert_eq!(rows(&transposed(8, 5, 2, 2, 1)), [3, 1, 1, 8, 15]);
        // With stride 1 it is a convolution with its kernel turned; so is each dilated one.
        assert_eq!(rows(&transposed(8, 3, 1, 1, 1)), [3, 1, 1, 8, 8]);
        assert_eq!(rows(&transposed(8, 3, 1, 0, 2)), [3, 2, 4, 12, 12]);
        // The stride divides the dilation: the other phase has no tap.
        assert_eq!(rows(&transposed(8, 3, 2, 0, 4)), [3, 2, 4, 12, 23]);
        // A kernel below its stride: some outputs are nothing but bias.
        assert_eq!(rows(&transposed(8, 1, 3, 0, 1)), [1, 1, 0, 8, 22]);
    }

    #[test]
    fn taps_by_phase() {
        let phases = Phases::new(&transposed(8, 3, 2, 1, 1)).unwrap();
        let side = &phases.sides[0];
        let taps = |phase| [0, 1].map(|tap| side.original(phase, tap));
        assert_eq!((taps(0), taps(1)), ([Some(2), Some(0)], [None, Some(1)]));
    }

    #[test]
    fn outputs_split_and_join() {
        let mut conv = transposed(3, 3, 2, 1, 1);
        (conv.N, conv.groups, conv.stride[1]) = (2, 2, 3);
        let phases = Phases::new(&conv).unwrap();
        let [first, size] = phases.window();
        let [rows, cols] = conv.output().unwrap();
        let element = |n: u32, y: u32, x: u32, k: u32| (n * 61 + y * 31 + x * 7 + k) as i8;
        let mut window = Vec::new();
        for (n, (y, x)) in (0..2).flat_map(|n| pairs(size[0], size[1]).map(move |p| (n, p))) {
            window.extend((0..6).map(|k| element(n, y + first[0], x + first[1], k)));
        }
        let mut output = Vec::new();
        for (n, k) in pairs(2, 6) {
            output.extend(pairs(rows, cols).map(|(y, x)| element(n, y + 1, x + 1, k)));
        }
        assert_eq!(phases.join(&phases.split(&window)), output);
    }

    #[test]
    fn sizes_without_measure_are_refused() {
        let mut conv = transposed(8, 3, 2, 1, 1);
        conv.stride = [MAX_EXTENT; 2];
        assert_eq!(Shape::Conv(conv).nest().unwrap_err().code, Code::BadSize);
        conv = transposed(2, 3, 1, 3, 1);
        assert_eq!(Shape::Conv(conv).check().unwrap_err().code, Code::BadSize);
    }
}
