//! Names that a user types: what a misspelt one was most likely meant to be.

/// The known name closest to `text`, if it is close enough to be what was meant.
#[must_use]
pub fn closest<'a>(text: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let text = text.to_lowercase();
    let (far, name) = names
        .into_iter()
        .map(|name| (distance(&text, &name.to_lowercase()), name))
        .min()?;
    (far <= (text.chars().count() / 3).clamp(1, 3)).then_some(name)
}

/// Insertions, deletions and replacements between two words (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[row.len() - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        let pairs = [("", "abc"), ("kitten", "sitting"), ("ab", "ba"), ("a", "a")];
        assert_eq!(pairs.map(|(a, b)| distance(a, b)), [3, 3, 2, 0]);
    }

    #[test]
    fn only_close_names_are_suggested() {
        let names = ["resnet8", "mobilenet_v2", "vgg16", "E0101"];
        let meant = |text| closest(text, names);
        assert_eq!(
            (meant("MobileNetV2"), meant("e101"), meant("resnet-8")),
            (Some(names[1]), Some("E0101"), Some("resnet8"))
        );
        assert_eq!((meant("bert"), meant(""), closest("x", [])), (None, None, None));
    }
}
