//! Markdown tables.

use crate::report::plots::quantile;

/// A row.
#[must_use]
pub fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// A head with its rule.
#[must_use]
pub fn head(titles: &[&str]) -> String {
    let titles: Vec<String> = titles.iter().map(|&t| t.to_owned()).collect();
    let rule: Vec<String> = titles.iter().map(|_| "---".to_owned()).collect();
    line(&titles) + &line(&rule)
}

/// A cell: the median of `values`, and their range.
#[must_use]
pub fn spread(values: &[f64]) -> String {
    let [low, median, high] = [0.0, 0.5, 1.0].map(|q| quantile(values, q));
    format!("{median:.2} ({low:.2}-{high:.2})")
}
