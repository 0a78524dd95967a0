//! Runs the fuzz targets: any bytes at the places where bytes of strangers come in.
//!
//! A target is a file of `crates/*/fuzz/fuzz_targets`. It starts from the crate's test data, from
//! what lies in `seeds/TARGET` beside it, and from what earlier runs found, which is kept below
//! `target/fuzz`. libFuzzer needs a nightly compiler, so this is never part of `ci`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process;

/// A slower input is a finding, in seconds.
const SLOWEST: u64 = 10;
/// An input that takes more memory is a finding, in MiB.
const LARGEST: u64 = 1024;

/// One fuzz target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    name: String,
    /// The folder of its crate, relative to the root.
    member: PathBuf,
}

/// The task: `SECONDS [TARGET]`.
pub(crate) fn run(args: &[String]) -> Result<bool> {
    let (seconds, wanted) = match args {
        [seconds] => (seconds, None),
        [seconds, target] => (seconds, Some(target)),
        _ => bail!("write `cargo xtask fuzz SECONDS [TARGET]`"),
    };
    let seconds: u64 = seconds
        .parse()
        .with_context(|| format!("`{seconds}` is not a number of seconds for each target"))?;
    let root = process::root()?;
    let all = targets(&root)?;
    let names = || all.iter().map(|target| target.name.as_str()).collect::<Vec<_>>().join(", ");
    let chosen: Vec<&Target> =
        all.iter().filter(|target| wanted.is_none_or(|wanted| *wanted == target.name)).collect();
    if chosen.is_empty() {
        bail!("there is no target `{}`; the targets are {}", wanted.map_or("", |w| w), names());
    }
    required()?;
    let mut failed = Vec::new();
    for target in chosen {
        if !process::run(&mut command(&root, target, seconds)?)? {
            failed.push(target.name.as_str());
        }
    }
    if failed.is_empty() {
        println!("\nfuzz: no target found anything in {seconds} seconds");
    } else {
        eprintln!("error: found something: {}; the input is named above", failed.join(", "));
    }
    Ok(failed.is_empty())
}

/// Says what is missing, and how to get it.
fn required() -> Result<()> {
    let lacks = |args: &[&str]| {
        let mut command = nightly(args);
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        !status.is_ok_and(|status| status.success())
    };
    let mut missing = Vec::new();
    if lacks(&["rustc", "--version"]) {
        missing.push("a nightly compiler: `rustup toolchain install nightly`");
    }
    if lacks(&["cargo", "fuzz", "--version"]) {
        missing.push("cargo-fuzz: `cargo install cargo-fuzz`");
    }
    if missing.is_empty() {
        return Ok(());
    }
    bail!("fuzzing needs {}", missing.join(", and "))
}

/// A program of the nightly toolchain.
fn nightly(args: &[&str]) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly"]).args(args);
    command
}

fn command(root: &Path, target: &Target, seconds: u64) -> Result<Command> {
    let below = root.join("target/fuzz");
    let corpus = below.join("corpus").join(&target.name);
    fs::create_dir_all(&corpus).with_context(|| format!("cannot make {}", corpus.display()))?;
    let folder = root.join(&target.member).join("fuzz");
    let mut command = nightly(&["cargo", "fuzz", "run", "--sanitizer", "none", "--fuzz-dir"]);
    command.arg(&folder).arg("--target-dir").arg(&below).arg(&target.name).arg(corpus);
    let seeds =
        [folder.join("seeds").join(&target.name), root.join(&target.member).join("tests/data")];
    command.args(seeds.iter().filter(|seeds| seeds.is_dir()));
    command.arg("--").arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-timeout={SLOWEST}")).arg(format!("-rss_limit_mb={LARGEST}"));
    let words = folder.join(format!("{}.dict", target.name));
    if words.is_file() {
        command.arg(format!("-dict={}", words.display()));
    }
    command.current_dir(root);
    Ok(command)
}

/// Every target of every crate, by crate and name.
fn targets(root: &Path) -> Result<Vec<Target>> {
    let mut targets = Vec::new();
    for member in entries(&root.join("crates"))? {
        let folder = member.join("fuzz/fuzz_targets");
        if !folder.is_dir() {
            continue;
        }
        let member = member.strip_prefix(root).unwrap_or(&member);
        for file in entries(&folder)? {
            if let (Some(name), Some("rs")) = (
                file.file_stem().and_then(|name| name.to_str()),
                file.extension().and_then(|ending| ending.to_str()),
            ) {
                targets.push(Target { name: name.to_owned(), member: member.to_owned() });
            }
        }
    }
    targets.sort_by(|a, b| (&a.member, &a.name).cmp(&(&b.member, &b.name)));
    Ok(targets)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = || fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect();
    let listed: std::io::Result<Vec<PathBuf>> = listed();
    listed.with_context(|| format!("cannot list {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_found_and_its_crate_names_it() {
        let root = process::root().unwrap();
        let targets = targets(&root).unwrap();
        let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
        for expected in ["expression", "template", "draft", "plan_json", "plan_yaml", "tool_schema"]
        {
            assert!(names.contains(&expected), "{names:?}");
        }
        for Target { name, member } in &targets {
            let manifest = fs::read_to_string(root.join(member).join("fuzz/Cargo.toml")).unwrap();
            assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        }
    }

    #[test]
    fn seeds_and_words_are_passed_where_they_are() {
        let root = process::root().unwrap();
        let target = |name: &str, member: &str| Target { name: name.into(), member: member.into() };
        let shown = |target: &Target| format!("{:?}", command(&root, target, 7).unwrap());
        let plan = shown(&target("plan_json", "crates/pe-validate"));
        for part in ["-max_total_time=7", "pe-validate/tests/data", "plan_json.dict"] {
            assert!(plan.contains(part), "{plan}");
        }
        let draft = shown(&target("draft", "crates/pe-llm"));
        assert!(!draft.contains("-dict="), "{draft}");
    }

    #[test]
    fn arguments_are_seconds_and_a_target() {
        let check = |args: &[&str], expected: &str| {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            let error = format!("{:#}", run(&args).unwrap_err());
            assert!(error.contains(expected), "{error}");
        };
        check(&[], "SECONDS");
        check(&["soon"], "`soon` is not a number of seconds");
        check(&["1", "nothing"], "there is no target `nothing`; the targets are ");
    }
}
