//! The rule against paths of one machine: a clone must work anywhere.

use crate::Violation;
use crate::lexer::line_of;

/// Absolute paths into somebody's machine.
pub fn machine_paths(text: &str) -> Vec<Violation> {
    // Written in halves, so that this file does not break its own rule.
    let starts = [
        ["/ho", "me/"],
        ["/ro", "ot/"],
        ["/wo", "rk/"],
        ["/Use", "rs/"],
        ["/tm", "p/"],
        ["C:\\Us", "ers"],
    ];
    let mut found = Vec::new();
    for start in starts.map(|halves| halves.concat()) {
        for (at, _) in text.match_indices(&start) {
            // Inside a longer path such as `docs/…` or `../…` it is a folder of that name, not the machine's.
            let inside = text[..at]
                .chars()
                .next_back()
                .is_some_and(|c| c.is_alphanumeric() || "._-/})".contains(c));
            if !inside {
                found.push(Violation::new(
                    line_of(text, at),
                    format!("`{start}` is a path of one machine"),
                ));
            }
        }
    }
    found
}

#[test]
fn bad_paths() {
    for bad in [["see /ho", "me/me/x"], ["\"/wo", "rk/naas\""], ["A=/tm", "p/x"]] {
        assert_eq!(machine_paths(&bad.concat()).len(), 1);
    }
    for good in ["a/home/b", "../work/x", "/usr/bin/env", "$(CURDIR)/tmp/x"] {
        assert_eq!(machine_paths(good), [], "{good}");
    }
}
