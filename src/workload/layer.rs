//! One layer as a network states it, and the loop nest that it means.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::dims::{Dim, PerDim};
use crate::workload::phases::Phases;
use serde::{Deserialize, Serialize};

/// The largest extent of any single dimension; products of six stay within 64 bits after the checks of [`Layer::nest`].
pub const MAX_EXTENT: u32 = 1 << 20;

/// The largest number of multiply-accumulates of one layer.
pub const MAX_MACS: u64 = 1 << 50;

/// A multiply-accumulate layer: a name and its shape.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Layer {
    /// Name within the network.
    pub name: String,
    /// What it computes.
    #[serde(flatten)]
    pub shape: Shape,
}

/// What a layer computes, without its name: equal shapes are evaluated once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Shape {
    /// Two-dimensional convolution, grouped and depthwise ones included.
    Conv(Conv),
    /// Matrix product.
    Matmul(Matmul),
    /// Sum of two feature maps.
    Add(Addition),
    /// Greatest input of each window.
    Maxpool(Pooling),
}

/// Shape of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case, reason = "the members are the dimensions' names in files")]
pub struct Conv {
    /// Batch.
    #[serde(default = "one")]
    pub N: u32,
    /// Output channels over all groups.
    pub K: u32,
    /// Input channels over all groups.
    pub C: u32,
    /// Input rows.
    pub H: u32,
    /// Input columns.
    pub W: u32,
    /// Kernel rows.
    pub R: u32,
    /// Kernel columns.
    pub S: u32,
    /// Step over rows, over columns.
    #[serde(default = "ones")]
    pub stride: [u32; 2],
    /// Rows and columns of padding: top, left, bottom, right. A transposed convolution's output lacks so many.
    #[serde(default)]
    pub pad: [u32; 4],
    /// Distance of kernel taps over rows, over columns.
    #[serde(default = "ones")]
    pub dilation: [u32; 2],
    /// Groups; as many as input channels means depthwise.
    #[serde(default = "one")]
    pub groups: u32,
    /// Transposed convolution: an input row adds to output rows `stride * row + dilation * tap - pad`, columns likewise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub transposed: bool,
}

/// Shape of a matrix product `O[M, N] = I[M, K] * W[K, N]`, `batch` times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case, reason = "the members are the dimensions' names in files")]
pub struct Matmul {
    /// Independent products.
    #[serde(default = "one")]
    pub batch: u32,
    /// Rows of the output.
    pub M: u32,
    /// Columns of the output.
    pub N: u32,
    /// Length of the sums.
    pub K: u32,
    /// Whether the second operand is constant weights, shared by the whole batch; otherwise it is an activation, and each
    /// of the batch has one of its own.
    #[serde(default = "yes")]
    pub weights: bool,
}

/// Shape of a sum of two feature maps, each times a constant of its own: a residual addition of quantized tensors.
///
/// It runs as a depthwise layer with two rows of taps, one per operand, which lie in tensors of their own, and two columns,
/// the low and the high digit of the constants: tap column 1 counts 256-fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case, reason = "the members are the dimensions' names in files")]
pub struct Addition {
    /// Batch.
    #[serde(default = "one")]
    pub N: u32,
    /// Channels.
    pub C: u32,
    /// Rows.
    pub H: u32,
    /// Columns.
    pub W: u32,
}

/// Shape of a pooling: windows over each channel.
///
/// It runs as a depthwise layer whose taps are all 1, and of which the array keeps the greatest product instead of the sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case, reason = "the members are the dimensions' names in files")]
pub struct Pooling {
    /// Batch.
    #[serde(default = "one")]
    pub N: u32,
    /// Channels.
    pub C: u32,
    /// Input rows.
    pub H: u32,
    /// Input columns.
    pub W: u32,
    /// Window rows.
    pub R: u32,
    /// Window columns.
    pub S: u32,
    /// Step over rows, over columns.
    #[serde(default = "ones")]
    pub stride: [u32; 2],
    /// Rows and columns of padding: top, left, bottom, right.
    #[serde(default)]
    pub pad: [u32; 4],
    /// Distance of window positions over rows, over columns.
    #[serde(default = "ones")]
    pub dilation: [u32; 2],
}

const fn one() -> u32 {
    1
}
const fn ones() -> [u32; 2] {
    [1, 1]
}
const fn yes() -> bool {
    true
}

/// What kind of layer a loop nest came from, as reports name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Convolution with one group.
    Conv,
    /// Convolution with several groups.
    Grouped,
    /// One filter per channel.
    Depthwise,
    /// Matrix product with constant weights.
    Matmul,
    /// Matrix product of two activations.
    Product,
    /// Transposed convolution, run as a convolution of its phases.
    Transposed,
    /// Sum of two tensors, each times a constant.
    Add,
    /// Greatest input of each window of a channel.
    Maxpool,
}

impl Kind {
    /// All kinds, in the order in which they are listed.
    pub const ALL: [Self; 8] = [
        Self::Conv,
        Self::Grouped,
        Self::Depthwise,
        Self::Matmul,
        Self::Product,
        Self::Transposed,
        Self::Add,
        Self::Maxpool,
    ];

    /// The kind as reports and files write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Conv => "conv",
            Self::Grouped => "grouped",
            Self::Depthwise => "depthwise",
            Self::Matmul => "matmul",
            Self::Product => "product",
            Self::Transposed => "transposed",
            Self::Add => "add",
            Self::Maxpool => "maxpool",
        }
    }
}

/// The loops of a layer in the accelerator's terms.
///
/// `O[n, g, k, y, x] = sum over c, r, s of W[g, k, c, r, s] * I[n, g, c, y*stride + r*dilation - pad, x*...]`.
/// A depthwise layer has `g = 1`, its channels on `K`, `C = 1`, and an input indexed by `k`; a pooling takes the greatest
/// product in place of the sum. Of two activations the second one
/// takes the place of `W`, with one group per product. Of a transposed convolution these are the loops of the plain one that
/// [`Phases`] makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct LoopNest {
    /// Where it came from.
    pub kind: Kind,
    /// Batch.
    pub n: u32,
    /// Groups.
    pub g: u32,
    /// Loop bounds within one group and one image.
    pub bounds: PerDim<u32>,
    /// Step of the input over rows, over columns.
    pub stride: [u32; 2],
    /// Distance of kernel taps over rows, over columns.
    pub dilation: [u32; 2],
    /// Padding before the first row, before the first column.
    pub pad: [u32; 2],
    /// Input rows and columns that the loops see.
    pub input: [u32; 2],
    /// The loops see every `subsample`-th row and column of the stored input (strided 1x1 convolutions).
    pub subsample: [u32; 2],
}

impl LoopNest {
    /// Whether the input is indexed by `K`.
    #[must_use]
    #[inline]
    pub fn depthwise(&self) -> bool {
        matches!(self.kind, Kind::Depthwise | Kind::Add | Kind::Maxpool)
    }

    /// Multiply-accumulates of the loops: those of the whole layer and, of a transposed convolution, also those by taps that
    /// a phase lacks and of outputs that are cut off.
    #[must_use]
    pub fn macs(&self) -> u64 {
        self.bounds
            .0
            .iter()
            .fold(u64::from(self.n) * u64::from(self.g), |a, &b| a * u64::from(b))
    }

    /// Input channels of one group, wherever they are indexed from.
    #[must_use]
    pub fn input_channels(&self) -> u32 {
        self.bounds[if self.depthwise() { Dim::K } else { Dim::C }]
    }
}

impl Conv {
    /// Output rows and columns, or `None` where the kernel does not fit the padded input, or a transposed convolution's
    /// padding leaves no output.
    #[must_use]
    pub fn output(&self) -> Option<[u32; 2]> {
        let side = |input: u32, kernel: u32, i: usize, before: u32, after: u32| -> Option<u32> {
            let reach = self.dilation[i].checked_mul(kernel.checked_sub(1)?)?.checked_add(1)?;
            let room = input.checked_add(before)?.checked_add(after)?.checked_sub(reach)?;
            (self.stride[i] > 0).then(|| room / self.stride[i] + 1)
        };
        let grown = |input: u32, kernel: u32, i: usize, before: u32, after: u32| -> Option<u32> {
            let [stride, dilation] = [self.stride[i], self.dilation[i]].map(u64::from);
            let last = stride * u64::from(input.checked_sub(1)?) + dilation * u64::from(kernel.checked_sub(1)?);
            let rows = (last + 1).checked_sub(u64::from(before) + u64::from(after))?;
            u32::try_from(rows).ok().filter(|&rows| rows > 0)
        };
        let [top, left, bottom, right] = self.pad;
        Some(if self.transposed {
            [
                grown(self.H, self.R, 0, top, bottom)?,
                grown(self.W, self.S, 1, left, right)?,
            ]
        } else {
            [
                side(self.H, self.R, 0, top, bottom)?,
                side(self.W, self.S, 1, left, right)?,
            ]
        })
    }

    fn check_groups(&self) -> Result<()> {
        if self.groups == 0 || !self.K.is_multiple_of(self.groups) || !self.C.is_multiple_of(self.groups) {
            return Err(Diagnostic::new(
                Code::BadSize,
                format!("{} groups do not divide the channels", self.groups),
            )
            .expected(format!("a divisor of K = {} and C = {}", self.K, self.C)));
        }
        Ok(())
    }

    fn checked_output(&self) -> Result<[u32; 2]> {
        self.check_groups()?;
        self.output().ok_or_else(|| {
            if self.transposed {
                return Diagnostic::new(
                    Code::BadSize,
                    "a transposed convolution's padding cuts off all of its output",
                )
                .expected("less padding than the output has rows and columns without it");
            }
            Diagnostic::new(
                Code::BadSize,
                format!("a {}x{} kernel does not fit its padded input", self.R, self.S),
            )
            .expected(format!(
                "an input of at least the kernel's reach; it is {}x{} before padding",
                self.H, self.W
            ))
        })
    }

    fn nest(&self) -> Result<LoopNest> {
        if self.transposed {
            return Phases::new(self)?.nest();
        }
        let [oy, ox] = self.checked_output()?;
        let (k, c) = (self.K / self.groups, self.C / self.groups);
        let depthwise = self.groups > 1 && k == 1 && c == 1;
        let (kind, g, k, c) = if depthwise {
            (Kind::Depthwise, 1, self.K, 1)
        } else if self.groups > 1 {
            (Kind::Grouped, self.groups, k, c)
        } else {
            (Kind::Conv, 1, k, c)
        };
        let pointwise = self.R == 1 && self.S == 1 && self.pad == [0; 4];
        let (stride, input, subsample) = if pointwise {
            ([1, 1], [oy, ox], self.stride)
        } else {
            (self.stride, [self.H, self.W], [1, 1])
        };
        Ok(LoopNest {
            kind,
            n: self.N,
            g,
            bounds: PerDim([k, c, oy, ox, self.R, self.S]),
            stride,
            dilation: self.dilation,
            pad: [self.pad[0], self.pad[1]],
            input,
            subsample,
        })
    }
}

impl Matmul {
    fn nest(&self) -> Result<LoopNest> {
        // Constant weights serve the whole batch, which then is so many more positions.
        let (kind, products, batch) = if self.weights {
            (Kind::Matmul, 1, self.batch)
        } else {
            (Kind::Product, self.batch, 1)
        };
        let positions = u64::from(batch) * u64::from(self.M);
        let positions = u32::try_from(positions)
            .map_err(|_| Diagnostic::new(Code::BadSize, "batch x M overflows").expected("at most 1048576 positions"))?;
        // Output positions are split over rows and columns as squarely as they divide, so that an array with Y and X
        // axes can use both.
        let rows = (1..=positions.isqrt())
            .rev()
            .find(|&y| positions.is_multiple_of(y))
            .unwrap_or(1);
        let cols = positions / rows;
        Ok(LoopNest {
            kind,
            n: 1,
            g: products,
            bounds: PerDim([self.N, self.K, rows, cols, 1, 1]),
            stride: [1, 1],
            dilation: [1, 1],
            pad: [0, 0],
            input: [rows, cols],
            subsample: [1, 1],
        })
    }
}

impl Pooling {
    /// The depthwise convolution with these windows.
    #[must_use]
    pub const fn window(&self) -> Conv {
        Conv {
            N: self.N,
            K: self.C,
            C: self.C,
            H: self.H,
            W: self.W,
            R: self.R,
            S: self.S,
            stride: self.stride,
            pad: self.pad,
            dilation: self.dilation,
            groups: self.C,
            transposed: false,
        }
    }

    /// Output rows and columns, or `None` where a window does not fit the padded input.
    #[must_use]
    pub fn output(&self) -> Option<[u32; 2]> {
        self.window().output()
    }

    fn nest(&self) -> Result<LoopNest> {
        Ok(LoopNest {
            kind: Kind::Maxpool,
            ..self.window().nest()?
        })
    }
}

impl Addition {
    fn nest(&self) -> LoopNest {
        LoopNest {
            kind: Kind::Add,
            n: self.N,
            g: 1,
            bounds: PerDim([self.C, 1, self.H, self.W, 2, 2]),
            stride: [1, 1],
            dilation: [0, 0],
            pad: [0, 0],
            input: [self.H, self.W],
            subsample: [1, 1],
        }
    }
}

impl Shape {
    /// Checks every size, whether or not the hardware runs this kind of layer.
    ///
    /// # Errors
    /// A size of zero or beyond [`MAX_EXTENT`], a product beyond [`MAX_MACS`], groups that do not divide the channels, or
    /// a kernel that does not fit (`E0104`).
    pub fn check(&self) -> Result<()> {
        self.macs().map(|_| ())
    }

    /// Multiply-accumulates. A transposed convolution multiplies once per input position and kernel tap; a pooling compares
    /// instead.
    ///
    /// # Errors
    /// As [`Shape::check`].
    pub fn macs(&self) -> Result<u64> {
        self.check_extents()?;
        let factors: [u32; 7] = match self {
            Self::Conv(c) => {
                let output = c.checked_output()?;
                let [rows, cols] = if c.transposed { [c.H, c.W] } else { output };
                [c.N, c.K, c.C / c.groups, rows, cols, c.R, c.S]
            }
            Self::Matmul(m) => [m.batch, m.M, m.N, m.K, 1, 1, 1],
            Self::Add(a) => [a.N, a.C, a.H, a.W, 2, 1, 1],
            Self::Maxpool(p) => {
                let [rows, cols] = p.window().checked_output()?;
                [p.N, p.C, 1, rows, cols, p.R, p.S]
            }
        };
        factors
            .iter()
            .try_fold(1u64, |a, &b| a.checked_mul(b.into()))
            .filter(|&macs| macs <= MAX_MACS)
            .ok_or_else(|| {
                Diagnostic::new(Code::BadSize, "the layer's multiply-accumulates overflow")
                    .expected(format!("at most {MAX_MACS}"))
            })
    }

    /// Constant weights of the layer, in elements; zero where both operands are activations.
    ///
    /// # Errors
    /// As [`Shape::check`].
    pub fn weight_count(&self) -> Result<u64> {
        self.check()?;
        Ok(match self {
            Self::Conv(c) => [c.K, c.C / c.groups, c.R, c.S].iter().fold(1, |a, &b| a * u64::from(b)),
            Self::Matmul(m) if m.weights => u64::from(m.N) * u64::from(m.K),
            Self::Matmul(_) | Self::Add(_) | Self::Maxpool(_) => 0,
        })
    }

    /// Elements of the operand that runs in the place of weights, constant or not.
    ///
    /// # Errors
    /// As [`Shape::check`].
    pub fn filter_count(&self) -> Result<u64> {
        match self {
            Self::Matmul(m) if !m.weights => {
                self.check()?;
                Ok(u64::from(m.batch) * u64::from(m.N) * u64::from(m.K))
            }
            Self::Add(a) => {
                self.check()?;
                Ok(4 * u64::from(a.C))
            }
            Self::Maxpool(p) => {
                self.check()?;
                Ok(u64::from(p.C) * u64::from(p.R) * u64::from(p.S))
            }
            _ => self.weight_count(),
        }
    }

    /// Sets of output-unit parameters: one per output channel, and where both operands are activations one per column of
    /// each product, because the input's zero point, folded into the bias, meets other elements in each.
    #[must_use]
    pub fn parameter_sets(&self) -> u64 {
        match self {
            Self::Conv(c) => c.K.into(),
            Self::Matmul(m) if m.weights => m.N.into(),
            Self::Matmul(m) => u64::from(m.batch) * u64::from(m.N),
            Self::Add(a) => a.C.into(),
            Self::Maxpool(p) => p.C.into(),
        }
    }

    fn check_extents(&self) -> Result<()> {
        let refuse = |name: &str, size: u32, least: u32| {
            Diagnostic::new(Code::BadSize, format!("{name} is {size}"))
                .expected(format!("a size from {least} to {MAX_EXTENT}"))
        };
        let window = |c: &Conv| {
            let [stride, dilation] = [c.stride, c.dilation];
            vec![
                ("N", c.N),
                ("K", c.K),
                ("C", c.C),
                ("H", c.H),
                ("W", c.W),
                ("R", c.R),
                ("S", c.S),
                ("stride", stride[0]),
                ("stride", stride[1]),
                ("dilation", dilation[0]),
                ("dilation", dilation[1]),
                ("groups", c.groups),
            ]
        };
        let (sizes, pads) = match self {
            Self::Conv(c) => (window(c), c.pad),
            Self::Maxpool(p) => (window(&p.window()), p.pad),
            Self::Matmul(m) => (vec![("batch", m.batch), ("M", m.M), ("N", m.N), ("K", m.K)], [0; 4]),
            Self::Add(a) => (vec![("N", a.N), ("C", a.C), ("H", a.H), ("W", a.W)], [0; 4]),
        };
        for (name, size) in sizes {
            if size == 0 || size > MAX_EXTENT {
                return Err(refuse(name, size, 1));
            }
        }
        if let Some(&pad) = pads.iter().find(|&&p| p > MAX_EXTENT) {
            return Err(refuse("pad", pad, 0));
        }
        Ok(())
    }

    /// The loops of this shape.
    ///
    /// # Errors
    /// As [`Shape::check`], or a kind that the hardware does not run (`E0103`).
    pub fn nest(&self) -> Result<LoopNest> {
        self.check()?;
        match self {
            Self::Conv(c) => c.nest(),
            Self::Matmul(m) => m.nest(),
            Self::Add(a) => Ok(a.nest()),
            Self::Maxpool(p) => p.nest(),
        }
    }
}

impl Layer {
    /// The loops of this layer.
    ///
    /// # Errors
    /// As [`Shape::nest`], with the layer's name as the place.
    pub fn nest(&self) -> Result<LoopNest> {
        self.shape.nest().map_err(|e| e.at(format!("layer `{}`", self.name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conv_nest() {
        let text = r#"{"name": "c1", "kind": "conv", "N": 1, "K": 64, "C": 3, "H": 224, "W": 224, "R": 7, "S": 7,
                       "stride": [2, 2], "pad": [3, 3, 3, 3], "dilation": [1, 1], "groups": 1}"#;
        let layer: Layer = serde_json::from_str(text).unwrap();
        let nest = layer.nest().unwrap();
        assert_eq!(nest.bounds, PerDim([64, 3, 112, 112, 7, 7]));
        assert_eq!(nest.macs(), 118_013_952);
    }

    #[test]
    fn strided_pointwise_is_subsampled() {
        let conv = Conv {
            N: 1,
            K: 8,
            C: 4,
            H: 9,
            W: 8,
            R: 1,
            S: 1,
            stride: [2, 3],
            pad: [0; 4],
            dilation: [1, 1],
            groups: 1,
            transposed: false,
        };
        let nest = Shape::Conv(conv).nest().unwrap();
        assert_eq!(
            (nest.bounds, nest.stride, nest.subsample),
            (PerDim([8, 4, 5, 3, 1, 1]), [1, 1], [2, 3])
        );
    }

    #[test]
    fn matmul_positions_are_split() {
        let nest = Shape::Matmul(Matmul {
            batch: 1,
            M: 24,
            N: 10,
            K: 7,
            weights: true,
        })
        .nest()
        .unwrap();
        assert_eq!(nest.bounds, PerDim([10, 7, 4, 6, 1, 1]));
    }

    #[test]
    fn products_of_activations_are_groups() {
        let product = |weights| Matmul {
            batch: 3,
            M: 4,
            N: 10,
            K: 7,
            weights,
        };
        let nest = Shape::Matmul(product(false)).nest().unwrap();
        assert_eq!(
            (nest.kind, nest.g, nest.bounds),
            (Kind::Product, 3, PerDim([10, 7, 2, 2, 1, 1]))
        );
        let shared = Shape::Matmul(product(true));
        assert_eq!((shared.nest().unwrap().g, shared.filter_count().unwrap()), (1, 70));
        assert_eq!(shared.macs().unwrap(), nest.macs());
        let shape = Shape::Matmul(product(false));
        assert_eq!((shape.weight_count().unwrap(), shape.filter_count().unwrap()), (0, 210));
        assert_eq!((shared.parameter_sets(), shape.parameter_sets()), (10, 30));
    }
}
