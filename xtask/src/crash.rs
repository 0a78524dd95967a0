//! The crash sweep: `pe` is killed at many points of one run, resumed, and held to its promises.
//!
//! A plan of twelve steps calls a program that appends a line to a ledger outside, synced
//! before it answers. The ledger tells what really happened, the event stream what `pe`
//! acknowledged, the database what it remembers. After every crash and every resume the three
//! must agree, and the end must be that of a run that nothing disturbed.
//!
//! The sweep proves itself: two builds that break a promise on purpose (`--mutants`) must fail
//! it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process;

mod ledger;
mod plan;
mod point;
mod trial;
mod verdict;

pub(crate) use ledger::append as ledger;
use point::Point;
use trial::Bench;

/// How many points a check of a change visits.
const IN_CI: u32 = 50;

/// A build that breaks a promise, and what breaks it.
const MUTANTS: [(&str, &str); 2] = [
    ("intent after effect", "driver::intent_after_effect=return"),
    ("nothing is written", "store::lose_batch=return"),
];

/// What the task was asked for.
struct Order {
    points: u32,
    seed: u64,
    mutants: bool,
}

/// The task: `crash [N] [--seed S] [--mutants]`.
pub(crate) fn run(args: &[String]) -> Result<bool> {
    let order = parse(args)?;
    let bench = Bench::new(build()?)?;
    if order.mutants {
        return mutants(&bench, &order);
    }
    sweep(&bench, order.points, order.seed)
}

/// What a change must pass: a sweep, and the proof that a sweep finds something.
pub(crate) fn check() -> Result<bool> {
    let bench = Bench::new(build()?)?;
    let order = Order { points: IN_CI, seed: 1, mutants: true };
    Ok(sweep(&bench, order.points, order.seed)? & mutants(&bench, &order)?)
}

/// Visits the points, and says how it went.
fn sweep(bench: &Bench, points: u32, seed: u64) -> Result<bool> {
    eprintln!("crash: {points} points, seed {seed}, undisturbed in {:?}", bench.undisturbed_time());
    let began = Instant::now();
    let (mut failed, mut killed, mut resumes, mut doubts) = (0, 0, 0, 0);
    for number in 0..points {
        let point = Point::of(seed, number, bench.undisturbed_time());
        match bench.visit(&point, None) {
            Ok(outcome) => {
                killed += outcome.kills;
                resumes += outcome.resumes;
                doubts += outcome.doubts;
            }
            Err(error) => {
                failed += 1;
                eprintln!("crash: point {number} of seed {seed} ({point}): {error:#}");
            }
        }
    }
    let took = Duration::from_secs(began.elapsed().as_secs());
    println!(
        "crash: {points} points, {killed} kills, {resumes} resumes, {doubts} doubts resolved, \
         {failed} violations, {took:?}"
    );
    if killed == 0 {
        bail!("nothing was ever killed: the sweep shows nothing");
    }
    Ok(failed == 0)
}

/// Each mutant must be caught.
fn mutants(bench: &Bench, order: &Order) -> Result<bool> {
    let mut all_caught = true;
    for (name, failpoint) in MUTANTS {
        let caught = (0..order.points).find_map(|number| {
            let point = Point::of(order.seed, number, bench.undisturbed_time());
            let visited = bench.visit(&point, Some(failpoint));
            visited.err().map(|violation| (number, violation))
        });
        match caught {
            Some((number, violation)) => {
                // The innermost cause is the violation; what was expected of events is long.
                let violation: String =
                    violation.root_cause().to_string().chars().take(200).collect();
                println!("crash: mutant `{name}` caught at point {number}: {violation}");
            }
            None => {
                all_caught = false;
                println!("crash: mutant `{name}` NOT caught in {} points", order.points);
            }
        }
    }
    Ok(all_caught)
}

fn parse(args: &[String]) -> Result<Order> {
    let mut order = Order { points: IN_CI, seed: 1, mutants: false };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--mutants" => order.mutants = true,
            "--seed" => {
                let seed = args.next().context("`--seed` needs a number")?;
                order.seed = seed.parse().with_context(|| format!("`{seed}` is no seed"))?;
            }
            number => {
                order.points = number.parse().with_context(|| {
                    format!(
                        "`{number}` is no number of points; usage: crash [N] [--seed S] [--mutants]"
                    )
                })?;
            }
        }
    }
    Ok(order)
}

/// Builds `pe` so that it can be made to die at its fail points, beside the ordinary build.
fn build() -> Result<PathBuf> {
    let mut cargo = process::cargo(["build", "-p", "pe-cli", "--features", "failpoints"])?;
    if !process::run(&mut cargo)? {
        bail!("`pe` could not be built with its fail points");
    }
    let target = process::root()?.join("target");
    let name = PathBuf::from("pe").with_extension(std::env::consts::EXE_EXTENSION);
    let (built, ours) = (target.join("debug").join(&name), target.join("crash").join(&name));
    std::fs::create_dir_all(target.join("crash"))?;
    // Away from where people look for the ordinary one, which the next build puts there again.
    std::fs::rename(&built, &ours).with_context(|| format!("there is no {}", built.display()))?;
    Ok(ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_read() {
        let read = |args: &[&str]| {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            parse(&args).map(|order| (order.points, order.seed, order.mutants))
        };
        assert_eq!(read(&[]).unwrap(), (IN_CI, 1, false));
        assert_eq!(read(&["500", "--seed", "7"]).unwrap(), (500, 7, false));
        assert_eq!(read(&["--mutants", "9"]).unwrap(), (9, 1, true));
        assert!(read(&["many"]).is_err() && read(&["--seed"]).is_err());
    }
}
