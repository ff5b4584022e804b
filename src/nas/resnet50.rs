//! The Once-for-All ResNet50 space: ResNet-D with elastic resolution, depth, width and bottleneck expansion.
//!
//! As in the authors' public code. Genes: resolution; depth of the stem (0, or 2: its residual 3x3 convolution is kept) and of
//! four stages (blocks beyond 2, 2, 4, 2; the last ones of a stage are dropped first); expand ratio of each of up to 18
//! bottlenecks; width multiplier of the stem's inner layers, of its output and of four stages. At most 18 bottlenecks.

use crate::base::diag::Result;
use crate::nas::space::{Gene, Genotype, NetworkSpace, Role, make_divisible};
use crate::nas::stack::{POINT, Stack, square};
use crate::workload::network::Network;

const RESOLUTIONS: [f64; 8] = [128.0, 144.0, 160.0, 176.0, 192.0, 224.0, 240.0, 256.0];
const STEM_DEPTHS: [f64; 2] = [0.0, 2.0];
const DEPTHS: [f64; 3] = [0.0, 1.0, 2.0];
const EXPANDS: [f64; 3] = [0.2, 0.25, 0.35];
const WIDTHS: [f64; 3] = [0.65, 0.8, 1.0];

/// Blocks that every stage has.
const BASE_DEPTHS: [usize; 4] = [2, 2, 4, 2];
/// Blocks that a stage can have beyond those.
const MORE_BLOCKS: usize = 2;
const STAGE_WIDTHS: [f64; 4] = [256.0, 512.0, 1024.0, 2048.0];
const STRIDES: [u32; 4] = [1, 2, 2, 2];
const BLOCKS: usize = 18;
const CLASSES: u32 = 1000;

const STEM_DEPTH: usize = 1;
const EXPAND: usize = STEM_DEPTH + 1 + 4;
const WIDTH: usize = EXPAND + BLOCKS;
const GENES: usize = WIDTH + 6;

const fn gene(role: Role, options: &'static [f64]) -> Gene {
    Gene { role, options }
}

static ALL: [Gene; GENES] = {
    let mut genes = [gene(Role::Resolution, &RESOLUTIONS); GENES];
    let mut i = 1;
    while i < GENES {
        genes[i] = match i {
            STEM_DEPTH => gene(Role::Depth, &STEM_DEPTHS),
            _ if i < EXPAND => gene(Role::Depth, &DEPTHS),
            _ if i < WIDTH => gene(Role::Expand, &EXPANDS),
            _ => gene(Role::Width, &WIDTHS),
        };
        i += 1;
    }
    genes
};

/// The space.
#[derive(Clone, Copy, Debug, Default)]
pub struct OfaResNet50;

/// A bottleneck that exists: its stage, its position there and the gene of its expand ratio.
struct Block {
    stage: usize,
    position: usize,
    expand: usize,
}

impl OfaResNet50 {
    fn blocks(genotype: &Genotype) -> impl Iterator<Item = Block> {
        let mut first = EXPAND;
        (0..4).flat_map(move |stage| {
            let depth = BASE_DEPTHS[stage] + usize::from(genotype.0[STEM_DEPTH + 1 + stage]);
            let start = first;
            first += BASE_DEPTHS[stage] + MORE_BLOCKS;
            (0..depth).map(move |position| Block {
                stage,
                position,
                expand: start + position,
            })
        })
    }

    /// The predictor's 82 inputs as the positions of its ones, ascending: resolution (8), stem (2), width (6 x 3),
    /// expand (18 x 3, none for a skipped block).
    #[must_use]
    pub fn hot(genotype: &Genotype) -> Vec<usize> {
        let option = |i: usize| usize::from(genotype.0[i]);
        let stem = 8 + option(STEM_DEPTH);
        let widths = (0..6).map(|i| 10 + 3 * i + option(WIDTH + i));
        let expands = Self::blocks(genotype).map(|b| 28 + 3 * (b.expand - EXPAND) + option(b.expand));
        [option(0), stem].into_iter().chain(widths).chain(expands).collect()
    }
}

/// Inputs of the predictor.
pub const FEATURES: usize = 82;

impl NetworkSpace for OfaResNet50 {
    fn name(&self) -> &'static str {
        "ofa-resnet50"
    }

    fn genes(&self) -> &[Gene] {
        &ALL
    }

    fn normalise(&self, genotype: &mut Genotype) {
        let used: Vec<usize> = Self::blocks(genotype).map(|b| b.expand).collect();
        for i in (EXPAND..WIDTH).filter(|i| !used.contains(i)) {
            genotype.0[i] = 0;
        }
    }

    fn subnet(&self, genotype: &Genotype) -> Result<Network> {
        self.check(genotype)?;
        let value = |i: usize| self.value(genotype, i);
        // The stem's inner layers take half of the (rounded) width that their multiplier gives its output.
        let inner = make_divisible(f64::from(make_divisible(64.0 * value(WIDTH)) / 2));
        let mut stack = Stack::new(self.resolution(genotype));
        stack.conv("stem.0", inner, square(3, 2));
        if genotype.0[STEM_DEPTH] > 0 {
            stack.conv("stem.1", inner, square(3, 1));
        }
        stack.conv("stem.2", make_divisible(64.0 * value(WIDTH + 1)), square(3, 1));
        stack.shrink(2); // 3x3 maximum, padded
        for block in Self::blocks(genotype) {
            let out = make_divisible(STAGE_WIDTHS[block.stage] * value(WIDTH + 2 + block.stage));
            let middle = make_divisible((f64::from(out) * value(block.expand)).round_ties_even());
            let stride = if block.position == 0 { STRIDES[block.stage] } else { 1 };
            let name = |part: &str| format!("stage{}.{}.{part}", block.stage + 1, block.position);
            let (channels, side) = (stack.channels, stack.side);
            stack.conv(name("conv1"), middle, POINT);
            stack.conv(name("conv2"), middle, square(3, stride));
            stack.conv(name("conv3"), out, POINT);
            if block.position == 0 {
                // ResNet-D: the shortcut averages first, then convolves.
                stack.branch(name("shortcut"), channels, side.div_ceil(stride), out, POINT);
            }
        }
        stack.pool();
        stack.classifier(self.name(), CLASSES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::stream;
    use crate::nas::space::parameters;

    /// A genotype with equal options everywhere; `depth` holds the options of the stem and the stages.
    fn uniform(resolution: u32, depth: [u8; 5], expand: u8, width: u8) -> Genotype {
        let position = RESOLUTIONS.iter().position(|r| *r as u32 == resolution).unwrap();
        let mut genes = vec![position as u8];
        genes.extend(depth);
        genes.extend([expand; BLOCKS]);
        genes.extend([width; 6]);
        let mut genotype = Genotype(genes);
        OfaResNet50.normalise(&mut genotype);
        genotype
    }

    /// Millions of multiply-accumulates and parameters, to the digits that the space's description gives.
    fn figures(g: &Genotype) -> (String, String) {
        let network = OfaResNet50.subnet(g).unwrap();
        let macs = network.macs().unwrap() as f64 / 1e6;
        (
            format!("{macs:.1}"),
            format!("{:.2}", parameters(&network).unwrap() as f64 / 1e6),
        )
    }

    #[test]
    fn macs_and_parameters_are_the_published_ones() {
        let want = |m: &str, p: &str| (m.to_owned(), p.to_owned());
        assert_eq!(figures(&uniform(224, [1, 2, 2, 2, 2], 2, 2)), want("7491.6", "48.04"));
        let d50 = [1, 1, 2, 2, 1];
        assert_eq!(figures(&uniform(224, d50, 1, 2)), want("4328.8", "25.52"));
        for (side, macs) in [
            (128, "1414.9"),
            (144, "1858.6"),
            (160, "2209.6"),
            (176, "2756.1"),
            (192, "3180.9"),
        ] {
            assert_eq!(figures(&uniform(side, d50, 1, 2)), want(macs, "25.52"), "{side}");
        }
        assert_eq!(figures(&uniform(224, [0; 5], 0, 0)), want("962.2", "6.52"));
        assert_eq!(figures(&uniform(128, [0; 5], 0, 0)), want("315.1", "6.52"));
    }

    #[test]
    fn genotypes_have_one_text_and_one_network() {
        let mut rng = stream(3, &[]);
        for _ in 0..200 {
            let g = OfaResNet50.sample(&mut rng);
            let (text, side) = (OfaResNet50.text(&g), OfaResNet50.resolution(&g));
            assert_eq!(OfaResNet50.parse(&text, side).unwrap(), g, "{text}");
            OfaResNet50.subnet(&g).unwrap();
            let hot = OfaResNet50::hot(&g);
            assert!(hot.is_sorted() && hot.iter().all(|&i| i < FEATURES));
            assert_eq!(hot.len(), 8 + OfaResNet50::blocks(&g).count());
        }
        let g = uniform(160, [1, 0, 0, 0, 0], 2, 1);
        assert_eq!(OfaResNet50.text(&g), "d10000-e220022002222002200-w111111");
        for (text, side) in [("", 160), ("d10000", 160), ("d10000-e220022002222002200-w111113", 160)] {
            assert!(OfaResNet50.parse(text, side).is_err());
        }
        assert!(OfaResNet50.parse(&OfaResNet50.text(&g), 208).is_err());
    }
}
