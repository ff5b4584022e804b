//! Ctrl-C raises the flag that long loops poll. Alone in its file: a handler belongs to the whole process.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use naas::base::diag::Code;
use naas::cli::args::Common;
use naas::cli::session::Session;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

#[test]
fn the_first_signal_raises_the_flag() {
    let session = Session::new(&Common {
        json: false,
        seed: 1,
        threads: None,
        quiet: true,
    });
    session.catch_interrupts().unwrap();
    assert!(session.interrupt.check().is_ok());
    let own = std::process::id().to_string();
    assert!(Command::new("kill").args(["-INT", &own]).status().unwrap().success());
    for _ in 0..1000 {
        if session.interrupt.is_raised() {
            break;
        }
        sleep(Duration::from_millis(10));
    }
    assert_eq!(session.interrupt.check().unwrap_err().code, Code::Interrupted);
}
