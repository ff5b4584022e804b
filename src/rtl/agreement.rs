//! Which elements of the control table are the same in every layer of a network, but for a power of two.
//!
//! Hardware of one network keeps such elements once: full and edge tiles that are alike, an extent that several engines step
//! through, a stride in words and the same one in bus beats. See `docs/decisions/0020-what-agrees-is-kept-once.md`.

use crate::rtl::descriptor::{self, Descriptor};
use std::collections::BTreeMap;

/// Fields narrower than this say how a layer runs; which of them happen to agree means nothing.
const NARROWEST: u32 = 7;

/// What a table may say anew without the hardware being emitted anew.
const OWN: [&str; 2] = ["hash", "predicted"];

/// How an element stands to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alike {
    /// The same for elements that are the same, times powers of two, in every layer.
    pub class: usize,
    /// Lowest bits that are zero in every layer.
    pub low: u32,
}

/// Of every element of the table that is not always zero, which others it agrees with.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Agreement(BTreeMap<u32, Alike>);

impl Agreement {
    /// What these layers, one or more, agree in.
    #[must_use]
    pub fn of(layers: &[&Descriptor]) -> Self {
        let mut classes = BTreeMap::new();
        let mut elements = BTreeMap::new();
        for (n, (field, at)) in descriptor::placed().enumerate() {
            for i in 0..field.count {
                let values: Vec<u64> = layers.iter().map(|l| l.values[n].1[i as usize]).collect();
                let some = values.iter().fold(0, |bits, v| bits | v);
                if field.width < NARROWEST || OWN.contains(&field.name) || some == 0 {
                    continue;
                }
                let low = some.trailing_zeros();
                let next = classes.len();
                let class = *classes
                    .entry(values.iter().map(|v| v >> low).collect::<Vec<_>>())
                    .or_insert(next);
                elements.insert(at + field.width * i, Alike { class, low });
            }
        }
        Self(elements)
    }

    /// Of the element that begins at this place of the table.
    #[must_use]
    pub fn get(&self, place: u32) -> Option<Alike> {
        self.0.get(&place).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtl::descriptor::FIELDS;

    #[test]
    fn multiples_agree() {
        let layer = |own: u64, multiple: u64, flag: u64| Descriptor {
            values: FIELDS
                .iter()
                .map(|f| {
                    let value = match f.name {
                        "pe_w_stride" => own,
                        "wl_job_stride" => multiple,
                        "accumulate" => flag,
                        _ => 0,
                    };
                    (f.name, vec![value; f.count as usize])
                })
                .collect(),
        };
        let [first, second] = [layer(3, 24, 1), layer(5, 40, 0)];
        let agreement = Agreement::of(&[&first, &second]);
        let of = |name: &str| agreement.get(descriptor::place(name).unwrap());
        assert_eq!(of("pe_w_stride"), Some(Alike { class: 0, low: 0 }));
        assert_eq!(of("wl_job_stride"), Some(Alike { class: 0, low: 3 }));
        assert_eq!((of("accumulate"), of("pe_o_stride")), (None, None));
        let third = layer(5, 48, 0);
        let agreement = Agreement::of(&[&first, &second, &third]);
        let of = |name: &str| agreement.get(descriptor::place(name).unwrap()).unwrap();
        assert_ne!(of("pe_w_stride").class, of("wl_job_stride").class);
    }
}
