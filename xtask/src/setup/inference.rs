//! The inference server that tests ask: llama.cpp's, from a Python wheel, with a tiny model of
//! random weights that is written here.
//!
//! Everything lies in `target/tools/inference`: a Python environment, the model, and last a stamp
//! that says what made them, so that the next call has nothing to do and an installation that was
//! cut short is none. Tests find it by the names `installed`, `model.gguf` and `python/bin/python`.
//! Nothing is compiled and no weights are fetched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

/// The server with nothing that it would need beside it. Needs Python 3.10 or later.
const WHEEL: &str = "xllamacpp==2026.10.11549";

/// The script that writes the model. It needs no package, and its output depends on it alone.
const MODEL: &str = include_str!("../../inference/model.py");

/// Options of pip: quiet, nothing compiled, no long wait where there is no network.
const PIP: [&str; 9] = [
    "install",
    "--quiet",
    "--disable-pip-version-check",
    "--no-input",
    "--no-deps",
    "--only-binary=:all:",
    "--retries=1",
    "--timeout=20",
    WHEEL,
];

/// Makes the server ready below `tools`. A failure says what could not be done.
pub(super) fn ensure(tools: &Path) -> Result<()> {
    let home = tools.join("inference");
    let [python, model, stamp] = ["python", "model.gguf", "installed"].map(|name| home.join(name));
    let expected = format!("{WHEEL}\n{MODEL}");
    let installed = fs::read_to_string(&stamp).is_ok_and(|found| found == expected);
    // The interpreter is a link to the system's, which may be gone.
    if installed && interpreter(&python).exists() && model.exists() {
        return Ok(());
    }
    if home.exists() {
        fs::remove_dir_all(&home).context("cannot remove the inference server of before")?;
    }
    fs::create_dir_all(&home).context("cannot make the folder of the inference server")?;
    let python = environment(&python)?;
    held(process::program(&python)?.args(["-c", "import xllamacpp"]))?;
    let script = process::root()?.join("xtask").join("inference").join("model.py");
    held(process::program(&python)?.arg(script).arg(model))?;
    fs::write(&stamp, expected).context("cannot write the stamp of the inference server")
}

/// Makes a Python environment with the server in it and returns its interpreter.
///
/// Some systems ship Python without the pip that new environments get; there the system's own
/// pip puts the wheel into an environment that has none.
fn environment(folder: &Path) -> Result<PathBuf> {
    let system = Path::new("python3");
    let python = interpreter(folder);
    let mut create = process::program(system)?;
    if process::run(create.args(["-m", "venv"]).arg(folder))? {
        held(process::program(&python)?.args(["-m", "pip"]).args(PIP))?;
        return Ok(python);
    }
    held(process::program(system)?.args(["-m", "venv", "--clear", "--without-pip"]).arg(folder))?;
    let packages = "import sysconfig; print(sysconfig.get_path('platlib'))";
    let packages = process::output(process::program(&python)?.args(["-c", packages]))?;
    let pip = ["-m", "pip"].into_iter().chain(PIP);
    held(process::program(system)?.args(pip).arg("--target").arg(packages.trim()))?;
    Ok(python)
}

fn interpreter(environment: &Path) -> PathBuf {
    environment.join("bin").join("python")
}

/// Runs a command that must succeed.
fn held(command: &mut Command) -> Result<()> {
    if !process::run(command)? {
        bail!("the command above failed");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever looks installed is left alone: what `ensure` would start is not even looked for.
    #[test]
    fn what_is_installed_is_not_installed_again() {
        let tools = tempfile::tempdir().unwrap();
        let home = tools.path().join("inference");
        let python = interpreter(&home.join("python"));
        fs::create_dir_all(python.parent().unwrap()).unwrap();
        for (file, text) in [
            (python, "not an interpreter".to_owned()),
            (home.join("model.gguf"), "not a model".to_owned()),
            (home.join("installed"), format!("{WHEEL}\n{MODEL}")),
        ] {
            fs::write(file, text).unwrap();
        }
        ensure(tools.path()).unwrap();
        assert_eq!(fs::read_to_string(home.join("model.gguf")).unwrap(), "not a model");
    }

    #[test]
    fn the_wheel_has_one_version() {
        assert!(WHEEL.split_once("==").is_some_and(|(_, version)| !version.is_empty()), "{WHEEL}");
    }
}
