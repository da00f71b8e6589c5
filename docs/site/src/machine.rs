//! The machine in the page, which the package `simulator` builds beside the pages of the site.

use std::env;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use crate::place::MACHINE;

/// Puts it into the folder of a site.
pub(crate) fn put(repository: &Path, site: &Path) -> anyhow::Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let folder = std::path::absolute(site.join(MACHINE))?;
    let output = Command::new(cargo)
        .current_dir(repository)
        .args(["page"])
        .arg(&folder)
        .output()
        .context("cargo does not start")?;
    ensure!(
        output.status.success(),
        "cargo page {}: {}\n{}",
        folder.display(),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
