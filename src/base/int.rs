//! Exact integer helpers used by the schedule and by whoever sizes a memory.

/// Quotient rounded up. `b` must not be zero. Fast where `b` is a power of two, as lanes and bus widths are.
#[must_use]
#[inline]
pub const fn ceil_div(a: u64, b: u64) -> u64 {
    if b & b.wrapping_sub(1) == 0 {
        let (shift, rest) = (b.trailing_zeros(), a & b.wrapping_sub(1));
        (a >> shift) + (rest != 0) as u64
    } else {
        a.div_ceil(b)
    }
}

/// The smallest multiple of `b` that is not below `a`. `b` must not be zero.
#[must_use]
#[inline]
pub const fn round_up(a: u64, b: u64) -> u64 {
    ceil_div(a, b) * b
}

/// Bits needed to write `max` in binary; one bit for zero, so that a register always exists.
#[must_use]
pub const fn bits_for(max: u64) -> u32 {
    if max == 0 { 1 } else { 64 - max.leading_zeros() }
}

/// The largest power of two that is not above `a`; one for zero.
#[must_use]
pub const fn floor_pow2(a: u64) -> u64 {
    if a == 0 { 1 } else { 1 << a.ilog2() }
}

/// Base-two logarithm of a power of two.
#[must_use]
pub const fn log2_exact(a: u64) -> u32 {
    debug_assert!(a.is_power_of_two());
    a.trailing_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_and_widths() {
        for a in 0..100 {
            for b in 1..70 {
                assert_eq!(ceil_div(a, b), a.div_ceil(b));
            }
        }
        assert_eq!((ceil_div(7, 3), ceil_div(6, 3), round_up(7, 4)), (3, 2, 8));
        assert_eq!((bits_for(0), bits_for(1), bits_for(255), bits_for(256)), (1, 1, 8, 9));
        assert_eq!((floor_pow2(18), floor_pow2(16), floor_pow2(1)), (16, 16, 1));
    }
}
