//! The six loop dimensions of a convolution, and small containers indexed by them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Index, IndexMut};

/// A loop dimension of one layer (batch and groups are loops of their own, outside these).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Dim {
    /// Output channels; the channels themselves in a depthwise layer.
    K,
    /// Input channels, the reduction over feature maps (one in a depthwise layer).
    C,
    /// Output rows.
    Y,
    /// Output columns.
    X,
    /// Kernel rows.
    R,
    /// Kernel columns.
    S,
}

impl Dim {
    /// All dimensions in the order that every table and vector of the program uses.
    pub const ALL: [Self; 6] = [Self::K, Self::C, Self::Y, Self::X, Self::R, Self::S];

    /// The dimensions that are summed over: they do not index an output.
    pub const REDUCTION: [Self; 3] = [Self::C, Self::R, Self::S];

    /// Position in [`Dim::ALL`].
    #[must_use]
    #[inline]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// One lower-case letter, as used in generated names.
    #[must_use]
    pub const fn letter(self) -> char {
        ['k', 'c', 'y', 'x', 'r', 's'][self as usize]
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// One value per dimension, in the order of [`Dim::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(
    from = "NamedPerDim<T>",
    into = "NamedPerDim<T>",
    bound(serialize = "T: Clone + Serialize")
)]
pub struct PerDim<T>(pub [T; 6]);

/// How a [`PerDim`] is written in JSON: an object with one member per dimension.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case, reason = "the members are the dimensions' names in files")]
struct NamedPerDim<T> {
    K: T,
    C: T,
    Y: T,
    X: T,
    R: T,
    S: T,
}

impl<T> From<NamedPerDim<T>> for PerDim<T> {
    fn from(v: NamedPerDim<T>) -> Self {
        Self([v.K, v.C, v.Y, v.X, v.R, v.S])
    }
}

impl<T> From<PerDim<T>> for NamedPerDim<T> {
    fn from(v: PerDim<T>) -> Self {
        let [k, c, y, x, r, s] = v.0;
        Self {
            K: k,
            C: c,
            Y: y,
            X: x,
            R: r,
            S: s,
        }
    }
}

impl<T> PerDim<T> {
    /// Builds the value of every dimension from a function.
    #[inline]
    pub fn from_fn(mut f: impl FnMut(Dim) -> T) -> Self {
        // Written out: it compiles to far better code than a loop over an array.
        Self([f(Dim::K), f(Dim::C), f(Dim::Y), f(Dim::X), f(Dim::R), f(Dim::S)])
    }
}

impl<T> Index<Dim> for PerDim<T> {
    type Output = T;
    fn index(&self, d: Dim) -> &T {
        &self.0[d.index()]
    }
}

impl<T> IndexMut<Dim> for PerDim<T> {
    fn index_mut(&mut self, d: Dim) -> &mut T {
        &mut self.0[d.index()]
    }
}

/// A set of dimensions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DimSet(u8);

impl DimSet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// The set of the given dimensions.
    #[must_use]
    pub const fn of(dims: &[Dim]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < dims.len() {
            bits |= 1 << dims[i] as u8;
            i += 1;
        }
        Self(bits)
    }

    /// Whether `d` is a member.
    #[must_use]
    #[inline]
    pub const fn contains(self, d: Dim) -> bool {
        self.0 >> d as u8 & 1 == 1
    }

    /// Its members, in the order of [`Dim::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Dim> {
        Dim::ALL.into_iter().filter(move |&d| self.contains(d))
    }

    /// Bit `i` is set if dimension `i` of [`Dim::ALL`] is a member.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_names_dimensions() {
        let v = PerDim([1u32, 2, 3, 4, 5, 6]);
        let text = serde_json::to_string(&v).unwrap();
        assert_eq!(text, r#"{"K":1,"C":2,"Y":3,"X":4,"R":5,"S":6}"#);
        assert_eq!(serde_json::from_str::<PerDim<u32>>(&text).unwrap(), v);
    }

    #[test]
    fn sets() {
        let s = DimSet::of(&[Dim::C, Dim::S]);
        assert!(s.contains(Dim::C) && !s.contains(Dim::K));
        assert_eq!(s.bits(), 0b10_0010);
    }
}
