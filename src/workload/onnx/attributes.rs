//! Attributes of an ONNX node, with the defaults of the operator's definition.

use super::proto::{AttributeProto, NodeProto};
use crate::base::diag::{Code, Diagnostic, Result};

/// The attributes of one node.
pub(super) struct Attributes<'a>(&'a NodeProto);

impl<'a> Attributes<'a> {
    pub fn of(node: &'a NodeProto) -> Self {
        Self(node)
    }

    pub fn get(&self, name: &str) -> Option<&'a AttributeProto> {
        self.0.attribute.iter().find(|a| a.name == name)
    }

    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.get(name).map_or(default, |a| a.i)
    }

    pub fn float(&self, name: &str, default: f32) -> f32 {
        self.get(name).map_or(default, |a| a.f)
    }

    /// Text; bytes that are no text are replaced, since such a value is refused by its reader anyhow.
    pub fn text(&self, name: &str, default: &str) -> String {
        self.get(name)
            .map_or_else(|| default.to_owned(), |a| String::from_utf8_lossy(&a.s).into_owned())
    }

    /// A list of exactly `N` sizes, each at least `least`.
    pub fn sizes<const N: usize>(&self, name: &str, default: u32, least: u32) -> Result<[u32; N]> {
        let Some(attribute) = self.get(name) else {
            return Ok([default; N]);
        };
        let sizes: Option<Vec<u32>> = attribute
            .ints
            .iter()
            .map(|&v| u32::try_from(v).ok().filter(|&v| v >= least))
            .collect();
        sizes.and_then(|sizes| <[u32; N]>::try_from(sizes).ok()).ok_or_else(|| {
            Diagnostic::new(Code::Malformed, format!("attribute `{name}` is {:?}", attribute.ints))
                .expected(format!("{N} whole numbers of at least {least}"))
        })
    }

    /// Refuses an attribute unless it is absent or has its default.
    pub fn only(&self, name: &str, default: i64) -> Result<()> {
        let value = self.int(name, default);
        if value == default {
            return Ok(());
        }
        Err(Diagnostic::new(
            Code::Unsupported,
            format!("attribute `{name}` of {} is {value}", self.0.op_type),
        )
        .expected(default.to_string()))
    }

    /// Padding top, left, bottom, right of a window of `kernel` over `input`, from `pads` or `auto_pad`.
    pub fn padding(&self, input: [u32; 2], kernel: [u32; 2], stride: [u32; 2], dilation: [u32; 2]) -> Result<[u32; 4]> {
        let upper = match self.text("auto_pad", "NOTSET").as_str() {
            "NOTSET" | "" => return self.sizes("pads", 0, 0),
            "VALID" => return Ok([0; 4]),
            "SAME_UPPER" => true,
            "SAME_LOWER" => false,
            other => {
                return Err(
                    Diagnostic::new(Code::Malformed, format!("attribute `auto_pad` is `{other}`"))
                        .expected("NOTSET, VALID, SAME_UPPER or SAME_LOWER"),
                );
            }
        };
        let side = |i: usize| -> Option<(u32, u32)> {
            let outputs = u64::from(input[i].div_ceil(stride[i]));
            let reach = u64::from(dilation[i]) * u64::from(kernel[i].checked_sub(1)?) + 1;
            let covered = outputs.checked_sub(1)? * u64::from(stride[i]) + reach;
            let total = covered.saturating_sub(input[i].into());
            let less = u32::try_from(total / 2).ok()?;
            let more = u32::try_from(total - total / 2).ok()?;
            Some(if upper { (less, more) } else { (more, less) })
        };
        match (side(0), side(1)) {
            (Some((top, bottom)), Some((left, right))) => Ok([top, left, bottom, right]),
            _ => Err(Diagnostic::new(Code::BadSize, "the padding of a window overflows")),
        }
    }
}
