//! A mapping as people and searches state it: tile extents and loop orders at three levels.

use crate::base::diag::{Code, Diagnostic};
use crate::base::dims::{Dim, DimSet, PerDim};
use crate::workload::layer::{Kind, LoopNest};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Mapping of one layer.
///
/// The off-chip level cuts the layer into tiles that level 2 holds; the level-2 level cuts those into tiles that the
/// array's buffers hold (a *pass* each); inside a pass every PE walks its share in `pe` order. Tiles need not divide what
/// they cut: the last one along a dimension is smaller.
///
/// As text, and so in files, it reads as the loops do, outermost first: of each level the tiles, of the PE the order alone.
///
/// ```text
/// K64 Y28 X56 C64 R3 S3 | K16 C64 Y4 X8 R3 S3 | K C Y X R S
/// ```
///
/// On an array with axes over several dimensions a fourth part says how many of their positions run what; a dimension that
/// it leaves out gets one: `... | K C Y X R S | C4 R3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mapping {
    /// Off-chip to level 2.
    pub offchip: Level,
    /// Level 2 to the array.
    pub l2: Level,
    /// Order of the loops inside a PE, outermost first.
    pub pe: [Dim; 6],
    /// Positions of axes over several dimensions that run each; one for a dimension without such an axis.
    pub split: PerDim<u32>,
}

/// A split that gives every dimension one position.
pub const UNSPLIT: PerDim<u32> = PerDim([1; 6]);

const REDUCTION: DimSet = DimSet::of(&Dim::REDUCTION);

/// One level of tiling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Extent of the tile that the inner memory holds.
    pub tile: PerDim<u32>,
    /// Order of the loops over those tiles, outermost first.
    pub order: [Dim; 6],
}

impl Mapping {
    /// The mapping as the hardware runs it: tiles clamped to what they cut, and at the off-chip level the reduction loops
    /// moved innermost in their given order, because partial sums never leave the chip. Of an addition a level-2 tile holds
    /// one operand, since they lie in different tensors, and a pass one digit of the multipliers.
    #[must_use]
    #[inline]
    pub fn normalised(&self, nest: &LoopNest) -> Self {
        let (mut m, bounds) = (*self, &nest.bounds);
        if nest.kind == Kind::Add {
            m.offchip.tile[Dim::R] = 1;
            m.l2.tile[Dim::S] = 1;
        }
        for d in Dim::ALL {
            m.offchip.tile[d] = m.offchip.tile[d].clamp(1, bounds[d]);
            m.l2.tile[d] = m.l2.tile[d].clamp(1, m.offchip.tile[d]);
            m.split[d] = m.split[d].max(1);
        }
        // Without branches: nobody knows the order.
        let mut next = [0, Dim::ALL.len() - Dim::REDUCTION.len()];
        for d in self.offchip.order {
            let reduction = usize::from(REDUCTION.contains(d));
            if let Some(place) = m.offchip.order.get_mut(next[reduction]) {
                *place = d;
            }
            next[reduction] += 1;
        }
        m
    }

    /// Whether every order names every dimension once.
    #[must_use]
    pub fn orders_are_permutations(&self) -> bool {
        [self.offchip.order, self.l2.order, self.pe].iter().all(|o| {
            let mut sorted = *o;
            sorted.sort_unstable();
            sorted == Dim::ALL
        })
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.order.iter().try_for_each(|&d| write!(f, "{d}{} ", self.tile[d]))
    }
}

impl fmt::Display for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}| {}|", self.offchip, self.l2)?;
        self.pe.iter().try_for_each(|d| write!(f, " {d}"))?;
        if self.split.0.iter().any(|&positions| positions > 1) {
            write!(f, " |")?;
        }
        let split = Dim::ALL.into_iter().filter(|&d| self.split[d] > 1);
        split.into_iter().try_for_each(|d| write!(f, " {d}{}", self.split[d]))
    }
}

impl FromStr for Mapping {
    type Err = Diagnostic;

    /// Reads what [`fmt::Display`] writes.
    ///
    /// # Errors
    /// `E0102` for anything else; every dimension stands once in each of the first three parts, and at most once in the fourth.
    fn from_str(text: &str) -> Result<Self, Diagnostic> {
        let parts: Vec<&str> = text.split('|').collect();
        let parsed = match parts[..] {
            [offchip, l2, pe] => level(offchip).zip(level(l2)).zip(order(pe).zip(Some(UNSPLIT))),
            [offchip, l2, pe, split] => level(offchip).zip(level(l2)).zip(order(pe).zip(positions(split))),
            _ => None,
        };
        let ((offchip, l2), (pe, split)) = parsed.ok_or_else(|| {
            Diagnostic::new(Code::Malformed, format!("`{text}` is no mapping"))
                .expected("tiles off chip, tiles at level 2 and the order in a PE: `K8 Y4 X4 C3 R3 S3 | K8 Y1 X4 C3 R3 S3 | K C Y X R S`")
        })?;
        Ok(Self { offchip, l2, pe, split })
    }
}

/// Positions of shared axes from words such as `C4`: at least one word, none twice.
fn positions(text: &str) -> Option<PerDim<u32>> {
    let mut split = PerDim([0; 6]);
    for word in text.split_whitespace() {
        let (d, positions) = extent(word)?;
        let fresh = split[d] == 0 && positions > 0;
        split[d] = fresh.then_some(positions)?;
    }
    (split.0 != [0; 6]).then(|| PerDim::from_fn(|d| split[d].max(1)))
}

/// A dimension and a number from a word such as `K16`.
fn extent(word: &str) -> Option<(Dim, u32)> {
    // A first letter of several bytes is no dimension, and must not be split.
    let (name, size) = word.split_at_checked(1)?;
    Some((dim(name)?, size.parse().ok()?))
}

/// A level from words such as `K16`.
fn level(text: &str) -> Option<Level> {
    let mut tile = PerDim([0; 6]);
    let mut names = String::new();
    for word in text.split_whitespace() {
        let (d, size) = extent(word)?;
        tile[d] = size;
        names.extend([d.to_string().as_str(), " "]);
    }
    Some(Level {
        tile,
        order: order(&names)?,
    })
}

/// Six different dimensions.
fn order(text: &str) -> Option<[Dim; 6]> {
    let dims: Vec<Dim> = text.split_whitespace().map(dim).collect::<Option<_>>()?;
    let mut sorted = dims.clone();
    sorted.sort_unstable();
    (sorted == Dim::ALL).then_some(dims)?.try_into().ok()
}

/// The dimension called `name`.
fn dim(name: &str) -> Option<Dim> {
    Dim::ALL.into_iter().find(|d| d.to_string() == name)
}

impl Serialize for Mapping {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A mapping with its levels as members, as the first files wrote it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    offchip: Level,
    l2: Level,
    pe: [Dim; 6],
}

impl<'de> Deserialize<'de> for Mapping {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Mapping;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping as text, or its members")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Mapping, E> {
                text.parse().map_err(|e: Diagnostic| E::custom(e.what))
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Mapping, A::Error> {
                let Members { offchip, l2, pe } = Deserialize::deserialize(MapAccessDeserializer::new(members))?;
                Ok(Mapping {
                    offchip,
                    l2,
                    pe,
                    split: UNSPLIT,
                })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_members_read_back() {
        let text = "K64 Y28 X56 C64 R3 S3 | K16 C64 Y4 X8 R3 S1 | S R X Y C K";
        let m: Mapping = text.parse().unwrap();
        assert_eq!((m.to_string(), m.l2.tile), (text.into(), PerDim([16, 64, 4, 8, 3, 1])));
        assert_eq!(serde_json::from_value::<Mapping>(text.into()).unwrap(), m);
        let members = r#"{"offchip": {"tile": {"K": 64, "C": 64, "Y": 28, "X": 56, "R": 3, "S": 3},
                                      "order": ["K", "Y", "X", "C", "R", "S"]},
            "l2": {"tile": {"K": 16, "C": 64, "Y": 4, "X": 8, "R": 3, "S": 1}, "order": ["K", "C", "Y", "X", "R", "S"]},
            "pe": ["S", "R", "X", "Y", "C", "K"]}"#;
        assert_eq!(serde_json::from_str::<Mapping>(members).unwrap(), m);
        let split = format!("{text} | C4 R3");
        let shared: Mapping = split.parse().unwrap();
        assert_eq!((shared.to_string(), shared.split), (split, PerDim([1, 4, 1, 1, 3, 1])));
        assert_eq!(
            Mapping {
                split: UNSPLIT,
                ..shared
            },
            m
        );
        let extra = members.replace("\"pe\"", "\"extra\": 1, \"pe\"");
        assert!(serde_json::from_str::<Mapping>(&extra).is_err());
        for (part, wrong) in [
            ("K64", "K"),
            ("K64", "K-1"),
            ("K64", "Q64"),
            ("K64", "\u{3ba}64"),
            ("K64 ", ""),
            ("K64", "Y64"),
            ("K64", "K64 K64"),
            ("S R", "R R"),
            (" | S", " | S | S"),
            ("C K", "C K | C2 | R3"),
            ("C K", "C K |"),
            ("C K", "C K | C2 C3"),
            ("C K", "C K | C0"),
            ("S3", "S4294967296"),
        ] {
            let wrong = text.replacen(part, wrong, 1);
            assert_eq!(wrong.parse::<Mapping>().unwrap_err().code, Code::Malformed, "{wrong}");
        }
    }

    #[test]
    fn reduction_moves_innermost_stably() {
        use Dim::{C, K, R, S, X, Y};
        let level = Level {
            tile: PerDim([9; 6]),
            order: [S, K, C, X, R, Y],
        };
        let m = Mapping {
            offchip: level,
            l2: level,
            pe: Dim::ALL,
            split: UNSPLIT,
        }
        .normalised(&LoopNest {
            kind: Kind::Conv,
            n: 1,
            g: 1,
            bounds: PerDim([4; 6]),
            stride: [1, 1],
            dilation: [1, 1],
            pad: [0, 0],
            input: [7, 7],
            subsample: [1, 1],
        });
        assert_eq!(m.offchip.order, [K, X, Y, S, C, R]);
        assert_eq!((m.l2.order, m.l2.tile), (level.order, PerDim([4; 6])));
    }
}
