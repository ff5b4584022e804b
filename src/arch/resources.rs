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

/// Forms of a preset, by what follows its name.
const FORMS: [&str; 4] = ["", "@tight", "@wide", "@narrow"];

impl Resources {
    /// Names of all presets, each in four forms: with its own widths of network, drain and off-chip port; `@tight` with half
    /// of them; `@wide` with 128, 64 and 32, and `@narrow` with 32, 16 and 8, whatever the chip: what a study of NAAS's
    /// claims compared all chips at.
    #[must_use]
    pub fn names() -> Vec<String> {
        let forms = |p: &(&str, u32, u64, u32, u32, u32)| FORMS.map(|form| format!("{}{form}", p.0));
        PRESETS.iter().flat_map(forms).collect()
    }

    /// The chip after which `preset` is named.
    #[must_use]
    pub fn chip(preset: &str) -> &str {
        preset.split_once('@').map_or(preset, |(chip, _)| chip)
    }

    /// The preset called `name`.
    ///
    /// # Errors
    /// `E0105` if there is none.
    pub fn preset(name: &str) -> Result<Self> {
        let (base, form) = name.split_at(Self::chip(name).len());
        let unknown = || {
            Diagnostic::new(Code::UnknownName, format!("no resource preset is called `{name}`"))
                .expected(format!("a resource file, or one of {}", Self::names().join(", ")))
                .next("`naas list resources` prints their figures")
        };
        let &(_, pes, onchip_bytes, network, drain, offchip) =
            PRESETS.iter().find(|p| p.0 == base).ok_or_else(unknown)?;
        let [network, drain, offchip] = match form {
            "" => [network, drain, offchip],
            "@tight" => [network / 2, drain / 2, offchip / 2],
            "@wide" => [128, 64, 32],
            "@narrow" => [32, 16, 8],
            _ => return Err(unknown()),
        };
        Ok(Self {
            name: name.to_owned(),
            pes,
            onchip_bytes,
            network_bytes_per_cycle: network,
            drain_psums_per_cycle: drain,
            offchip_bytes_per_cycle: offchip,
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
        assert_eq!(of("shidiannao@wide").network_bytes_per_cycle, 128);
        assert_eq!(of("edgetpu@narrow").offchip_bytes_per_cycle, 8);
        assert!(Resources::preset("tpu").is_err() && Resources::preset("eyeriss@broad").is_err());
        assert!(Resources::names().iter().all(|n| Resources::preset(n).is_ok()));
        assert_eq!(Resources::chip("eyeriss@wide"), "eyeriss");
    }
}
