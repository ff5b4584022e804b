//! What the common options mean to a command: where output goes, the seed, the threads, the stop flag.

use crate::base::interrupt::Interrupt;
use crate::cli::args::Common;
use crate::cli::output::Output;
use anyhow::Context;
use std::num::NonZeroUsize;

/// One run of one command.
#[derive(Debug)]
pub struct Session {
    /// Where results and messages go.
    pub output: Output,
    /// Seed of all randomness.
    pub seed: u64,
    /// Raised by Ctrl-C once [`Session::catch_interrupts`] was called; loops poll it.
    pub interrupt: Interrupt,
    threads: Option<NonZeroUsize>,
}

impl Session {
    /// The session that the common options ask for.
    #[must_use]
    pub fn new(common: &Common) -> Self {
        Self {
            output: Output {
                json: common.json,
                quiet: common.quiet,
            },
            seed: common.seed,
            interrupt: Interrupt::default(),
            threads: common.threads,
        }
    }

    /// From now on the first Ctrl-C (or request to terminate) raises the flag, and a second one ends the process at once.
    ///
    /// For commands that poll the flag: without this call Ctrl-C ends the process, which suits short commands.
    ///
    /// # Errors
    /// If the system refuses the handler.
    pub fn catch_interrupts(&self) -> anyhow::Result<()> {
        let flag = self.interrupt.clone();
        let handler = move || {
            if flag.is_raised() {
                // The user asked twice: whatever runs does not poll the flag.
                std::process::exit(130);
            }
            flag.raise();
        };
        ctrlc::set_handler(handler).context("cannot handle Ctrl-C")
    }

    /// Runs `work` with the threads that the user asked for.
    ///
    /// # Errors
    /// If the threads cannot be started, or what `work` returns.
    pub fn with_threads<T: Send>(&self, work: impl FnOnce() -> anyhow::Result<T> + Send) -> anyhow::Result<T> {
        let threads = self.threads.map_or(0, NonZeroUsize::get); // zero means all cores to rayon
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .context("cannot start the threads")?;
        pool.install(work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_what_was_asked_for() {
        let common = Common {
            json: false,
            seed: 3,
            threads: NonZeroUsize::new(2),
            quiet: true,
        };
        let session = Session::new(&common);
        assert_eq!(
            (
                session.seed,
                session.with_threads(|| Ok(rayon::current_num_threads())).unwrap()
            ),
            (3, 2)
        );
    }
}
