//! `naas explain`: what is behind an error code.

use crate::base::diag::{Code, Diagnostic};
use crate::cli::args::ExplainArgs;
use crate::cli::output::wrap;
use crate::cli::session::Session;
use serde_json::json;

/// Prints the explanation of a code.
///
/// # Errors
/// [`Code::UnknownName`] if there is no such code.
pub fn run(args: &ExplainArgs, session: &Session) -> anyhow::Result<()> {
    let code = Code::parse(&args.code).ok_or_else(|| {
        let codes: Vec<&str> = Code::ALL.iter().map(|c| c.as_str()).collect();
        Diagnostic::new(Code::UnknownName, format!("there is no error code `{}`", args.code))
            .expected(format!("one of {}", codes.join(" ")))
    })?;
    let (name, status, explanation) = (code.as_str(), code.exit_status(), code.explanation());
    session.output.result(
        &json!({"code": name, "exit_status": status, "explanation": explanation}),
        &format!("{name} (exit status {status})\n\n{}", wrap(explanation)),
    )
}
