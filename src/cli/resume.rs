//! Long searches on the command line: a checkpoint after each generation, progress with the time that is left, and the end
//! of the time that was given.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::files;
use crate::cli::plan::Budget;
use crate::cli::progress::Progress;
use crate::cli::session::Session;
use crate::search::runner::{Checkpoint, Log};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Where the state of a search is kept.
#[derive(Debug)]
pub struct Keeper {
    file: Option<PathBuf>,
    search: Value,
    saved: AtomicBool,
}

impl Keeper {
    /// The keeper of the search that `search` describes (everything that its result depends on, but for the budget), and
    /// what it goes on from: the checkpoint `resume`, or nothing. New states go to `resume`, or beside `out`.
    ///
    /// # Errors
    /// Those of reading `resume`; `E0106` if it is of another search.
    pub fn open(resume: Option<&Path>, out: &Path, search: Value) -> Result<(Self, Log)> {
        let log = match resume {
            Some(file) => {
                let checkpoint: Checkpoint = files::read_json(file)?;
                checkpoint.resume(&search, &file.display().to_string())?
            }
            None => Log::default(),
        };
        let file = resume.map(Path::to_path_buf).or_else(|| beside(out));
        let saved = AtomicBool::new(resume.is_some());
        Ok((Self { file, search, saved }, log))
    }

    /// A keeper that keeps nothing.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            file: None,
            search: Value::Null,
            saved: AtomicBool::new(false),
        }
    }

    /// An error that ended the search; of an interruption, how to go on.
    #[must_use]
    pub fn explain(&self, e: Diagnostic) -> Diagnostic {
        match &self.file {
            Some(file) if e.code == Code::Interrupted && self.saved.load(Ordering::Relaxed) => {
                e.next(format!("the same command with `--resume {}` goes on", file.display()))
            }
            _ => e,
        }
    }

    /// Writes the state `log`.
    ///
    /// # Errors
    /// Those of writing.
    fn save(&self, log: &Log) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let checkpoint = Checkpoint::new(self.search.clone(), log.clone());
        files::write_atomic(file, checkpoint.to_json().as_bytes())?;
        self.saved.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// `x.json` is accompanied by `x.checkpoint.json`; a device or pipe by nothing.
fn beside(out: &Path) -> Option<PathBuf> {
    let special = out.metadata().is_ok_and(|m| !m.is_file() && !m.is_dir());
    (!special && !out.as_os_str().is_empty()).then(|| out.with_extension("checkpoint.json"))
}

/// What happens after each generation.
pub struct Watch<'a> {
    session: &'a Session,
    keeper: &'a Keeper,
    progress: Progress,
    budget: Budget,
    start: Instant,
    /// Evaluations that were there when this run began.
    before: Option<u64>,
}

impl<'a> Watch<'a> {
    /// The watch of a run that starts now, of the command `what`.
    #[must_use]
    pub fn start(session: &'a Session, what: &'static str, budget: Budget, keeper: &'a Keeper, resumed: &Log) -> Self {
        let before = (!resumed.generations.is_empty()).then(|| resumed.evaluations());
        Self {
            session,
            keeper,
            progress: Progress::start(session.output, what, budget.evaluations),
            budget,
            start: now(),
            before,
        }
    }

    /// Keeps the state, shows the best value so far; whether there is time left.
    ///
    /// # Errors
    /// Those of writing the checkpoint; `E0501`, after the state was kept.
    pub fn after(&mut self, log: &Log) -> Result<bool> {
        self.keeper.save(log)?;
        let (elapsed, done) = (self.start.elapsed(), log.evaluations());
        let left = self.left(elapsed, done - self.before.unwrap_or(0).min(done), done);
        self.progress.show(done, format!("best {:.4e}{left}", log.best()));
        self.session.interrupt.check()?;
        Ok(self
            .budget
            .seconds
            .is_none_or(|limit| elapsed < Duration::from_secs_f64(limit)))
    }

    /// The time until the budget is spent, in words: the shorter of both limits' times.
    fn left(&self, elapsed: Duration, here: u64, done: u64) -> String {
        let seconds = self.budget.seconds.map(|s| s - elapsed.as_secs_f64());
        let total = self.budget.evaluations.map(|e| e.saturating_sub(done));
        let pace = elapsed.as_secs_f64() / here.max(1) as f64;
        let work = total.map(|left| left as f64 * pace);
        match seconds.into_iter().chain(work).reduce(f64::min) {
            Some(left) => format!(", {} s left", left.max(0.0).ceil() as u64),
            None => String::new(),
        }
    }

    /// Seconds since the start.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }
}

/// The present time.
#[expect(
    clippy::disallowed_methods,
    reason = "steers only where the user asks for it with --seconds; otherwise printed"
)]
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_stand_beside_designs() {
        assert_eq!(beside(Path::new("a/d.json")), Some("a/d.checkpoint.json".into()));
        assert_eq!(beside(Path::new("/dev/null")), None);
    }
}
