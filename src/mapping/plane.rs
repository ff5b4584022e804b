//! Which rows and columns the loops see of a layer without neighbourhoods.
//!
//! A 1x1 convolution of stride one and a matrix product compute every position alike, and positions lie one behind the other
//! off chip, so that `H` rows of `W` are also one row of `H * W`. An array with an axis over only one of Y and X wastes less
//! of it on one long side: 49 positions fill 16 columns to 77 %, 7 rows of 7 to 44 %. On an array with neither axis the long
//! row has a tile of every length, each of which is one burst. With both axes the rows and columns stay those of the layer.

use crate::arch::accelerator::Accelerator;
use crate::base::dims::Dim;
use crate::mapping::legality::FIELD_LIMIT;
use crate::workload::layer::{Kind, LoopNest};

/// The loops of `nest` as an accelerator with these axes runs them; of what this returns, the same again.
#[must_use]
pub fn on(nest: &LoopNest, a: &Accelerator) -> LoopNest {
    let axis = |d: Dim| a.axes.iter().any(|axis| axis.dims.contains(&d));
    let [rows, cols] = nest.input;
    let positions = u64::from(rows) * u64::from(cols);
    if !positionwise(nest) || positions > FIELD_LIMIT || axis(Dim::Y) && axis(Dim::X) {
        return *nest;
    }
    let input = if axis(Dim::Y) {
        [rows * cols, 1]
    } else {
        [1, rows * cols]
    };
    let mut flat = LoopNest { input, ..*nest };
    [flat.bounds[Dim::Y], flat.bounds[Dim::X]] = input;
    flat
}

/// Whether every output position needs just the input position of the same place.
fn positionwise(nest: &LoopNest) -> bool {
    let b = &nest.bounds;
    let kind = !matches!(nest.kind, Kind::Transposed | Kind::Add);
    kind && [b[Dim::R], b[Dim::S]] == [1, 1]
        && [nest.stride, nest.subsample] == [[1, 1]; 2]
        && nest.pad == [0, 0]
        && nest.input == [b[Dim::Y], b[Dim::X]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::stream;
    use crate::mapping::random::{Limits, random_triple};
    use crate::workload::layer::Conv;

    #[test]
    fn positions_lie_along_the_only_axis_for_them() {
        let conv = |side: u32, kernel: u32, stride: u32| Conv {
            N: 2,
            K: 5,
            C: 7,
            H: side,
            W: side + 1,
            R: kernel,
            S: kernel,
            stride: [stride, stride],
            pad: [0; 4],
            dilation: [1, 1],
            groups: 1,
            transposed: false,
        };
        let mut a = random_triple(&mut stream(1, &[]), &Limits::default()).accelerator;
        let mut sides = |dims: &[Dim], conv: Conv| {
            a.axes.truncate(1);
            a.axes[0].dims = dims.to_vec();
            let nest = crate::workload::layer::Shape::Conv(conv).nest().unwrap();
            let flat = on(&nest, &a);
            assert_eq!((flat.macs(), on(&flat, &a)), (nest.macs(), flat));
            let stays = LoopNest {
                bounds: nest.bounds,
                input: nest.input,
                ..flat
            };
            assert_eq!(stays, nest);
            (flat.input, [flat.bounds[Dim::Y], flat.bounds[Dim::X]])
        };
        let both = |s: [u32; 2]| (s, s);
        assert_eq!(sides(&[Dim::X], conv(7, 1, 1)), both([1, 56]));
        assert_eq!(sides(&[Dim::K], conv(7, 1, 1)), both([1, 56]));
        assert_eq!(sides(&[Dim::Y], conv(7, 1, 1)), both([56, 1]));
        assert_eq!(sides(&[Dim::Y, Dim::X], conv(7, 1, 1)), both([7, 8]));
        assert_eq!(sides(&[Dim::X], conv(7, 3, 1)), ([7, 8], [5, 6]));
        // Every second row and column lies apart from the next.
        assert_eq!(sides(&[Dim::X], conv(8, 1, 2)), both([4, 5]));
        // Longer than the control table's fields count.
        assert_eq!(sides(&[Dim::X], conv(256, 1, 1)), both([256, 257]));
    }
}
