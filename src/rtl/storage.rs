//! What of a descriptor a design keeps in registers.
//!
//! The control table has one format for all designs, with room for any of them. A design keeps of it only what its layers can
//! differ in: a count is no wider than its layers need, or the memories that bound it, a field that this array has no use for is
//! a constant, and one that follows from another, or agrees with it in all layers, is wired to it. A layer that does not fit is
//! refused by the compiler by name. The hardware compares bits with a constant as they arrive, among them a digest of what
//! its network's layers agree in, and refuses a table that differs with its foreign-table flag. Nothing is ever cut short.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::dims::Dim;
use crate::mapping::schedule::{LOOP_G, LOOP_N, OFFCHIP_LOOPS, Operand, relevance};
use crate::rtl::agreement::Agreement;
use crate::rtl::descriptor::{self, Descriptor, Field};
use crate::rtl::hardware::Hardware;
use crate::rtl::limits::{ADDRESSES, Limits, bit_length, side};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Where the engines get one bit of the control table from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A register of its own.
    Stored,
    /// Every layer of this design has this value; another is refused.
    Constant(bool),
    /// The bit at this place of the table always has the same value.
    Same(u32),
    /// The bit at this place of the table always has the other value.
    Inverse(u32),
    /// Nowhere: no engine reads it, whatever it is.
    Unused,
}

/// The sources of all bits of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    sources: Vec<Source>,
}

impl Storage {
    /// What `hw` stores of descriptors with this design hash.
    #[must_use]
    pub fn of(hw: &Hardware, hash: u64) -> Self {
        let limits = Limits::of(hw);
        let mut storage = Self {
            sources: vec![Source::Stored; descriptor::bytes() as usize * 8],
        };
        for (f, at) in descriptor::placed() {
            for i in 0..f.count {
                let bits = limits.largest(f.name, i as usize).map_or(f.width, bit_length);
                let read = limits.read(f.name, i as usize);
                for b in 0..f.width {
                    let bit = Bit {
                        field: &f,
                        at,
                        element: i as usize,
                        index: b,
                        bits,
                        read,
                    };
                    storage.sources[(at + i * f.width + b) as usize] = bit.source(&limits, hash);
                }
            }
        }
        storage.share(&limits.bounds.agreement);
        if let (Some(place), Some(_)) = (descriptor::place("kept"), &limits.bounds.most) {
            let digest = storage.digest();
            for b in 0..32 {
                storage.sources[(place + b) as usize] = Source::Constant(digest >> b & 1 == 1);
            }
        }
        storage
    }

    /// Keeps of elements that agree the first one that has registers, of each element no zeros that all layers end with.
    fn share(&mut self, agreement: &Agreement) {
        let mut first: BTreeMap<(bool, usize), (u32, u32)> = BTreeMap::new();
        for (f, at) in descriptor::placed() {
            for at in (at..at + f.width * f.count).step_by(f.width as usize) {
                let Some(alike) = agreement.get(at).filter(|_| self.source(at) == Source::Stored) else {
                    continue;
                };
                // Addresses wrap: of them not all bits are kept.
                let entry = (ADDRESSES.contains(&f.name), alike.class);
                let (other, its_low) = *first.entry(entry).or_insert((at, alike.low));
                for b in 0..f.width {
                    let same = (other + its_low + b).checked_sub(alike.low);
                    let source = match (self.source(at + b), same) {
                        (Source::Stored, _) if b < alike.low => Source::Constant(false),
                        (Source::Stored, Some(same)) if other != at && self.source(same) == Source::Stored => {
                            Source::Same(same)
                        }
                        (as_it_is, _) => as_it_is,
                    };
                    self.sources[(at + b) as usize] = source;
                }
            }
        }
    }

    /// Tells apart designs that keep different things of their tables: 32 bits.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let sources = self
            .fields()
            .filter(|(f, ..)| !["hash", "kept"].contains(&f.name))
            .map(|(.., source)| match source {
                Source::Stored => [0, 0],
                Source::Constant(value) => [1, value.into()],
                Source::Same(other) => [2, other],
                Source::Inverse(other) => [3, other],
                Source::Unused => [4, 0],
            });
        // Fowler, Noll, Vo: FNV-1a of 32 bits.
        let digest = sources
            .flatten()
            .flat_map(u32::to_le_bytes)
            .fold(0x811c_9dc5_u32, |sum, byte| {
                (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193)
            });
        digest.into()
    }

    /// The source of a bit of the table.
    #[must_use]
    pub fn source(&self, at: u32) -> Source {
        self.sources[at as usize]
    }

    /// Bits kept in registers.
    #[must_use]
    pub fn stored(&self) -> usize {
        self.fields().filter(|&(_, _, source)| source == Source::Stored).count()
    }

    /// Every bit of every field, with its place and source.
    pub fn fields(&self) -> impl Iterator<Item = (Field, u32, Source)> + '_ {
        descriptor::placed()
            .flat_map(move |(f, at)| (at..at + f.width * f.count).map(move |place| (f, place, self.source(place))))
    }

    /// Checks that a layer's descriptor can be told from what the design keeps of it.
    ///
    /// # Errors
    /// `E0203` with the first field that does not fit.
    pub fn check(&self, layer: &Descriptor) -> Result<()> {
        let table = layer.encode()?;
        let bit = |at: u32| table[at as usize / 8] >> (at % 8) & 1 == 1;
        for (f, at, source) in self.fields() {
            let fits = match source {
                Source::Stored | Source::Unused => true,
                Source::Constant(value) => bit(at) == value,
                Source::Same(other) => bit(at) == bit(other),
                Source::Inverse(other) => bit(at) != bit(other),
            };
            if !fits {
                return Err(Diagnostic::new(
                    Code::IllegalMapping,
                    format!(
                        "{} is {:?}, which this design has no registers for",
                        f.name,
                        layer.get(f.name)
                    ),
                )
                .next("generate the hardware for this network's design anew"));
            }
        }
        Ok(())
    }
}

/// One bit of a field.
struct Bit<'a> {
    field: &'a Field,
    /// Where the field begins.
    at: u32,
    element: usize,
    index: u32,
    /// Bits that values of this element come to.
    bits: u32,
    /// Whether an engine can come to read it.
    read: bool,
}

impl Bit<'_> {
    fn source(&self, limits: &Limits, hash: u64) -> Source {
        let (name, i) = (self.field.name, self.element);
        let alone = |d: Dim| limits.parallel[d] == 1;
        if !self.read {
            return Source::Unused;
        }
        match name {
            "hash" => Source::Constant(hash >> (32 * i as u32 + self.index) & 1 == 1),
            "inner" => self.nesting(rank),
            "pe_inner" => self.nesting(|_| 0),
            "w_relevant" => self.relevant(Operand::W),
            "i_relevant" => self.relevant(Operand::I),
            "p_relevant" => self.relevant(Operand::P),
            "o_relevant" => self.relevant(Operand::O),
            "split" if limits.shared[Dim::ALL[i]] == 1 => Source::Constant(self.index == 0),
            "i_unit" if !limits.c_shares => Source::Constant(self.index == 0),
            "wl_local_stride" => self.same("pe_w_stride", i),
            // Both engines of a level-2 memory step alike, one in words, the other in bus beats.
            "wr_l2_stride" => self.same("dr_job_stride", i),
            "rd_w_l2_stride" => self.multiple("wl_job_stride", i, limits.beats[0]),
            "rd_i_l2_stride" => self.multiple("il_job_stride", i, limits.beats[1]),
            // Equally wide memories and networks deal channels out alike.
            "rd_w_words_last" if limits.beats[0] == 1 => self.same("wr_blocks_last", i),
            "rd_p_words_last" if limits.beats[2] == 1 => self.same("wr_blocks_last", i),
            "dr_groups_last" if limits.lanes[2] == limits.lanes[0] => self.same("wl_groups_last", i),
            "dr_tail" if limits.lanes[2] == limits.lanes[0] => self.same("wl_tail", i),
            // Without positions along it, a dimension's tile is every PE's share.
            "wl_r_last" if alone(Dim::R) => self.same("share_last", 12 + i),
            "wl_s_last" if alone(Dim::S) => self.same("share_last", 15 + i),
            "dr_y_last" if alone(Dim::Y) => self.same("share_last", 6 + i),
            "dr_x_last" if alone(Dim::X) => self.same("share_last", 9 + i),
            "whole" if alone(side(i)) => Source::Constant(self.index == 0),
            "extra" | "step" if alone(side(i)) => Source::Constant(false),
            "share_reach" if alone(side(i)) => self.same("reach", i),
            "highest" if self.index >= [limits.bounds.address, limits.bounds.position][i.min(1)] => {
                Source::Constant(false)
            }
            "highest" | "kept" => Source::Unused,
            // Addresses wrap, and none that a layer comes to is beyond its reach.
            _ if ADDRESSES.contains(&name) && self.index >= limits.bounds.address => Source::Unused,
            _ if self.index >= self.bits => Source::Constant(false),
            _ => Source::Stored,
        }
    }

    /// The same bit of element `i` of another field.
    fn same(&self, other: &str, i: usize) -> Source {
        descriptor::placed()
            .find(|(f, _)| f.name == other)
            .map_or(Source::Stored, |(f, at)| {
                Source::Same(at + f.width * i as u32 + self.index)
            })
    }

    /// This bit of element `i` of another field times a power of two.
    fn multiple(&self, other: &str, i: usize, times: u64) -> Source {
        let shift = times.trailing_zeros();
        let Some(index) = self.index.checked_sub(shift) else {
            return Source::Constant(false);
        };
        Bit { index, ..*self }.same(other, i)
    }

    /// Whether a loop lies inside another one: of each pair that mappings order, one bit tells both.
    fn nesting(&self, rank: impl Fn(usize) -> u32) -> Source {
        let (outer, inner) = (self.element, self.index as usize);
        match rank(outer).cmp(&rank(inner)) {
            _ if outer == inner => Source::Constant(false),
            Ordering::Less => Source::Constant(true),
            Ordering::Greater => Source::Constant(false),
            Ordering::Equal if outer < inner => Source::Stored,
            Ordering::Equal => Source::Inverse(self.at + self.field.width * inner as u32 + outer as u32),
        }
    }

    /// Whether a loop indexes an operand: only for the two channel dimensions this depends on the layer's kind.
    fn relevant(&self, operand: Operand) -> Source {
        let [usual, depthwise] = [false, true].map(|kind| relevance(kind)[operand as usize] >> self.index & 1 == 1);
        match (descriptor::place("depthwise"), depthwise) {
            (Some(at), true) if !usual => Source::Same(at),
            (Some(at), false) if usual => Source::Inverse(at),
            _ => Source::Constant(usual),
        }
    }
}

/// Loops of one rank are nested as the mapping says, those of a lower one enclose them: groups, batch, off-chip outputs,
/// off-chip sums, level 2.
fn rank(l: usize) -> u32 {
    match l {
        LOOP_G => 0,
        LOOP_N => 1,
        l if l >= OFFCHIP_LOOPS => 4,
        l if Dim::REDUCTION.contains(&Dim::ALL[l - 2]) => 3,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng;
    use crate::mapping::random::{Limits as Sizes, random_triple};
    use crate::rtl::compile::{Placement, descriptor as compile};
    use crate::rtl::hardware::Features;
    use crate::workload::quant::LayerPost;

    /// Accelerators of random triples have hardly more memory than their layer needs, so every bound is met somewhere.
    #[test]
    fn legal_layers_fit() {
        for i in 0..2000 {
            let t = random_triple(&mut rng::stream(17, &[i]), &Sizes::default());
            let s = t.schedule();
            let post = LayerPost {
                channels: Vec::new(),
                zero_point: -1,
                lo: -128,
                hi: 127,
                input_zero_point: 2,
            };
            let at = Placement {
                input: 3,
                output: 4,
                weights: 5,
                params: 6,
                second: 3,
                highest: 9,
                stored: s.nest.input,
            };
            let layer = compile(&s, &at, &post, 7, 1 << 33);
            let own = Hardware::for_layers(&t.accelerator, Features::FULL, [&layer]);
            let checked = |hw: &Hardware, layer: Descriptor| {
                let storage = Storage::of(hw, 7);
                storage.check(&layer.with("kept", storage.digest()))
            };
            for hw in [&Hardware::new(&t.accelerator), &own] {
                checked(hw, layer.clone()).unwrap_or_else(|e| {
                    panic!("seed 17, triple {i}: {e}\n{t:?}");
                });
            }
            // A table for other hardware.
            assert!(Storage::of(&own, 7).check(&layer).is_err(), "seed 17, triple {i}");
            // Sums in level 2 that has none, on hardware for any network.
            if !t.accelerator.l2.sums {
                let sums = checked(&Hardware::new(&t.accelerator), layer.clone().with("accumulate", 1));
                assert_eq!(sums.unwrap_err().code, Code::IllegalMapping, "seed 17, triple {i}");
            }
            // One bit more than the layer has.
            let mut larger = layer;
            let pitch = larger.values.iter_mut().find(|(name, _)| *name == "il_pitch").unwrap();
            pitch.1[0] = (pitch.1[0] + 1).next_power_of_two().min(1 << 15);
            let refused = checked(&own, larger);
            assert_eq!(refused.unwrap_err().code, Code::IllegalMapping, "seed 17, triple {i}");
        }
    }
}
