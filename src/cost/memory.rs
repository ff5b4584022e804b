//! What nests did, to be recalled when they start alike.

use crate::cost::state::{Moves, State, at, touched};

/// What a nest did from a start like it.
#[derive(Clone, Copy)]
pub(crate) struct Memo<const N: usize> {
    /// The evaluation that it belongs to.
    pub run: u64,
    /// The nest, and what moves around it.
    pub key: u64,
    pub start: [u64; N],
    pub end: [u64; N],
}

/// Nests that were run, each at one place by its hash. Only the first `N` entries of the state matter to them.
#[derive(Clone)]
pub(crate) struct Memory<const N: usize>(Vec<Memo<N>>);

/// Places of a [`Memory`].
pub(crate) const MEMOS: usize = 128;

impl<const N: usize> Memory<N> {
    pub(crate) fn new() -> Self {
        let empty = Memo {
            run: 0,
            key: 0,
            start: [0; N],
            end: [0; N],
        };
        Self(vec![empty; MEMOS])
    }

    /// What lies at `place`.
    #[inline]
    pub(crate) fn at(&mut self, place: usize) -> &mut Memo<N> {
        &mut self.0[place % MEMOS]
    }
}

/// The place of a nest in a [`Memory`], which may hold another.
#[inline]
pub(crate) fn place<const N: usize>(key: u64, start: &[u64; N]) -> usize {
    // A sum of products of pairs, each made odd by numbers of its own: the top bits depend on everything, and no
    // product waits for another.
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    let (mut hash, mut mix) = (key.wrapping_mul(MIX), MIX);
    for pair in start.as_chunks::<2>().0 {
        mix = mix.rotate_left(11) | 1;
        hash = hash.wrapping_add(pair[0].wrapping_add(mix).wrapping_mul(pair[1].wrapping_add(mix >> 7)));
    }
    hash = (hash ^ hash >> 32).wrapping_mul(MIX);
    (hash >> (64 - MEMOS.trailing_zeros())) as usize
}

impl<const N: usize> Memo<N> {
    /// Whether it is of this nest from this start.
    #[inline]
    pub(crate) fn is(&self, run: u64, key: u64, start: &[u64; N]) -> bool {
        // Without branches: most differ somewhere, nobody knows where.
        let differ = self.start.iter().zip(start).fold(0, |set, (a, b)| set | a ^ b);
        (self.run ^ run | self.key ^ key | differ) == 0
    }
}

/// All ones where [`touched`] is.
#[inline]
pub(crate) fn masks<const N: usize>(moves: Moves, l2_moves: Moves) -> [u64; N] {
    let (array, l2) = (
        &ARRAY_MASKS[usize::from(moves) % 16],
        &L2_MASKS[usize::from(l2_moves) % 16],
    );
    std::array::from_fn(|i| array[i] | l2[i])
}

const ARRAY_MASKS: [State; 16] = spread(true);
const L2_MASKS: [State; 16] = spread(false);

/// The masks of all sets of operands of which array tiles (`array`), or level-2 tiles, move.
const fn spread(array: bool) -> [State; 16] {
    let mut masks = [[0; at::ALL]; 16];
    let mut moves = 0;
    while moves < 16 {
        let bits = if array { touched(moves, 0) } else { touched(0, moves) };
        let mut i = 0;
        while i < at::ALL {
            masks[moves as usize][i] = ((bits >> i & 1) as u64).wrapping_neg();
            i += 1;
        }
        moves += 1;
    }
    masks
}
