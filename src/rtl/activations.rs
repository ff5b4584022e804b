//! The activation tensors of a run: which lie in one place because one layer writes what others read, which are written into
//! a concatenated tensor, and which the host provides.

use crate::rtl::layout::Blocked;
use crate::rtl::memory;
use crate::rtl::program::{LayerRun, Segment, Sharing, stored_input};
use crate::workload::concat::Part;
use std::collections::BTreeMap;

/// Alignment of everything in memory; bursts never cross such a boundary within one of their 16-beat blocks.
pub(super) const ALIGN: u64 = 4096;

/// A tensor's memory and a place within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Position among the tensors that memory is given to.
    pub tensor: usize,
    /// Bytes from its start.
    pub offset: u64,
}

/// The activation tensors of a run.
pub(super) struct Activations<'a> {
    lives: Vec<memory::Tensor>,
    /// Per layer the places of its input, second operand (or its input again) and output.
    pub layers: Vec<[Place; 3]>,
    /// What the host provides: tensor, layout, content.
    provided: Vec<(usize, Blocked, &'a [i8])>,
    /// Layers that read what an earlier one wrote in another layout.
    pub rearranged: Vec<String>,
    /// Where each tensor lies that is there, in the layouts in which it can be read.
    known: BTreeMap<(usize, Blocked), Place>,
    /// Concatenated tensors that their parts' writers write whole.
    wholes: BTreeMap<usize, Blocked>,
}

impl<'a> Activations<'a> {
    /// Follows the layers in their order. A layer reads what an earlier one wrote if both see it in one layout; everything
    /// else is the host's.
    pub fn new(layers: &[LayerRun<'a>], bus: u64) -> Self {
        let mut all = Self {
            lives: Vec::new(),
            layers: Vec::new(),
            provided: Vec::new(),
            rearranged: Vec::new(),
            known: BTreeMap::new(),
            wholes: wholes(layers, bus as u32),
        };
        for (i, layer) in layers.iter().enumerate() {
            let s = &layer.schedule;
            let layout = Blocked::input(&s.nest, stored_input(&layer.shape, s), bus as u32).unrolled();
            let operands = if layer.second.is_some() { 2 } else { 1 };
            let (first, rest) = layer.input.1.split_at(layer.input.1.len() / operands);
            let of_whole = |l: &LayerRun, tensor| l.parts[2].is_some_and(|part| part.whole == tensor);
            let written = |tensor| layers[..i].iter().any(|l| l.output.0 == tensor || of_whole(l, tensor));
            let [of_input, of_second, _] = layer.parts;
            let mut read = |tensor: usize, part: Option<Part>, values: &'a [i8]| {
                let place = all.find((tensor, layout), part).unwrap_or_else(|| {
                    if written(tensor) {
                        all.rearranged.push(layer.name.clone());
                    }
                    all.provide((tensor, layout), values)
                });
                all.lives[place.tensor].last = i;
                place
            };
            let input = read(layer.input.0, of_input, first);
            let second = layer.second.map_or(input, |tensor| read(tensor, of_second, rest));
            let output = all.write(i, layer, Blocked::output(&s.nest, bus as u32).unrolled());
            all.layers.push([input, second, output]);
        }
        all
    }

    /// Where a tensor can be read in this layout, by itself or within a concatenated one.
    fn find(&self, (tensor, layout): (usize, Blocked), part: Option<Part>) -> Option<Place> {
        if let Some(&place) = self.known.get(&(tensor, layout)) {
            return Some(place);
        }
        let part = part?;
        let whole = self.wholes.get(&part.whole)?;
        let fits = layout
            == Blocked {
                channels: layout.channels,
                ..*whole
            }
            && part.channel.is_multiple_of(whole.block);
        let place = self.known.get(&(part.whole, *whole)).filter(|_| fits)?;
        Some(Place {
            offset: place.offset + offset(whole, &part),
            ..*place
        })
    }

    /// Memory for a tensor of the host's.
    fn provide(&mut self, key: (usize, Blocked), values: &'a [i8]) -> Place {
        self.provided.push((self.lives.len(), key.1, values));
        self.allocate(key, 0)
    }

    /// Memory for what layer `i` writes. Until a layer reads it, it is a result.
    fn write(&mut self, i: usize, layer: &LayerRun, layout: Blocked) -> Place {
        let within = layer.parts[2].and_then(|part| Some((part, *self.wholes.get(&part.whole)?)));
        let Some((part, whole)) = within else {
            return self.allocate((layer.output.0, layout), i);
        };
        let key = (part.whole, whole);
        let start = match self.known.get(&key) {
            Some(&place) => place,
            None => self.allocate(key, i),
        };
        self.lives[start.tensor].last = usize::MAX;
        Place {
            offset: offset(&whole, &part),
            ..start
        }
    }

    fn allocate(&mut self, key: (usize, Blocked), first: usize) -> Place {
        let place = Place {
            tensor: self.lives.len(),
            offset: 0,
        };
        self.known.insert(key, place);
        self.lives.push(memory::Tensor {
            bytes: key.1.bytes(),
            first,
            last: usize::MAX,
        });
        place
    }

    /// Whether no layer reads what lies there.
    pub fn is_result(&self, place: Place) -> bool {
        self.lives[place.tensor].last == usize::MAX
    }

    /// Where the tensors lie, from the first on.
    pub fn places(&self, sharing: Sharing) -> memory::Places {
        let always = |tensor: &memory::Tensor| memory::Tensor {
            first: 0,
            last: usize::MAX,
            ..*tensor
        };
        match sharing {
            Sharing::Shared => memory::place(&self.lives, ALIGN),
            Sharing::Kept => memory::place(&self.lives.iter().map(always).collect::<Vec<_>>(), ALIGN),
        }
    }

    /// The pieces of the memory image that the host provides.
    pub fn segments(&self, base: u64, offsets: &[u64]) -> Vec<Segment> {
        let segment = |(i, &(tensor, layout, values)): (usize, &(usize, Blocked, &[i8]))| Segment {
            name: format!("input_{i}"),
            address: base + offsets[tensor],
            bytes: layout.pack(values),
        };
        self.provided.iter().enumerate().map(segment).collect()
    }
}

/// Bytes from the start of a concatenated tensor to one of its parts.
const fn offset(whole: &Blocked, part: &Part) -> u64 {
    part.channel as u64 / whole.block as u64 * whole.plane() * whole.block as u64
}

/// Concatenated tensors that lie whole: the parts that layers write follow each other without a gap, each at the start of a
/// block of channels, in maps of one size.
fn wholes(layers: &[LayerRun], block: u32) -> BTreeMap<usize, Blocked> {
    let mut parts: BTreeMap<usize, Vec<(Part, Blocked)>> = BTreeMap::new();
    for layer in layers {
        if let [_, _, Some(part)] = layer.parts {
            let layout = Blocked::output(&layer.schedule.nest, block).unrolled();
            parts.entry(part.whole).or_default().push((part, layout));
        }
    }
    let whole = |(tensor, mut parts): (usize, Vec<(Part, Blocked)>)| {
        parts.sort_by_key(|(part, _)| part.channel);
        let (first, layout) = *parts.first()?;
        let mut next = 0;
        for (part, of_part) in &parts {
            let same = *of_part
                == Blocked {
                    channels: of_part.channels,
                    ..layout
                };
            if !same || part.channel != next || !next.is_multiple_of(block) || (layout.images, layout.groups) != (1, 1)
            {
                return None;
            }
            next += of_part.channels;
        }
        let channels = first.channels;
        (next == channels).then_some((tensor, Blocked { channels, ..layout }))
    };
    parts.into_iter().filter_map(whole).collect()
}
