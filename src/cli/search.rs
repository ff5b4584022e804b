//! `naas search`: an accelerator within given resources together with the mappings of networks.

use crate::cli::args::SearchArgs;
use crate::cli::session::Session;
use crate::search::design::Design;

/// Stub.
///
/// # Errors
/// Always.
pub fn run(_args: &SearchArgs, _session: &Session) -> anyhow::Result<()> {
    anyhow::bail!("not yet")
}

/// Stub.
///
/// # Errors
/// Always.
pub fn with_defaults(_network: &str, _resources: &str, _session: &Session) -> anyhow::Result<Design> {
    anyhow::bail!("not yet")
}
