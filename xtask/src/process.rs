//! Starting other programs from the workspace root.
//!
//! Nothing here interprets what a program prints; it only runs it, says so, and keeps the
//! difference between "it failed" (`Ok(false)`) and "it could not be started" (`Err`).

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The workspace root, from where every program is started.
pub(crate) fn root() -> Result<PathBuf> {
    let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR")
        .context("CARGO_MANIFEST_DIR is not set; start tasks as `cargo xtask VERB`")?;
    let mut root = PathBuf::from(manifest_dir);
    root.pop();
    Ok(root)
}

/// `cargo ARGS`, the very cargo that runs this task.
pub(crate) fn cargo<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Result<Command> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(args).current_dir(root()?);
    Ok(command)
}

/// Another program.
pub(crate) fn program(program: &Path) -> Result<Command> {
    let mut command = Command::new(program);
    command.current_dir(root()?);
    Ok(command)
}

/// Runs a command whose output goes where ours goes, and answers whether it succeeded.
pub(crate) fn run(command: &mut Command) -> Result<bool> {
    announce(command);
    let status = command.status().with_context(|| format!("cannot start {}", shown(command)))?;
    Ok(status.success())
}

/// Runs a command silently and returns its standard output; a failure carries its own words.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{} failed:\n{}", shown(command), said.trim_end());
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("{} printed text that is not UTF-8", shown(command)))
}

/// Says on standard error what is about to run.
pub(crate) fn announce(command: &Command) {
    eprintln!("$ {}", shown(command));
}

/// A command as a person would type it; the program without its folder.
fn shown(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    std::iter::once(name)
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}
