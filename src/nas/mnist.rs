//! A small space whose accuracies can be measured within minutes: plain networks for MNIST's digits that the hardware runs whole.
//!
//! The genotype's layout is that of the Once-for-All spaces (Cai et al., ICLR 2020). Genes: side of the centre of the image
//! that is looked at; blocks of each of two stages; width multiplier of the stem and of the stages; depthwise kernel of up to
//! four blocks. A 3x3 stem with stride 2, then blocks of a depthwise and a pointwise convolution (the first of a stage has
//! stride 2), the mean over the image, a product to ten classes. No block has a shortcut.
//!
//! `tools/mnist_supernet.py` trains the shared weights, and measures subnets into a table for `--accuracy`.

use crate::base::diag::Result;
use crate::nas::space::{Gene, Genotype, NetworkSpace, Role};
use crate::nas::stack::{Filter, POINT, Stack, square};
use crate::workload::network::Network;

const STAGES: usize = 2;
const MOST_BLOCKS: usize = 2;
const BLOCKS: usize = STAGES * MOST_BLOCKS;
/// Channels of the stem and of the stages at their widest.
const CHANNELS: [f64; 1 + STAGES] = [16.0, 32.0, 64.0];
const CLASSES: u32 = 10;

const DEPTH: usize = 1;
const WIDTH: usize = DEPTH + STAGES;
const KERNEL: usize = WIDTH + CHANNELS.len();
const GENES: usize = KERNEL + BLOCKS;

static ALL: [Gene; GENES] = {
    let mut genes = [Gene {
        role: Role::Resolution,
        options: &[20.0, 24.0, 28.0],
    }; GENES];
    let mut i = DEPTH;
    while i < GENES {
        let (role, options): (Role, &'static [f64]) = if i < WIDTH {
            (Role::Depth, &[1.0, 2.0])
        } else if i < KERNEL {
            (Role::Width, &[0.5, 0.75, 1.0])
        } else {
            (Role::Kernel, &[3.0, 5.0])
        };
        genes[i] = Gene { role, options };
        i += 1;
    }
    genes
};

/// The space.
#[derive(Clone, Copy, Debug, Default)]
pub struct NaasMnist;

impl NaasMnist {
    fn width(self, genotype: &Genotype, place: usize) -> u32 {
        (CHANNELS[place] * self.value(genotype, WIDTH + place)) as u32
    }

    /// Stage and position of every block that exists.
    fn blocks(self, genotype: &Genotype) -> impl Iterator<Item = (usize, usize)> {
        let depths = [0, 1].map(|stage| self.value(genotype, DEPTH + stage) as usize);
        (0..STAGES).flat_map(move |stage| (0..depths[stage]).map(move |position| (stage, position)))
    }
}

impl NetworkSpace for NaasMnist {
    fn name(&self) -> &'static str {
        "naas-mnist"
    }

    fn genes(&self) -> &[Gene] {
        &ALL
    }

    fn normalise(&self, genotype: &mut Genotype) {
        let used: Vec<usize> = self.blocks(genotype).map(|(s, p)| s * MOST_BLOCKS + p).collect();
        for i in (0..BLOCKS).filter(|i| !used.contains(i)) {
            genotype.0[KERNEL + i] = 0;
        }
    }

    fn subnet(&self, genotype: &Genotype) -> Result<Network> {
        self.check(genotype)?;
        let mut stack = Stack::new(self.resolution(genotype));
        stack.channels = 1;
        stack.conv("stem", self.width(genotype, 0), square(3, 2));
        for (stage, position) in self.blocks(genotype) {
            let depthwise = Filter {
                kernel: self.value(genotype, KERNEL + stage * MOST_BLOCKS + position) as u32,
                stride: if position == 0 { 2 } else { 1 },
                depthwise: true,
            };
            let name = |part: &str| format!("stage{}.{position}.{part}", stage + 1);
            stack.conv(name("depthwise"), stack.channels, depthwise);
            stack.conv(name("pointwise"), self.width(genotype, 1 + stage), POINT);
        }
        stack.pool();
        stack.classifier(self.name(), CLASSES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn genes_of_blocks_that_do_not_exist_decide_nothing() {
        let mut genotype = Genotype(vec![1, 0, 1, 0, 0, 0, 1, 1, 1, 1]);
        let before = NaasMnist.subnet(&genotype).unwrap();
        NaasMnist.normalise(&mut genotype);
        assert_eq!(NaasMnist.text(&genotype), "d01-w000-k1011");
        assert_eq!(NaasMnist.subnet(&genotype).unwrap(), before);
        // By hand: stem 12x12 of 8 channels; 5x5 and 3x3 depthwise halve the image, to 6x6 and 3x3.
        let by_hand = 144 * 8 * 9 + 36 * (8 * 25 + 8 * 16) + 9 * (16 * 25 + 16 * 32) + 9 * (32 * 25 + 32 * 32) + 320;
        assert_eq!(before.macs().unwrap(), by_hand);
    }
}
