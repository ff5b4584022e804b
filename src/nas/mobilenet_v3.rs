//! The Once-for-All MobileNetV3 space: elastic resolution, depth, expansion and kernel.
//!
//! As in the authors' public code. Genes: resolution (128 to 224 in steps of 4); blocks of each of five stages (2 to 4);
//! expand ratio (3, 4, 6) and depthwise kernel (3, 5, 7) of each of up to 20 blocks. Squeeze-and-excite layers count as the
//! two 1x1 convolutions on the pooled image that they are; activations multiply nothing that an accelerator's array would.

use crate::base::diag::Result;
use crate::nas::space::{Gene, Genotype, NetworkSpace, Role, make_divisible};
use crate::nas::stack::{Filter, POINT, Stack, square};
use crate::workload::network::Network;

const RESOLUTIONS: [f64; 25] = {
    let mut sides = [0.0; 25];
    let mut i = 0;
    while i < sides.len() {
        sides[i] = 128.0 + 4.0 * i as f64;
        i += 1;
    }
    sides
};
const DEPTHS: [f64; 3] = [2.0, 3.0, 4.0];
const EXPANDS: [f64; 3] = [3.0, 4.0, 6.0];
const KERNELS: [f64; 3] = [3.0, 5.0, 7.0];

const STAGES: usize = 5;
const MOST_BLOCKS: usize = 4;
const BLOCKS: usize = STAGES * MOST_BLOCKS;
const STAGE_WIDTHS: [f64; STAGES] = [24.0, 40.0, 80.0, 112.0, 160.0];
const STRIDES: [u32; STAGES] = [2, 2, 2, 1, 2];
const SQUEEZE: [bool; STAGES] = [false, true, false, true, true];
const STEM: f64 = 16.0;
const LAST: [f64; 2] = [960.0, 1280.0];
const CLASSES: u32 = 1000;

const DEPTH: usize = 1;
const EXPAND: usize = DEPTH + STAGES;
const KERNEL: usize = EXPAND + BLOCKS;
const GENES: usize = KERNEL + BLOCKS;

static ALL: [Gene; GENES] = {
    let mut genes = [Gene {
        role: Role::Resolution,
        options: &RESOLUTIONS,
    }; GENES];
    let mut i = 1;
    while i < GENES {
        let (role, options): (Role, &'static [f64]) = if i < EXPAND {
            (Role::Depth, &DEPTHS)
        } else if i < KERNEL {
            (Role::Expand, &EXPANDS)
        } else {
            (Role::Kernel, &KERNELS)
        };
        genes[i] = Gene { role, options };
        i += 1;
    }
    genes
};

/// The space at one of the two widths that the authors trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfaMobileNetV3 {
    /// Width 1.0.
    Narrow,
    /// Width 1.2.
    Wide,
}

impl OfaMobileNetV3 {
    fn width(self, channels: f64) -> u32 {
        match self {
            Self::Narrow => make_divisible(channels),
            Self::Wide => make_divisible(channels * 1.2),
        }
    }

    /// Stage and position of every block that exists.
    fn blocks(self, genotype: &Genotype) -> Vec<(usize, usize)> {
        let depth = |stage: usize| self.value(genotype, DEPTH + stage) as usize;
        (0..STAGES)
            .flat_map(|stage| (0..depth(stage)).map(move |block| (stage, block)))
            .collect()
    }
}

/// Squeeze-and-excite on the last output, which stays as large as it is.
fn squeeze(stack: &mut Stack, name: &str) {
    let channels = stack.channels;
    let fewer = make_divisible(f64::from(channels / 4));
    stack.branch(format!("{name}.reduce"), channels, 1, fewer, POINT);
    stack.branch(format!("{name}.expand"), fewer, 1, channels, POINT);
}

impl NetworkSpace for OfaMobileNetV3 {
    fn name(&self) -> &'static str {
        match self {
            Self::Narrow => "ofa-mobilenetv3",
            Self::Wide => "ofa-mobilenetv3-w1.2",
        }
    }

    fn genes(&self) -> &[Gene] {
        &ALL
    }

    fn normalise(&self, genotype: &mut Genotype) {
        let used = self.blocks(genotype);
        for i in (0..BLOCKS).filter(|i| !used.contains(&(i / MOST_BLOCKS, i % MOST_BLOCKS))) {
            genotype.0[EXPAND + i] = 0;
            genotype.0[KERNEL + i] = 0;
        }
    }

    fn subnet(&self, genotype: &Genotype) -> Result<Network> {
        self.check(genotype)?;
        let depthwise = |kernel: u32, stride: u32| Filter {
            kernel,
            stride,
            depthwise: true,
        };
        let mut stack = Stack::new(self.resolution(genotype));
        let stem = self.width(STEM);
        stack.conv("stem", stem, square(3, 2));
        stack.conv("stage0.0.depthwise", stem, depthwise(3, 1));
        stack.conv("stage0.0.project", stem, POINT);
        for (stage, block) in self.blocks(genotype) {
            let gene = stage * MOST_BLOCKS + block;
            let expand = self.value(genotype, EXPAND + gene);
            let kernel = self.value(genotype, KERNEL + gene) as u32;
            let middle = make_divisible((f64::from(stack.channels) * expand).round_ties_even());
            let stride = if block == 0 { STRIDES[stage] } else { 1 };
            let name = |part: &str| format!("stage{}.{block}.{part}", stage + 1);
            stack.conv(name("expand"), middle, POINT);
            stack.conv(name("depthwise"), middle, depthwise(kernel, stride));
            if SQUEEZE[stage] {
                squeeze(&mut stack, &name("squeeze"));
            }
            stack.conv(name("project"), self.width(STAGE_WIDTHS[stage]), POINT);
        }
        stack.conv("final.expand", self.width(LAST[0]), POINT);
        stack.pool();
        stack.conv("final.mix", self.width(LAST[1]), POINT);
        stack.classifier(self.name(), CLASSES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::stream;
    use crate::nas::space::parameters;
    use crate::workload::layer::Shape;

    /// Multiply-accumulates counted again, block by block, from nothing but the options.
    fn counted(g: &Genotype) -> u64 {
        let side = 128 + 4 * u64::from(g.0[0]);
        let mut s = side.div_ceil(2);
        let mut c = 16;
        let mut macs = s * s * (27 * 16 + 9 * 16 + 16 * 16);
        for (stage, out) in [24u64, 40, 80, 112, 160].into_iter().enumerate() {
            for block in 0..2 + usize::from(g.0[1 + stage]) {
                let e = [3, 4, 6][usize::from(g.0[6 + 4 * stage + block])];
                let k = 3 + 2 * u64::from(g.0[26 + 4 * stage + block]);
                let m = c * e; // all products are multiples of eight here
                macs += s * s * c * m;
                if block == 0 && stage != 3 {
                    s = s.div_ceil(2);
                }
                macs += s * s * m * (k * k + out);
                if [1, 3, 4].contains(&stage) {
                    let q = m / 4;
                    let mut fewer = (q + 4) / 8 * 8;
                    if 10 * fewer < 9 * q {
                        fewer += 8;
                    }
                    macs += 2 * m * fewer;
                }
                c = out;
            }
        }
        macs + s * s * 160 * 960 + 960 * 1280 + 1280 * 1000
    }

    #[test]
    fn macs_are_those_counted_by_hand() {
        let mut rng = stream(5, &[]);
        for _ in 0..200 {
            let g = OfaMobileNetV3::Narrow.sample(&mut rng);
            let network = OfaMobileNetV3::Narrow.subnet(&g).unwrap();
            assert_eq!(
                network.macs().unwrap(),
                counted(&g),
                "{}",
                OfaMobileNetV3::Narrow.text(&g)
            );
            let text = OfaMobileNetV3::Narrow.text(&g);
            let side = OfaMobileNetV3::Narrow.resolution(&g);
            assert_eq!(OfaMobileNetV3::Narrow.parse(&text, side).unwrap(), g);
        }
    }

    #[test]
    fn the_largest_subnet() {
        let mut g = Genotype(vec![2; GENES]);
        g.0[0] = 24;
        let network = OfaMobileNetV3::Narrow.subnet(&g).unwrap();
        let squeezes = network.layers.iter().filter(|l| l.name.contains("squeeze")).count();
        assert_eq!((network.layers.len(), squeezes), (3 + 20 * 3 + 24 + 3, 24));
        // 7.7 million parameters with batch normalization is what the authors' widest kernel-7 network has.
        assert!((7_000_000..8_000_000).contains(&parameters(&network).unwrap()));
        assert!(
            network
                .layers
                .iter()
                .all(|l| !matches!(&l.shape, Shape::Conv(c) if c.K % 8 != 0))
        );
        assert!(OfaMobileNetV3::Wide.subnet(&g).unwrap().macs().unwrap() > network.macs().unwrap());
    }
}
