//! Building a network layer by layer, the image's size in hand.

use crate::base::diag::Result;
use crate::workload::layer::{Conv, Layer, Matmul, Shape};
use crate::workload::network::Network;

/// The network so far.
#[derive(Clone, Debug)]
pub struct Stack {
    layers: Vec<Layer>,
    /// Channels of the last layer's output.
    pub channels: u32,
    /// Rows and columns of the last layer's output.
    pub side: u32,
}

/// What a convolution does beyond its number of output channels.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    /// Side of the kernel; padding is half of it.
    pub kernel: u32,
    /// Step in both directions.
    pub stride: u32,
    /// One filter per channel.
    pub depthwise: bool,
}

/// A 1x1 convolution.
pub const POINT: Filter = Filter {
    kernel: 1,
    stride: 1,
    depthwise: false,
};

/// A full convolution.
pub const fn square(kernel: u32, stride: u32) -> Filter {
    Filter {
        kernel,
        stride,
        depthwise: false,
    }
}

impl Stack {
    /// An image of three channels.
    pub const fn new(side: u32) -> Self {
        Self {
            layers: Vec::new(),
            channels: 3,
            side,
        }
    }

    /// A convolution on the last output, which becomes the last output.
    pub fn conv(&mut self, name: impl Into<String>, out: u32, filter: Filter) {
        self.branch(name, self.channels, self.side, out, filter);
        self.channels = out;
        self.shrink(filter.stride);
    }

    /// A convolution beside the chain: the last output stays.
    pub fn branch(&mut self, name: impl Into<String>, channels: u32, side: u32, out: u32, filter: Filter) {
        let pad = filter.kernel / 2;
        self.layers.push(Layer {
            name: name.into(),
            shape: Shape::Conv(Conv {
                N: 1,
                K: out,
                C: channels,
                H: side,
                W: side,
                R: filter.kernel,
                S: filter.kernel,
                stride: [filter.stride; 2],
                pad: [pad; 4],
                dilation: [1, 1],
                groups: if filter.depthwise { channels } else { 1 },
                transposed: false,
            }),
        });
    }

    /// Whatever reduces the image without multiplying: padded pooling, or the stride of a layer.
    pub const fn shrink(&mut self, stride: u32) {
        self.side = self.side.div_ceil(stride);
    }

    /// Global pooling.
    pub const fn pool(&mut self) {
        self.side = 1;
    }

    /// The classifier after global pooling.
    pub fn classifier(mut self, network: &str, classes: u32) -> Result<Network> {
        self.layers.push(Layer {
            name: "classifier".to_owned(),
            shape: Shape::Matmul(Matmul {
                batch: 1,
                M: 1,
                N: classes,
                K: self.channels,
                weights: true,
            }),
        });
        Network::new(network, self.layers)
    }
}
