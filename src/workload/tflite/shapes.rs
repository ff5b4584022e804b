//! Shapes of the multiply-accumulate layers, from declared tensors and options: for the reader of whole networks, and for
//! networks of which only the shapes are wanted.

use super::model::{ModelInfo, OperatorInfo, TensorInfo};
use super::{malformed, place_of, unsupported, within};
use crate::base::diag::Result;
use crate::workload::layer::{Conv, Layer, Matmul, Shape};
use std::collections::BTreeMap;

/// Numbers of the operators that the reader knows.
pub(super) mod code {
    pub const ADD: i32 = 0;
    pub const AVERAGE_POOL_2D: i32 = 1;
    pub const CONCATENATION: i32 = 2;
    pub const CONV_2D: i32 = 3;
    pub const DEPTHWISE_CONV_2D: i32 = 4;
    pub const DEQUANTIZE: i32 = 6;
    pub const FULLY_CONNECTED: i32 = 9;
    pub const MAX_POOL_2D: i32 = 17;
    pub const RESHAPE: i32 = 22;
    pub const SOFTMAX: i32 = 25;
    pub const PAD: i32 = 34;
    pub const TRANSPOSE: i32 = 39;
    pub const MEAN: i32 = 40;
    pub const SQUEEZE: i32 = 43;
    pub const LOG_SOFTMAX: i32 = 50;
    pub const EXPAND_DIMS: i32 = 70;
    pub const QUANTIZE: i32 = 114;
}

/// Rows and columns of padding that a tensor carries from an operator before: top, left, bottom, right.
pub(super) type Pads = [u32; 4];

/// The padding of an operator PAD over rows and columns of a feature map; `None` if it pads other axes or is no constant.
pub(super) fn spatial_pads(info: &TensorInfo) -> Option<Pads> {
    let pads = info.integers().ok()?;
    let &[0, 0, top, bottom, left, right, 0, 0] = pads.as_slice() else {
        return None;
    };
    let sizes = [top, left, bottom, right].map(|p| u32::try_from(p).ok());
    let [Some(top), Some(left), Some(bottom), Some(right)] = sizes else {
        return None;
    };
    Some([top, left, bottom, right])
}

/// Option 0 of convolutions and pools.
pub(super) fn same_padding(operator: &OperatorInfo) -> Result<bool> {
    match operator.small_option(0)? {
        0 => Ok(true),
        1 => Ok(false),
        other => Err(malformed(format!("padding mode {other} of the TFLite schema"))),
    }
}

/// A size above zero.
pub(super) fn size(operator: &OperatorInfo, option: usize, default: i32, what: &str) -> Result<u32> {
    let value = operator.option(option, default)?;
    u32::try_from(value)
        .ok()
        .filter(|&v| v > 0)
        .ok_or_else(|| malformed(format!("{what} is {value}")).expected("a number above zero"))
}

/// TFLite's SAME padding along one axis: output size, padding before and after. The odd row or column goes after.
pub(super) fn same(input: u32, kernel: u32, stride: u32, dilation: u32) -> [u32; 3] {
    let out = input.div_ceil(stride);
    let reach = u64::from(kernel - 1) * u64::from(dilation) + 1;
    let needed = (u64::from(out) - 1) * u64::from(stride) + reach;
    let total = u32::try_from(needed.saturating_sub(input.into())).unwrap_or(u32::MAX);
    [out, total / 2, total - total / 2]
}

fn four(info: &TensorInfo, what: &str) -> Result<[u32; 4]> {
    <[u32; 4]>::try_from(info.shape.as_slice())
        .map_err(|_| unsupported(format!("{what} of shape {:?}", info.shape)).expected("four dimensions"))
}

/// A convolution of `input` with `weights`; `carried` is padding that the input already has.
pub(super) fn convolution(
    operator: &OperatorInfo,
    input: &TensorInfo,
    weights: &TensorInfo,
    carried: Pads,
) -> Result<Conv> {
    let [n, rows, cols, c] = four(input, "an input")?;
    let [first, r, s, last] = four(weights, "weights")?;
    let depthwise = operator.code == code::DEPTHWISE_CONV_2D;
    let (k, per_group, dilation) = if depthwise {
        (last, 1, [6, 5])
    } else {
        (first, last, [5, 4])
    };
    let stride = [
        size(operator, 2, 1, "the stride over rows")?,
        size(operator, 1, 1, "the stride over columns")?,
    ];
    let dilation = [
        size(operator, dilation[0], 1, "the dilation over rows")?,
        size(operator, dilation[1], 1, "the dilation over columns")?,
    ];
    if (depthwise && first != 1) || !c.is_multiple_of(per_group) || !k.is_multiple_of(c / per_group) {
        return Err(malformed(format!(
            "weights of shape {:?} do not fit an input of {c} channels",
            weights.shape
        )));
    }
    let [mut top, mut left, mut bottom, mut right] = carried;
    if same_padding(operator)? {
        let [_, above, below] = same(rows, r, stride[0], dilation[0]);
        let [_, before, after] = same(cols, s, stride[1], dilation[1]);
        [top, left] = [top.saturating_add(above), left.saturating_add(before)];
        [bottom, right] = [bottom.saturating_add(below), right.saturating_add(after)];
    }
    // A padded input includes what it carries.
    let inner = |size: u32, before: u32, after: u32| {
        size.checked_sub(before.saturating_add(after))
            .ok_or_else(|| malformed("a padded tensor is smaller than its padding"))
    };
    Ok(Conv {
        N: n,
        K: k,
        C: c,
        H: inner(rows, carried[0], carried[2])?,
        W: inner(cols, carried[1], carried[3])?,
        R: r,
        S: s,
        stride,
        pad: [top, left, bottom, right],
        dilation,
        groups: c / per_group,
        transposed: false,
    })
}

/// A fully connected layer; all axes but the inputs' are rows.
pub(super) fn product(input: &TensorInfo, weights: &TensorInfo) -> Result<Matmul> {
    let &[n, k] = weights.shape.as_slice() else {
        return Err(unsupported(format!("weights of shape {:?}", weights.shape)).expected("a matrix"));
    };
    let elements = input.len() as u64;
    if k == 0 || !elements.is_multiple_of(k.into()) {
        return Err(malformed(format!(
            "an input of shape {:?} does not fit weights of {k} inputs",
            input.shape
        )));
    }
    Ok(Matmul {
        batch: 1,
        M: u32::try_from(elements / u64::from(k)).unwrap_or(u32::MAX),
        N: n,
        K: k,
        weights: true,
    })
}

/// The name of a layer: its kind and the number of its operator.
pub(super) fn layer_name(operator: &OperatorInfo, index: usize) -> String {
    let kind = match operator.code {
        code::CONV_2D => "conv",
        code::DEPTHWISE_CONV_2D => "depthwise",
        code::FULLY_CONNECTED => "fc",
        code::ADD => "add",
        code::AVERAGE_POOL_2D => "average_pool",
        code::CONCATENATION => "concat",
        code::MAX_POOL_2D => "max_pool",
        code::SOFTMAX => "softmax",
        code::PAD => "pad",
        code::TRANSPOSE => "transpose",
        code::MEAN => "mean",
        _ => "reshape",
    };
    format!("{kind}{index}")
}

/// The layers of a whole model; operators that do not multiply are passed over.
pub(super) fn layers(model: &ModelInfo) -> Result<Vec<Layer>> {
    let info = |index: Option<&i32>| -> Result<&TensorInfo> {
        let found = index
            .and_then(|&i| usize::try_from(i).ok())
            .and_then(|i| model.tensors.get(i));
        found.ok_or_else(|| malformed("an operand is missing"))
    };
    let mut padded: BTreeMap<i32, Pads> = BTreeMap::new();
    let mut layers = Vec::new();
    for (i, operator) in model.operators.iter().enumerate() {
        let shape = || -> Result<Option<Shape>> {
            let inputs = &operator.inputs;
            Ok(match operator.code {
                code::CONV_2D | code::DEPTHWISE_CONV_2D => {
                    let carried = inputs.first().and_then(|t| padded.get(t)).copied().unwrap_or_default();
                    let conv = convolution(operator, info(inputs.first())?, info(inputs.get(1))?, carried)?;
                    Some(Shape::Conv(conv))
                }
                code::FULLY_CONNECTED => Some(Shape::Matmul(product(info(inputs.first())?, info(inputs.get(1))?)?)),
                _ => None,
            })
        };
        let shape = shape().map_err(|e| within(e, &place_of(operator, i)))?;
        if let Some(shape) = shape {
            layers.push(Layer {
                name: layer_name(operator, i),
                shape,
            });
        } else if operator.code == code::PAD
            && let (Ok(pads), Some(&output)) = (info(operator.inputs.get(1)), operator.outputs.first())
            && let Some(pads) = spatial_pads(pads)
        {
            padded.insert(output, pads);
        }
    }
    Ok(layers)
}
