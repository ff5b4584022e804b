//! From a schedule to the descriptor that makes the hardware run it.

use crate::base::dims::{Dim, PerDim};
use crate::mapping::schedule::{OFFCHIP_LOOPS, Operand, Schedule, offchip_loop};
use crate::rtl::descriptor::Descriptor;
use crate::rtl::hardware::Features;
use crate::rtl::layout::Blocked;
use crate::workload::layer::Kind;
use crate::workload::quant::LayerPost;

/// Where a layer's data lies, in beats of the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Input tensor.
    pub input: u32,
    /// An addition's second operand, otherwise the input again.
    pub second: u32,
    /// Output tensor.
    pub output: u32,
    /// Packed weights.
    pub weights: u32,
    /// Packed parameters.
    pub params: u32,
    /// The last beat of the network's memory.
    pub highest: u32,
    /// Rows and columns of the input as stored.
    pub stored: [u32; 2],
}

/// The descriptor of one layer.
#[must_use]
pub fn descriptor(s: &Schedule, at: &Placement, post: &LayerPost, hash: u64, predicted: u64) -> Descriptor {
    let mut values = Vec::new();
    let mut put = |name: &'static str, v: Vec<u64>| values.push((name, v));
    put("hash", halves(hash));
    put("predicted", halves(predicted));
    let features = Features::for_layers([(&s.nest, post)]);
    put("needs", vec![features.needs()]);
    put("magnitude", vec![features.magnitude_bits.into()]);
    put("depthwise", vec![s.nest.depthwise().into()]);
    let (digits, maximum) = (s.nest.kind == Kind::Add, s.nest.kind == Kind::Maxpool);
    put("combine", vec![u64::from(digits) | u64::from(maximum) << 1]);
    put("accumulate", vec![s.accumulate.into()]);
    put("i_single", vec![(s.nest.subsample[1] != 1).into()]);
    put("psum", vec![features.psum_bits.into()]);
    put("exact", vec![features.exact.into()]);
    put("highest", highest(s, at));
    loops(s, &mut put);
    passes(s, &mut put);
    w_loader(s, &mut put);
    i_loader(s, post, &mut put);
    drain(s, post, &mut put);
    read(s, at, &mut put);
    write(s, at, &mut put);
    // Nothing before it is known which hardware runs the table.
    put("kept", vec![0]);
    Descriptor { values }
}

/// What addresses and rows the hardware must be able to count for this layer.
fn highest(s: &Schedule, at: &Placement) -> Vec<u64> {
    let (windows, bases) = (s.windows(&s.nest.bounds), s.last_window_base());
    let last = |side: usize| {
        let (stored, pad) = (s.nest.input[side], s.nest.pad[side]);
        wide(stored.max(pad)).max(windows[side] - 1).max(bases[side])
    };
    vec![at.highest.into(), last(0), last(1)]
}

type Put<'a> = &'a mut dyn FnMut(&'static str, Vec<u64>);

fn halves(v: u64) -> Vec<u64> {
    vec![v & 0xffff_ffff, v >> 32]
}

fn by_class(s: &Schedule, d: Dim, f: impl Fn(u32) -> u32) -> Vec<u64> {
    s.tile[d].iter().map(|&e| f(e).into()).collect()
}

fn by_edge(s: &Schedule, d: Dim, f: impl Fn(u32) -> u32) -> Vec<u64> {
    s.l2_tile[d].iter().map(|&e| f(e).into()).collect()
}

/// Dimensions that move the window over rows and columns of the input.
const SIDES: [Dim; 4] = [Dim::Y, Dim::X, Dim::R, Dim::S];

/// A figure of every one of them, by class.
fn sides(s: &Schedule, f: impl Fn(Dim, u32) -> u32) -> Vec<u64> {
    SIDES.into_iter().flat_map(|d| by_class(s, d, |e| f(d, e))).collect()
}

/// Input rows (columns) per step along one of them.
fn input_step(s: &Schedule, d: Dim) -> u32 {
    match d {
        Dim::Y => s.nest.stride[0],
        Dim::X => s.nest.stride[1],
        Dim::R => s.nest.dilation[0],
        _ => s.nest.dilation[1],
    }
}

const fn wide(v: u32) -> u64 {
    v as u64
}

/// A stride of the off-chip loop over `d`: none if the loop has a single trip, where it could exceed what it moves in.
fn offchip_step(s: &Schedule, d: Dim, stride: u64) -> u64 {
    if s.loops.offchip[offchip_loop(d)] > 1 {
        stride
    } else {
        0
    }
}

/// The same for the loop over images.
const fn image_step(s: &Schedule, stride: u64) -> u64 {
    if s.nest.n > 1 { stride } else { 0 }
}

/// The same for the loop over groups.
const fn group_step(s: &Schedule, stride: u64) -> u64 {
    if s.nest.g > 1 { stride } else { 0 }
}

/// The same for the level-2 loop over `d`.
fn l2_step(s: &Schedule, d: Dim, stride: u64) -> u64 {
    if s.loops.l2[d].iter().any(|&trips| trips > 1) {
        stride
    } else {
        0
    }
}

fn loops(s: &Schedule, put: Put) {
    let l = &s.loops;
    put("inner", l.inner.iter().map(|&set| set.into()).collect());
    for (name, operand) in [
        ("w_relevant", Operand::W),
        ("i_relevant", Operand::I),
        ("p_relevant", Operand::P),
        ("o_relevant", Operand::O),
    ] {
        put(name, vec![l.relevant[operand as usize].into()]);
    }
    put("offchip_last", l.offchip.iter().map(|&n| wide(n - 1)).collect());
    put("l2_last", l.l2.0.iter().flatten().map(|&n| wide(n - 1)).collect());
    let inside = |d: Dim| {
        let mut later = s.mapping.pe.iter().skip_while(|&&o| o != d).skip(1);
        later.by_ref().fold(0u64, |set, &o| set | 1 << o.index())
    };
    put("pe_inner", Dim::ALL.map(inside).to_vec());
}

/// Shares of the largest array tile, from which the strides of the array's buffers follow.
fn full_share(s: &Schedule) -> PerDim<u64> {
    let e = s.full_tile();
    PerDim::from_fn(|d| s.share(d, e[d]).into())
}

fn passes(s: &Schedule, put: Put) {
    use Dim::{C, K, R, S, X, Y};
    put(
        "share_last",
        Dim::ALL
            .iter()
            .flat_map(|&d| by_class(s, d, |e| s.share(d, e) - 1))
            .collect(),
    );
    put("split", s.mapping.split.0.map(wide).to_vec());
    put("i_unit", vec![input_unit(s)]);
    put("k_extent", by_class(s, K, |e| e));
    put("c_extent", by_class(s, C, |e| e));
    put("whole", sides(s, |d, e| e / s.share(d, e)));
    put("extra", sides(s, |d, e| e % s.share(d, e)));
    let f = full_share(s);
    let ([sy, sx], [dy, dx]) = (s.nest.stride.map(wide), s.nest.dilation.map(wide));
    let (pitch, channel) = input_pitch(s);
    let (k, c) = if s.nest.depthwise() { (channel, 0) } else { (0, channel) };
    let step = |d: Dim, stride: u64| if f[d] > 1 { stride } else { 0 };
    put("pe_w_stride", vec![f[C] * f[R] * f[S], f[R] * f[S], f[S], 1]);
    let unit = input_unit(s);
    let strides = [
        step(Y, sy * pitch),
        step(X, sx * unit),
        step(R, dy * pitch),
        step(S, dx * unit),
    ];
    put("pe_i_stride", [k, c].into_iter().chain(strides).collect());
    put("pe_o_stride", vec![f[Y] * f[X], f[X], 1]);
}

/// I buffer addresses of a word of channels. Where C shares an axis words differ from layer to layer, and addresses count
/// bytes; depthwise layers address rows in any case.
fn input_unit(s: &Schedule) -> u64 {
    let shared = s.geometry.shared.iter().any(|shared| shared.dims.contains(Dim::C));
    if shared && !s.nest.depthwise() {
        s.geometry.i_conv_word.into()
    } else {
        1
    }
}

/// I buffer addresses per row, and per word of channels.
fn input_pitch(s: &Schedule) -> (u64, u64) {
    let e = s.full_tile();
    let [h, w] = s.windows(&PerDim::from_fn(|d| s.share(d, e[d])));
    (w * input_unit(s), h * w * input_unit(s))
}

fn groups(extent: u32, lanes: u64) -> u32 {
    u64::from(extent).div_ceil(lanes) as u32
}

/// Groups of `lanes` channels minus one, and the channels of the last group, by class of `d`.
fn lane_groups(s: &Schedule, d: Dim, lanes: u64) -> (Vec<u64>, Vec<u64>) {
    (
        by_class(s, d, |e| groups(e, lanes) - 1),
        by_class(s, d, |e| e - (groups(e, lanes) - 1) * lanes as u32),
    )
}

fn w_loader(s: &Schedule, put: Put) {
    use Dim::{C, K, R, S};
    let (last, tail) = lane_groups(s, K, s.ports.w_lanes);
    put("wl_groups_last", last);
    put("wl_tail", tail);
    for (name, d) in [("wl_c_last", C), ("wl_r_last", R), ("wl_s_last", S)] {
        put(name, by_class(s, d, |e| e - 1));
    }
    let (t1, t2) = (s.mapping.l2.tile, s.full_l2_tile());
    let word = wide(s.geometry.l2_w_word);
    let (r, c) = (wide(t2[S]), wide(t2[R]) * wide(t2[S]));
    let k = wide(t2[C]) * c;
    put(
        "wl_tile_stride",
        vec![
            l2_step(s, K, wide(t1[K]) / word * k),
            l2_step(s, C, wide(t1[C]) * c),
            l2_step(s, R, wide(t1[R]) * r),
            l2_step(s, S, t1[S].into()),
        ],
    );
    put("wl_job_stride", vec![k, c, r]);
    let f = full_share(s);
    put("wl_local_stride", vec![f[C] * f[R] * f[S], f[R] * f[S], f[S]]);
}

fn i_loader(s: &Schedule, post: &LayerPost, put: Put) {
    use Dim::{C, K, R, S, X, Y};
    let n = &s.nest;
    let ([sy, sx], [dy, dx]) = (n.stride, n.dilation);
    let (last, tail) = lane_groups(s, s.channel_dim(), s.ports.i_lanes);
    put("il_groups_last", last);
    put("il_tail", tail);
    put("reach", sides(s, |d, e| (e - 1) * input_step(s, d)));
    put("share_reach", sides(s, |d, e| (s.share(d, e) - 1) * input_step(s, d)));
    // One position begins where the window does.
    let step = |d, e| {
        if s.geometry.p(d) > 1 {
            s.share(d, e) * input_step(s, d)
        } else {
            0
        }
    };
    put("step", sides(s, step));
    let (t1, t2) = (s.mapping.l2.tile, s.mapping.offchip.tile);
    for (name, out, tap, stride, dilation) in [("origin_y", Y, R, sy, dy), ("origin_x", X, S, sx, dx)] {
        put(
            name,
            vec![
                offchip_step(s, out, wide(t2[out]) * wide(stride)),
                offchip_step(s, tap, wide(t2[tap]) * wide(dilation)),
                l2_step(s, out, wide(t1[out]) * wide(stride)),
                l2_step(s, tap, wide(t1[tap]) * wide(dilation)),
            ],
        );
    }
    put("pad_y", vec![n.pad[0].into()]);
    put("pad_x", vec![n.pad[1].into()]);
    put("height", vec![n.input[0].into()]);
    put("width", vec![n.input[1].into()]);
    put("i_zero_point", vec![byte(post.input_zero_point)]);
    let [h, w] = s.windows(&s.full_l2_tile());
    let word = wide(s.geometry.l2_i_word);
    let channels = |d: Dim| {
        if d == s.channel_dim() {
            l2_step(s, d, wide(t1[d]) / word * h * w)
        } else {
            0
        }
    };
    put(
        "il_tile_stride",
        vec![
            channels(K),
            channels(C),
            l2_step(s, Y, wide(t1[Y]) * wide(sy) * w),
            l2_step(s, X, wide(t1[X]) * wide(sx)),
            l2_step(s, R, wide(t1[R]) * wide(dy) * w),
            l2_step(s, S, wide(t1[S]) * wide(dx)),
        ],
    );
    put("il_job_stride", vec![h * w, w]);
    let (pitch, channel) = input_pitch(s);
    put("il_channel_stride", vec![channel]);
    put("il_pitch", vec![pitch]);
}

fn byte(v: i8) -> u64 {
    (v as u8).into()
}

fn drain(s: &Schedule, post: &LayerPost, put: Put) {
    use Dim::{K, X, Y};
    let (last, tail) = lane_groups(s, K, s.ports.drain_lanes);
    put("dr_groups_last", last);
    put("dr_tail", tail);
    put("dr_y_last", by_class(s, Y, |e| e - 1));
    put("dr_x_last", by_class(s, X, |e| e - 1));
    let (t1, t2) = (s.mapping.l2.tile, s.full_l2_tile());
    let (row, word) = (wide(t2[X]), wide(t2[Y]) * wide(t2[X]));
    let words = |per: u32| wide(t1[K]) / wide(per);
    put(
        "dr_tile_stride",
        vec![
            l2_step(s, K, words(s.geometry.l2_o_word) * word),
            l2_step(s, Y, wide(t1[Y]) * row),
            l2_step(s, X, t1[X].into()),
        ],
    );
    put("dr_job_stride", vec![word, row]);
    put("dr_p_stride", vec![l2_step(s, K, words(s.geometry.l2_p_word))]);
    put("zero_point", vec![byte(post.zero_point)]);
    put("lo", vec![byte(post.lo)]);
    put("hi", vec![byte(post.hi)]);
}

fn read(s: &Schedule, at: &Placement, put: Put) {
    read_inputs(s, at, put);
    read_weights(s, at, put);
    let (words, n) = (s.geometry.l2_p_word, s.loops.offchip);
    let full = s.p_beats(&s.full_l2_tile());
    put("rd_p_base", vec![at.params.into()]);
    put(
        "rd_p_tile_stride",
        vec![
            group_step(s, wide(n[offchip_loop(Dim::K)]) * full),
            offchip_step(s, Dim::K, full),
        ],
    );
    let edges = [0, 1].map(|i| PerDim::from_fn(|d| s.l2_tile[d][i]));
    put("rd_p_beats_last", edges.iter().map(|e| s.p_beats(e) - 1).collect());
    put("rd_p_words_last", by_edge(s, Dim::K, |e| e.div_ceil(words) - 1));
}

fn read_inputs(s: &Schedule, at: &Placement, put: Put) {
    use Dim::{C, K, R, S, X, Y};
    let n = &s.nest;
    let bus = s.ports.bus as u32;
    let ([sy, sx], [dy, dx]) = (n.stride, n.dilation);
    put("rd_blocks_last", by_edge(s, s.channel_dim(), |e| e.div_ceil(bus) - 1));
    let reach = |d: Dim| by_edge(s, d, |e| (e - 1) * input_step(s, d));
    put("rd_reach", SIDES.into_iter().flat_map(reach).collect());
    let tensor = Blocked::input(n, at.stored, bus);
    let row = wide(n.subsample[0]) * wide(tensor.cols);
    let col = wide(n.subsample[1]);
    let before = wide(n.pad[0]) * row + wide(n.pad[1]) * col;
    put("rd_i_safe", vec![at.input.into()]);
    // Beat addresses wrap where byte addresses do.
    let addresses = (1 << 32) / s.ports.bus - 1;
    put(
        "rd_i_base",
        vec![wide(at.input.wrapping_sub(before as u32)) & addresses],
    );
    let t2 = s.mapping.offchip.tile;
    let group = wide(tensor.blocks()) * tensor.plane();
    let channels = |d: Dim| {
        if d == s.channel_dim() {
            offchip_step(s, d, wide(t2[d] / bus) * tensor.plane())
        } else {
            0
        }
    };
    put(
        "rd_i_tile_stride",
        vec![
            group_step(s, group),
            image_step(s, wide(n.g) * group),
            channels(K),
            channels(C),
            offchip_step(s, Y, wide(t2[Y]) * wide(sy) * row),
            offchip_step(s, X, wide(t2[X]) * wide(sx) * col),
            match n.kind {
                // The next row of taps is the other operand.
                Kind::Add => wide(at.second.wrapping_sub(at.input)) & addresses,
                _ => offchip_step(s, R, wide(t2[R]) * wide(dy) * row),
            },
            offchip_step(s, S, wide(t2[S]) * wide(dx) * col),
        ],
    );
    put("rd_i_job_stride", vec![tensor.plane(), row, col]);
    let [h, w] = s.windows(&s.full_l2_tile());
    let subs = wide(s.geometry.l2_i_word / bus);
    put("rd_i_l2_stride", vec![h * w * subs, w * subs]);
}

fn read_weights(s: &Schedule, at: &Placement, put: Put) {
    use Dim::{C, K, R, S};
    let n = &s.loops.offchip[OFFCHIP_LOOPS - 6..];
    let trips = |d: Dim| wide(n[d.index()]);
    let full = s.w_beats(&s.full_l2_tile());
    let (r, c) = (trips(S) * full, trips(R) * trips(S) * full);
    put("rd_w_base", vec![at.weights.into()]);
    put(
        "rd_w_tile_stride",
        vec![
            group_step(s, trips(K) * trips(C) * c),
            offchip_step(s, K, trips(C) * c),
            offchip_step(s, C, c),
            offchip_step(s, R, r),
            offchip_step(s, S, full),
        ],
    );
    let beats = |edges: usize| {
        let mut e = PerDim::from_fn(|d| s.l2_tile[d][0]);
        for (bit, d) in [K, C, R, S].into_iter().enumerate() {
            e[d] = s.l2_tile[d][edges >> bit & 1];
        }
        s.w_beats(&e) - 1
    };
    put("rd_w_beats_last", (0..16).map(beats).collect());
    put(
        "rd_w_words_last",
        by_edge(s, K, |e| e.div_ceil(s.geometry.l2_w_word) - 1),
    );
    for (name, d) in [("rd_c_last", C), ("rd_r_last", R), ("rd_s_last", S)] {
        put(name, by_edge(s, d, |e| e - 1));
    }
    let t2 = s.full_l2_tile();
    let subs = wide(s.geometry.l2_w_word) / s.ports.bus;
    let row = wide(t2[S]) * subs;
    put(
        "rd_w_l2_stride",
        vec![wide(t2[C]) * wide(t2[R]) * row, wide(t2[R]) * row, row],
    );
}

fn write(s: &Schedule, at: &Placement, put: Put) {
    use Dim::{K, X, Y};
    let bus = s.ports.bus as u32;
    let tensor = Blocked::output(&s.nest, bus);
    put("wr_blocks_last", by_edge(s, K, |e| e.div_ceil(bus) - 1));
    put("wr_y_last", by_edge(s, Y, |e| e - 1));
    put("wr_x_last", by_edge(s, X, |e| e - 1));
    put("wr_tail", vec![wide(tensor.channels - (tensor.blocks() - 1) * bus)]);
    put("wr_base", vec![at.output.into()]);
    let t2 = s.mapping.offchip.tile;
    let group = wide(tensor.blocks()) * tensor.plane();
    put(
        "wr_tile_stride",
        vec![
            group_step(s, group),
            image_step(s, wide(s.nest.g) * group),
            offchip_step(s, K, wide(t2[K] / bus) * tensor.plane()),
            offchip_step(s, Y, wide(t2[Y]) * wide(tensor.cols)),
            offchip_step(s, X, t2[X].into()),
        ],
    );
    put("wr_job_stride", vec![tensor.plane(), tensor.cols.into()]);
    let e2 = s.full_l2_tile();
    put("wr_l2_stride", vec![wide(e2[Y]) * wide(e2[X]), e2[X].into()]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng;
    use crate::mapping::random::{Limits, random_triple};
    use crate::rtl::descriptor::FIELDS;

    /// The compiler emits every field once, in the table's order and with as many elements, and they all fit.
    #[test]
    fn fields_match_the_format() {
        for i in 0..200 {
            let s = random_triple(&mut rng::stream(3, &[i]), &Limits::default()).schedule();
            let post = LayerPost {
                channels: Vec::new(),
                zero_point: -1,
                lo: -128,
                hi: 127,
                input_zero_point: 2,
            };
            let at = Placement {
                input: 3,
                second: 8,
                output: 4,
                weights: 5,
                params: 6,
                highest: 9,
                stored: s.nest.input,
            };
            let d = descriptor(&s, &at, &post, 1, 2);
            let found: Vec<_> = d.values.iter().map(|(name, v)| (*name, v.len())).collect();
            let wanted: Vec<_> = FIELDS.iter().map(|f| (f.name, f.count as usize)).collect();
            assert_eq!(found, wanted);
            assert_eq!(Descriptor::decode(&d.encode().unwrap()), d, "triple {i}");
        }
    }
}
