//! One trial: a run begun, its processes killed, and gone on with until it ends.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::ledger::{self, Line};
use super::point::{Death, Point};
use super::{plan, verdict};

/// More often than this no trial goes on.
const MOST_PROCESSES: usize = 16;

/// What every trial needs.
pub(super) struct Bench {
    pe: PathBuf,
    program: PathBuf,
    undisturbed: End,
    took: Duration,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub(super) struct End {
    /// What `pe show --json` says.
    pub(super) report: Value,
    /// Every event.
    pub(super) events: Vec<Value>,
    /// What happened in the world.
    pub(super) ledger: Vec<Line>,
}

/// What a trial that held came to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) kills: u32,
    pub(super) resumes: u32,
    pub(super) doubts: u32,
}

/// The place of one trial.
struct World<'b> {
    bench: &'b Bench,
    dir: tempfile::TempDir,
    mutant: Option<&'b str>,
    /// Events that were acknowledged so far, by number.
    acknowledged: Vec<Value>,
}

/// How one process ended, and what it had acknowledged.
struct Ended {
    code: Option<i32>,
    stderr: String,
}

impl Bench {
    /// Runs the plan once without disturbance.
    pub(super) fn new(pe: PathBuf) -> Result<Self> {
        let program = std::env::current_exe().context("where is this program?")?;
        let nothing = End { report: Value::Null, events: Vec::new(), ledger: Vec::new() };
        let mut bench = Self { pe, program, undisturbed: nothing, took: Duration::ZERO };
        let mut world = World::new(&bench, None)?;
        let began = Instant::now();
        let ended = world.run(&["run", "plan.json"], None)?;
        let took = began.elapsed();
        ensure!(ended.code == Some(0), "the undisturbed run failed: {}", ended.stderr);
        let end = world.end()?;
        verdict::is_whole(&end)?;
        drop(world);
        bench.undisturbed = end;
        bench.took = took;
        Ok(bench)
    }

    /// How long the undisturbed run took.
    pub(super) fn undisturbed_time(&self) -> Duration {
        self.took
    }

    /// Visits a point: kills, goes on, and judges.
    pub(super) fn visit(&self, point: &Point, mutant: Option<&str>) -> Result<Outcome> {
        let mut world = World::new(self, mutant)?;
        let judged = world.visit(point);
        if judged.is_err() && mutant.is_none() {
            // For whoever wants to look.
            let kept = world.dir.keep();
            return judged.with_context(|| format!("kept in {}", kept.display()));
        }
        judged
    }
}

impl<'b> World<'b> {
    fn new(bench: &'b Bench, mutant: Option<&'b str>) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("pe-crash-").tempdir()?;
        let plan = plan::plan(&bench.program);
        std::fs::write(dir.path().join("plan.json"), plan.to_string())?;
        std::fs::write(dir.path().join("config.toml"), plan::config(&bench.program))?;
        Ok(Self { bench, dir, mutant, acknowledged: Vec::new() })
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn visit(&mut self, point: &Point) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let mut deaths = std::iter::once(&point.first).chain(&point.then);
        let mut code = None;
        for _ in 0..MOST_PROCESSES {
            let death = deaths.next();
            let begun = self.has_run()?;
            let verb: &[&str] = if begun { &["resume", "last"] } else { &["run", "plan.json"] };
            if !begun {
                ensure!(self.acknowledged.is_empty(), "a run was acknowledged and is gone");
                ensure!(
                    self.ledger()?.is_empty(),
                    "calls were made for a run that is not on record"
                );
            }
            outcome.resumes += u32::from(begun);
            let before = self.ledger()?;
            let ended = self.run(verb, death)?;
            self.check(&before)?;
            match ended.code {
                None => outcome.kills += 1,
                Some(5) => outcome.doubts += self.resolve()?,
                Some(0) => {
                    code = ended.code;
                    break;
                }
                Some(other) => bail!("`pe {}` exited with {other}: {}", verb[0], ended.stderr),
            }
        }
        ensure!(code == Some(0), "the run did not end in {MOST_PROCESSES} processes");
        let end = self.end()?;
        verdict::is_whole(&end)?;
        verdict::equals(&end, &self.bench.undisturbed)?;
        self.check_that_resuming_does_nothing(&end)?;
        let check = self.pe(&["db", "check"]).output()?;
        ensure!(check.status.success(), "`pe db check`: {}", said(&check));
        Ok(outcome)
    }

    /// A command on this trial's database.
    fn pe(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.bench.pe);
        command
            .current_dir(self.path())
            .args(args)
            .args(["--db", "pe.db", "--config", "config.toml"])
            .stdin(Stdio::null());
        command
    }

    /// Runs a process that executes until its end or its death, and until everything that it
    /// started has ended too.
    fn run(&mut self, verb: &[&str], death: Option<&Death>) -> Result<Ended> {
        let mut command = self.pe(verb);
        command.args(["--output", "jsonl"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let actions = [death.and_then(Death::action), self.mutant.map(str::to_owned)];
        let actions: Vec<String> = actions.into_iter().flatten().collect();
        command.env("FAILPOINTS", actions.join(";"));
        // Whoever holds the other end is alive: the process, and all that it started.
        let (alive, held) = rustix::pipe::pipe()?;
        let mut child = command.spawn().context("cannot start `pe`")?;
        drop(held);
        let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            out.as_mut().map(|out| out.read_to_end(&mut bytes)).transpose().map(|_| bytes)
        });
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            err.as_mut().map(|err| err.read_to_string(&mut text)).transpose().map(|_| text)
        });
        if let Some(Death::After(time)) = death {
            std::thread::sleep(*time);
            // It may have ended before.
            let _ = child.kill();
        }
        let status = child.wait()?;
        std::fs::File::from(alive).read_to_end(&mut Vec::new())?;
        let printed = reader.join().map_err(|_| anyhow::anyhow!("the reader panicked"))??;
        let stderr = errors.join().map_err(|_| anyhow::anyhow!("the reader panicked"))??;
        self.acknowledge(&String::from_utf8_lossy(&printed))?;
        Ok(Ended { code: status.code(), stderr })
    }

    /// Notes the events that a process acknowledged; a line cut by its death was not read by
    /// anybody.
    fn acknowledge(&mut self, printed: &str) -> Result<()> {
        for line in printed.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            let event: Value =
                serde_json::from_str(line).with_context(|| format!("event line `{line}`"))?;
            let seq = event["seq"].as_u64().context("an event has no `seq`")? as usize;
            // What was recorded and not shown before the death is shown by nobody.
            if self.acknowledged.len() <= seq {
                self.acknowledged.resize(seq + 1, Value::Null);
            }
            self.acknowledged[seq] = event;
        }
        Ok(())
    }

    /// After every process: nothing acknowledged is lost, and what happened is allowed.
    fn check(&self, ledger_before: &[Line]) -> Result<()> {
        let events = if self.has_run()? { self.events()? } else { Vec::new() };
        verdict::nothing_is_lost(&self.acknowledged, &events)?;
        verdict::effects_are_allowed(&events, &self.ledger()?, ledger_before.len())
    }

    fn has_run(&self) -> Result<bool> {
        if !self.path().join("pe.db").exists() {
            return Ok(false);
        }
        let listed = self.pe(&["ls", "--json"]).output()?;
        ensure!(listed.status.success(), "`pe ls`: {}", said(&listed));
        let runs: Value = serde_json::from_slice(&listed.stdout)?;
        let runs = runs.as_array().context("`pe ls --json` is no list")?;
        ensure!(runs.len() <= 1, "there are {} runs where one was begun", runs.len());
        Ok(!runs.is_empty())
    }

    fn events(&self) -> Result<Vec<Value>> {
        let shown = self.pe(&["show", "last", "--events", "--json"]).output()?;
        ensure!(shown.status.success(), "`pe show --events`: {}", said(&shown));
        serde_json::from_slice(&shown.stdout).context("`pe show --events --json` is no list")
    }

    fn ledger(&self) -> Result<Vec<Line>> {
        ledger::read(&self.path().join(plan::LEDGER))
    }

    fn end(&self) -> Result<End> {
        let shown = self.pe(&["show", "last", "--json"]).output()?;
        ensure!(shown.status.success(), "`pe show`: {}", said(&shown));
        let report = serde_json::from_slice(&shown.stdout)?;
        Ok(End { report, events: self.events()?, ledger: self.ledger()? })
    }

    /// Decides about every call in doubt as somebody would who can look at the world.
    fn resolve(&self) -> Result<u32> {
        let ledger = self.ledger()?;
        let doubts = verdict::doubts(&self.events()?);
        ensure!(!doubts.is_empty(), "exit code 5, and nothing is in doubt");
        for doubt in &doubts {
            let happened = ledger.iter().any(|line| line.key.ends_with(&doubt.key_end()));
            let iteration = doubt.iteration.to_string();
            let mut args = vec!["resolve", "last", doubt.step.as_str(), "--iteration", &iteration];
            let output;
            match happened {
                false => args.push("--retry"),
                true if doubt.step == "s7" => args.push("--failed"),
                true => {
                    output = verdict::output_of(&self.bench.undisturbed, doubt)?.to_string();
                    args.extend(["--done", "--output", &output]);
                }
            }
            let resolved = self.pe(&args).output()?;
            ensure!(resolved.status.success(), "`pe resolve`: {}", said(&resolved));
        }
        Ok(doubts.len() as u32)
    }

    fn check_that_resuming_does_nothing(&mut self, end: &End) -> Result<()> {
        let again = self.run(&["resume", "last"], None)?;
        ensure!(again.code == Some(0), "the second resume exited with {:?}", again.code);
        let after = self.end()?;
        ensure!(after.events == end.events, "the second resume recorded something");
        ensure!(after.ledger == end.ledger, "the second resume called something");
        Ok(())
    }
}

fn said(output: &Output) -> String {
    format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim_end())
}
