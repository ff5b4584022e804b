//! Concatenations of channels by address: their inputs are written where the concatenated tensor wants them, so nothing moves.
//!
//! A tensor can lie in one place only. Where that does not do - it takes part in two concatenations, or no layer of the
//! accelerator writes it - [`QuantGraph::with_copies`] puts a requantization in front, by nothing, that writes a copy. An input
//! of another scale than the result has such an operator in any case: readers put it there.

use crate::base::diag::Result;
use crate::workload::graph::{AddForm, MeanOp, Op, OpKind, QuantGraph, TensorId};
use crate::workload::quant::Requantizer;

/// Where a tensor lies within a concatenated one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The concatenated tensor, which is part of no other.
    pub whole: TensorId,
    /// Its first channel that is this tensor's.
    pub channel: u32,
    /// Channels of the whole.
    pub channels: u32,
}

impl QuantGraph {
    /// For each tensor the concatenation that it is written into; `None` for tensors that lie by themselves. The inputs of a
    /// concatenation are parts all together or not at all.
    #[must_use]
    pub fn parts(&self) -> Vec<Option<Part>> {
        let mut parts: Vec<Option<Part>> = vec![None; self.tensors.len()];
        // The outermost concatenation comes last.
        for op in self.ops.iter().rev().filter(|op| self.joins_channels(op)) {
            let Some(channels) = self.channels(op.output) else {
                continue;
            };
            let whole = parts.get(op.output).copied().flatten().unwrap_or(Part {
                whole: op.output,
                channel: 0,
                channels,
            });
            let free = op.inputs.iter().enumerate().all(|(i, &id)| {
                let once = !op.inputs[..i].contains(&id);
                once && id != whole.whole && parts.get(id) == Some(&None) && self.channels(id).is_some()
            });
            if !free {
                continue;
            }
            let mut channel = whole.channel;
            for &id in &op.inputs {
                parts[id] = Some(Part { channel, ..whole });
                channel += self.channels(id).unwrap_or_default();
            }
        }
        parts
    }

    /// The same network with copies of those inputs of concatenations that could not be written in place.
    ///
    /// # Errors
    /// `E0102` for a graph that names tensors which it does not have.
    pub fn with_copies(mut self) -> Result<Self> {
        let mut taken = vec![false; self.tensors.len()];
        for i in (0..self.ops.len()).rev() {
            if !self.joins_channels(&self.ops[i]) {
                continue;
            }
            let inputs = self.ops[i].inputs.clone();
            let mut copies = Vec::new();
            for (at, id) in inputs.into_iter().enumerate() {
                if taken.get(id) == Some(&false) && self.written_by_a_layer(id) {
                    taken[id] = true;
                    continue;
                }
                let name = self.ops[i].name.clone();
                let copy = self.copy(id, &name, at)?;
                self.ops[i].inputs[at] = copy.output;
                copies.push(copy);
            }
            self.ops.splice(i..i, copies);
        }
        Ok(self)
    }

    /// Adds a tensor and makes the operator that copies `id` into it.
    fn copy(&mut self, id: TensorId, name: &str, at: usize) -> Result<Op> {
        let mut tensor = self.tensor(id)?.clone();
        let mut name = format!("{name}_copy{at}");
        while self.ops.iter().any(|op| op.name == name) {
            name.push('_');
        }
        tensor.name.clone_from(&name);
        let rule = Requantizer::Quotient { divisor: 1 };
        let kind = MeanOp::new(rule, 1, (&tensor, &tensor), (i8::MIN, i8::MAX))?;
        self.tensors.push(tensor);
        Ok(Op {
            name,
            kind: OpKind::Requantize(Box::new(kind)),
            inputs: vec![id],
            output: self.tensors.len() - 1,
        })
    }

    /// Whether an operator concatenates feature maps of one image along their channels.
    fn joins_channels(&self, op: &Op) -> bool {
        let OpKind::Concat(axis) = op.kind else { return false };
        self.layout.channel_axis() == axis && self.channels(op.output).is_some()
    }

    /// Channels of a feature map of one image.
    fn channels(&self, id: TensorId) -> Option<u32> {
        let tensor = self.tensors.get(id)?;
        let [images, channels, ..] = self.layout.extents(&tensor.shape)?;
        (images == 1).then_some(channels)
    }

    fn written_by_a_layer(&self, id: TensorId) -> bool {
        self.ops.iter().filter(|op| op.output == id).any(|op| match &op.kind {
            OpKind::Mac(_) | OpKind::MaxPool(_) => true,
            OpKind::Add(add) => add.form != AddForm::OrtX86,
            OpKind::Mean(mean) | OpKind::Requantize(mean) => !mean.post.channels.is_empty(),
            OpKind::AveragePool(average) => !average.post.channels.is_empty(),
            OpKind::Concat(_) => self.joins_channels(op),
            OpKind::Softmax(_) | OpKind::Reshape | OpKind::Pad(_) | OpKind::Transpose(_) => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::graph::{Element, Layout, Pool, Port, Semantics, Tensor};

    fn op(kind: OpKind, name: &str, inputs: &[TensorId], output: TensorId) -> Op {
        Op {
            name: name.into(),
            kind,
            inputs: inputs.to_vec(),
            output,
        }
    }

    /// Channels of tensors, and operators over maps of 2 x 3.
    fn graph(channels: &[u32], ops: Vec<Op>) -> QuantGraph {
        let tensor = |(i, &c): (usize, &u32)| Tensor {
            name: format!("t{i}"),
            shape: vec![1, c, 2, 3],
            scale: 0.5,
            zero_point: 1,
            element: Element::Int8,
        };
        let last = channels.len() - 1;
        QuantGraph {
            name: "joined".into(),
            semantics: Semantics::Fp32Exact,
            layout: Layout::ChannelsFirst,
            tensors: channels.iter().enumerate().map(tensor).collect(),
            ops,
            inputs: vec![Port::new("x", 0, false)],
            outputs: vec![Port::new("y", last, false)],
        }
    }

    fn pool() -> OpKind {
        OpKind::MaxPool(Pool {
            kernel: [1, 1],
            stride: [1, 1],
            pad: [0; 4],
            dilation: [1, 1],
        })
    }

    const fn part(whole: TensorId, channel: u32, channels: u32) -> Part {
        Part {
            whole,
            channel,
            channels,
        }
    }

    #[test]
    fn nested_concatenations_share_the_outermost_tensor() {
        let ops = vec![
            op(pool(), "a", &[0], 1),
            op(pool(), "b", &[1], 2),
            op(OpKind::Concat(1), "ab", &[1, 2], 3),
            op(pool(), "c", &[3], 4),
            op(OpKind::Concat(1), "abc", &[4, 3], 5),
        ];
        let graph = graph(&[4, 4, 4, 8, 8, 16], ops);
        let copied = graph.clone().with_copies().unwrap();
        assert_eq!(copied, graph);
        assert_eq!(
            graph.parts(),
            [
                None,
                Some(part(5, 8, 16)),
                Some(part(5, 12, 16)),
                Some(part(5, 8, 16)),
                Some(part(5, 0, 16)),
                None
            ]
        );
    }

    /// The network's input, a tensor twice in one concatenation, and one in two concatenations.
    #[test]
    fn what_cannot_lie_in_place_is_copied() {
        let ops = vec![
            op(pool(), "a", &[0], 1),
            op(OpKind::Concat(1), "xa", &[0, 1], 2),
            op(OpKind::Concat(1), "aa", &[1, 1], 3),
        ];
        let graph = graph(&[4, 4, 8, 8], ops).with_copies().unwrap();
        let names: Vec<&str> = graph.ops.iter().map(|op| op.name.as_str()).collect();
        assert_eq!(names, ["a", "xa_copy0", "xa_copy1", "xa", "aa_copy1", "aa"]);
        let parts = graph.parts();
        assert_eq!([parts[0], parts[1]], [None, Some(part(3, 0, 8))]);
        for op in graph.ops.iter().filter(|op| matches!(op.kind, OpKind::Concat(_))) {
            assert!(
                op.inputs
                    .iter()
                    .all(|&id| parts[id].map(|p| p.whole) == Some(op.output))
            );
        }
    }
}
