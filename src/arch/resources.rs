//! What an accelerator may spend: the budget that a search stays within, and the named budgets of the field's chips.

use crate::arch::accelerator::Accelerator;
use crate::base::diag::{Code, Diagnostic, Result};
use serde::{Deserialize, Serialize};

/// Upper limits for an accelerator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// Name for people.
    pub name: String,
    /// Multipliers.
    pub pes: u32,
    /// Bytes stored on chip: operand buffers, psums and level 2, every slot.
    pub onchip_bytes: u64,
    /// Bytes per cycle into the array: W lanes plus I lanes.
    pub network_bytes_per_cycle: u32,
    /// Partial sums per cycle out of the array.
    pub drain_psums_per_cycle: u32,
    /// Bytes per cycle off chip, per direction.
    pub offchip_bytes_per_cycle: u32,
    /// Off-chip latency, in cycles; a given figure, not a limit.
    pub offchip_latency_cycles: u32,
}

const KIB: u64 = 1024;

/// The presets; figures of on-chip memory and PEs from the chips' publications, bandwidths are this project's.
const PRESETS: [(&str, u32, u64, u32, u32, u32); 5] = [
    ("edgetpu", 4096, 8 * KIB * KIB + 64 * 4096, 128, 64, 32),
    ("nvdla-1024", 1024, 512 * KIB + 64 * 1024, 64, 32, 32),
    ("nvdla-256", 256, 128 * KIB + 64 * 256, 32, 16, 16),
    ("eyeriss", 168, 108 * KIB + 168 * 512, 32, 16, 16),
    ("shidiannao", 64, 288 * KIB + 64 * 64, 16, 8, 8),
];

impl Resources {
    /// Names of all presets; each also has an `@tight` form with halved network, drain and off-chip widths.
    #[must_use]
    pub fn names() -> Vec<String> {
        PRESETS
            .iter()
            .flat_map(|p| [p.0.to_owned(), format!("{}@tight", p.0)])
            .collect()
    }

    /// The preset called `name`.
    ///
    /// # Errors
    /// `E0105` if there is none.
    pub fn preset(name: &str) -> Result<Self> {
        let (base, halve) = name.strip_suffix("@tight").map_or((name, 1), |b| (b, 2));
        let &(_, pes, onchip_bytes, network, drain, offchip) =
            PRESETS.iter().find(|p| p.0 == base).ok_or_else(|| {
                Diagnostic::new(Code::UnknownName, format!("no resource preset is called `{name}`"))
                    .expected(format!("a resource file, or one of {}", Self::names().join(", ")))
                    .next("`naas list resources` prints their figures")
            })?;
        Ok(Self {
            name: name.to_owned(),
            pes,
            onchip_bytes,
            network_bytes_per_cycle: network / halve,
            drain_psums_per_cycle: drain / halve,
            offchip_bytes_per_cycle: offchip / halve,
            offchip_latency_cycles: 64,
        })
    }

    /// Every limit that `a` exceeds, with both figures; empty if it fits.
    #[must_use]
    pub fn exceeded_by(&self, a: &Accelerator) -> Vec<String> {
        [
            ("PEs", u64::from(a.pes()), u64::from(self.pes)),
            ("on-chip bytes", a.onchip_bytes(), self.onchip_bytes),
            (
                "network bytes per cycle",
                u64::from(a.lanes.W) + u64::from(a.lanes.I),
                u64::from(self.network_bytes_per_cycle),
            ),
            (
                "drained psums per cycle",
                u64::from(a.lanes.drain),
                u64::from(self.drain_psums_per_cycle),
            ),
            (
                "off-chip bytes per cycle",
                u64::from(a.offchip.bytes_per_cycle),
                u64::from(self.offchip_bytes_per_cycle),
            ),
        ]
        .into_iter()
        .filter(|&(_, used, limit)| used > limit)
        .map(|(name, used, limit)| format!("{used} {name} exceed the limit of {limit}"))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_have_the_published_figures() {
        let of = |n: &str| Resources::preset(n).unwrap();
        assert_eq!(
            (of("edgetpu").onchip_bytes, of("eyeriss").onchip_bytes),
            (8_650_752, 196_608)
        );
        assert_eq!(
            (
                of("shidiannao").onchip_bytes,
                of("nvdla-256@tight").network_bytes_per_cycle
            ),
            (299_008, 16)
        );
        assert!(Resources::preset("tpu").is_err());
    }
}
