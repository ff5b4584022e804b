//! The only place that writes to stdout and stderr: results as text or as one JSON document, messages, errors.

use crate::base::diag::Diagnostic;
use anyhow::Context;
use serde::Serialize;
use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

/// Width of running text.
const COLUMNS: usize = 100;

/// Where results and messages of a command go.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// Results are one JSON document instead of text.
    pub json: bool,
    /// No messages, no progress.
    pub quiet: bool,
}

impl Output {
    /// Prints the result: `document` with `--json`, otherwise `text`. To be called once.
    ///
    /// # Errors
    /// If stdout cannot be written to; a reader that closed its end early (`| head`) is none.
    pub fn result(&self, document: &impl Serialize, text: &impl fmt::Display) -> anyhow::Result<()> {
        let text = if self.json {
            serde_json::to_string_pretty(document)?
        } else {
            text.to_string()
        };
        match writeln!(io::stdout().lock(), "{}", text.trim_end()) {
            Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(e).context("cannot write to stdout"),
            _ => Ok(()),
        }
    }

    /// Tells the user something on stderr that is no result.
    pub fn note(&self, text: impl fmt::Display) {
        if !self.quiet {
            say(&text);
        }
    }
}

/// Writes a line to stderr. A closed stderr cannot be complained about.
fn say(text: &impl fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Prints an error and returns its exit status.
#[must_use]
pub fn fail(error: &anyhow::Error) -> ExitCode {
    if let Some(diagnostic) = error.downcast_ref::<Diagnostic>() {
        say(diagnostic);
        return ExitCode::from(diagnostic.code.exit_status());
    }
    // No diagnostic: something that a user cannot be expected to cause, so the whole chain is worth reading.
    say(&format!("error: {error:#}"));
    ExitCode::from(2)
}

/// Prints the parser's answer (help, version or a usage error) and returns its exit status.
#[must_use]
pub fn usage(answer: &clap::Error) -> ExitCode {
    let _ = answer.print();
    if answer.use_stderr() {
        ExitCode::from(2)
    } else {
        ExitCode::SUCCESS
    }
}

/// How a column's cells are aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Text in aligned columns.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these column titles.
    #[must_use]
    pub fn new(columns: &[(&str, Align)]) -> Self {
        Self {
            columns: columns
                .iter()
                .map(|&(title, align)| (title.to_string(), align))
                .collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; cells that are missing stay empty.
    pub fn row<T: ToString>(&mut self, cells: impl IntoIterator<Item = T>) {
        let mut row: Vec<String> = cells.into_iter().map(|c| c.to_string()).collect();
        row.resize(self.columns.len(), String::new());
        self.rows.push(row);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let titles: Vec<String> = self.columns.iter().map(|(title, _)| title.clone()).collect();
        let lines = || std::iter::once(&titles).chain(&self.rows);
        let width = |i: usize| lines().map(|row| row[i].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..titles.len()).map(width).collect();
        for row in lines() {
            let mut line = String::new();
            for ((cell, &width), (_, align)) in row.iter().zip(&widths).zip(&self.columns) {
                line += &match align {
                    Align::Left => format!("{cell:<width$}  "),
                    Align::Right => format!("{cell:>width$}  "),
                };
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Breaks running text into lines of at most 100 columns.
#[must_use]
pub fn wrap(text: &str) -> String {
    let (mut out, mut column) = (String::new(), 0);
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > COLUMNS {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_align() {
        let mut table = Table::new(&[("layer", Align::Left), ("cycles", Align::Right), ("note", Align::Left)]);
        table.row(["c1", "7", ""]);
        table.row(["größer", "1234567"]);
        assert_eq!(
            table.to_string(),
            "layer    cycles  note\nc1            7\ngrößer  1234567\n"
        );
    }

    #[test]
    fn text_wraps_at_words() {
        let wrapped = wrap(&"word ".repeat(40));
        assert_eq!(wrapped.lines().map(str::len).collect::<Vec<_>>(), [99, 99]);
        assert_eq!(wrap("  a\n b "), "a b");
    }
}
