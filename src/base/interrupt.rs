//! A request to stop, handed down to loops that may run for long.
//!
//! There is no global: whoever starts a long computation owns the flag and passes it on; the command line raises it when
//! the user presses Ctrl-C.

use crate::base::diag::{Code, Diagnostic, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that is raised once and then stays raised; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Asks everybody who holds this flag to stop.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked to stop. Cheap enough to be polled for every candidate.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Fails once somebody asked to stop, so that a loop polls it with `?`.
    ///
    /// # Errors
    /// [`Code::Interrupted`] if the flag is raised.
    pub fn check(&self) -> Result<()> {
        if self.is_raised() {
            return Err(Diagnostic::new(Code::Interrupted, "interrupted").next("run the command again"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_the_flag() {
        let flag = Interrupt::default();
        let seen_by_loop = flag.clone();
        assert!(seen_by_loop.check().is_ok());
        flag.raise();
        let error = seen_by_loop.check().unwrap_err();
        assert_eq!((error.code, error.code.exit_status()), (Code::Interrupted, 130));
    }
}
