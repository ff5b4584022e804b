//! Progress on stderr: a bar where stderr is a terminal, nothing elsewhere or with `--quiet`.

use crate::cli::output::Output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar of known length, or a spinner; it vanishes when dropped, so that results stand alone.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// Starts a bar that counts to `total`, or a spinner where the end is not known.
    #[must_use]
    pub fn start(output: Output, what: &'static str, total: Option<u64>) -> Self {
        let target = if output.quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let template = if total.is_some() {
            "{prefix} [{bar:30}] {pos}/{len} {elapsed} {msg}"
        } else {
            "{prefix} {spinner} {pos} {elapsed} {msg}"
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(total, target)
            .with_style(style.progress_chars("=> "))
            .with_prefix(what);
        Self(bar)
    }

    /// Shows how much is done, with a word on how it goes.
    pub fn show(&self, done: u64, message: String) {
        self.0.set_position(done);
        self.0.set_message(message);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_valid_and_quiet_is_hidden() {
        let quiet = Output {
            json: false,
            quiet: true,
        };
        for total in [None, Some(3)] {
            let progress = Progress::start(quiet, "search", total);
            progress.show(2, "best 1.0".into());
            assert_eq!(
                (progress.0.is_hidden(), progress.0.position(), progress.0.length()),
                (true, 2, total)
            );
        }
    }
}
