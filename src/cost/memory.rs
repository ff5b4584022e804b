//! What nests did, to be recalled when they start alike.

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

    /// The place of a nest, which may hold another.
    #[inline]
    pub(crate) fn place(&mut self, key: u64, start: &[u64; N]) -> &mut Memo<N> {
        // A sum of products with odd numbers: the top bits depend on everything. Products do not wait for each other.
        const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
        let (mut hash, mut mix) = (key.wrapping_mul(MIX), MIX);
        for time in start {
            mix = mix.rotate_left(11) | 1;
            hash = hash.wrapping_add(time.wrapping_mul(mix));
        }
        hash = (hash ^ hash >> 32).wrapping_mul(MIX);
        &mut self.0[(hash >> (64 - MEMOS.trailing_zeros())) as usize]
    }
}

/// All ones where a bit is set.
#[inline]
pub(crate) fn masks<const N: usize>(bits: u16) -> [u64; N] {
    std::array::from_fn(|i| u64::from(bits >> i & 1).wrapping_neg())
}
