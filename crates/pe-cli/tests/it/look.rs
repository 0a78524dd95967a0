//! On a terminal: the live view, colours and the question, seen through a pseudo-terminal.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::{Value, json};

use crate::world::{World, echo, fail, plan, sleep, touch};

/// A `pe` whose stdin and stderr are a terminal of 80 columns.
pub(crate) struct Terminal {
    child: Child,
    screen: File,
    seen: String,
}

impl Terminal {
    pub(crate) fn run(world: &World, words: &[&str], variables: &[(&str, &str)]) -> Self {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&controller).unwrap();
        unlockpt(&controller).unwrap();
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&controller, size).unwrap();
        let name = ptsname(&controller, Vec::new()).unwrap();
        let name = name.to_str().unwrap();
        let user = File::options().read(true).write(true).open(name).unwrap();
        let child = world
            .command(words)
            .env("TERM", "xterm")
            .envs(variables.iter().copied())
            .stdin(Stdio::from(user.try_clone().unwrap()))
            .stderr(Stdio::from(user))
            .spawn()
            .unwrap();
        Self { child, screen: File::from(controller), seen: String::new() }
    }

    /// Takes what is shown next; false at the end. Nothing for 30 seconds is a failure.
    #[track_caller]
    fn read(&mut self) -> bool {
        let wait = Timespec { tv_sec: 30, tv_nsec: 0 };
        let ready = poll(&mut [PollFd::new(&self.screen, PollFlags::IN)], Some(&wait));
        if ready != Ok(1) {
            self.child.kill().unwrap();
            panic!("nothing more was shown: {}", self.seen);
        }
        let mut bytes = [0; 4096];
        // The end of the other side is an error here, and not an end of file.
        let count = self.screen.read(&mut bytes).unwrap_or(0);
        self.seen += &String::from_utf8_lossy(&bytes[..count]);
        count > 0
    }

    /// Reads the screen until it has shown `text`.
    #[track_caller]
    pub(crate) fn until(&mut self, text: &str) -> &mut Self {
        while !self.seen.contains(text) {
            assert!(self.read(), "{text:?} was never shown: {}", self.seen);
        }
        self
    }

    /// Reads the screen until it has shown `text` so many times.
    #[track_caller]
    pub(crate) fn until_times(&mut self, text: &str, times: usize) -> &mut Self {
        while self.seen.matches(text).count() < times {
            assert!(self.read(), "{text:?} was not shown {times} times: {}", self.seen);
        }
        self
    }

    pub(crate) fn types(&mut self, text: &str) -> &mut Self {
        self.screen.write_all(text.as_bytes()).unwrap();
        self
    }

    /// Everything that was shown, the exit code and stdout.
    pub(crate) fn end(mut self) -> (String, Option<i32>, String) {
        while self.read() {}
        let output = self.child.wait_with_output().unwrap();
        (self.seen, output.status.code(), String::from_utf8(output.stdout).unwrap())
    }
}

fn asking() -> World {
    let mut first = touch("first", "one");
    first["action"] = json!("Make a file");
    let mut second = touch("second", "two");
    second["dependencies"] = json!(["first"]);
    World::with_plan(&plan(json!([first, second, sleep("beside", 300)])))
}

#[test]
fn a_person_is_asked_before_anything_happens() {
    let world = asking();
    let mut terminal = Terminal::run(&world, &["run", "plan.json"], &[("NO_COLOR", "1")]);
    terminal.until("first asks for consent: Make a file").until("run_command: touch one");
    terminal.until("[y]es / [n]o / [a]ll: ");
    assert!(!world.exists("one"));
    terminal.types("maybe\n").until("maybe").types("y\n");
    terminal.until("second asks for consent").until("run_command: touch two").types("no\n");
    let (seen, code, stdout) = terminal.end();
    assert_eq!(code, Some(5), "{seen}");
    assert!(world.exists("one") && !world.exists("two"), "{seen}");
    assert!(seen.contains("second rejected") && seen.contains("✗ failed"), "{seen}");
    assert_eq!(stdout, "");
}

#[test]
fn all_answers_every_question_to_come() {
    let world = asking();
    let mut terminal = Terminal::run(&world, &["run", "plan.json"], &[]);
    terminal.until("[a]ll: ").types("a\n");
    let (seen, code, _) = terminal.end();
    assert_eq!(code, Some(0), "{seen}");
    assert!(world.exists("one") && world.exists("two"));
    assert_eq!(seen.matches("[a]ll: ").count(), 1, "{seen}");
}

#[test]
fn what_happens_during_a_question_is_said_after_it() {
    let mut broken = fail("broken");
    broken["dependencies"] = json!(["mark"]);
    // Starts once the failure is recorded, which is when it was handed over to be shown.
    let mut later = touch("later", "later");
    later["dependencies"] = json!(["broken"]);
    later["trigger_rule"] = json!("all_done");
    let steps = json!([touch("asked", "one"), touch("mark", "mark"), broken, later]);
    let world = World::with_plan(&plan(steps));
    let words = ["run", "plan.json", "--allow", "touch mark", "--allow", "touch later"];
    let mut terminal = Terminal::run(&world, &words, &[]);
    terminal.until("[a]ll: ");
    while !world.exists("later") {
        std::thread::yield_now();
    }
    terminal.types("y\n").until("broken failed");
    assert_eq!(terminal.end().1, Some(1));
}

#[test]
fn who_hangs_up_has_not_agreed() {
    let world = asking();
    let mut terminal = Terminal::run(&world, &["run", "plan.json"], &[]);
    terminal.until("[a]ll: ").types("\x04");
    let (seen, code, _) = terminal.end();
    assert_eq!(code, Some(5), "{seen}");
    assert!(seen.contains("--allow 'touch one'"), "{seen}");
    assert!(!world.exists("one") && !world.exists("two"));
}

/// Takes the sequences that move and colour out of what was shown.
fn plain(seen: &str) -> String {
    console::strip_ansi_codes(seen).into_owned()
}

fn is_mark(c: char) -> bool {
    c == '·' || ('\u{2800}'..='\u{28ff}').contains(&c)
}

/// A frame cut into rows of exactly 80 columns, as a terminal would: rows are filled up with
/// blanks. One that were longer would not end where the next begins.
fn rows(frame: &str) -> Vec<String> {
    let mut rows = vec![String::new()];
    for c in frame.trim_end().chars() {
        let row = rows.last_mut().unwrap();
        if console::measure_text_width(row) >= 80 {
            rows.push(c.to_string());
        } else {
            row.push(c);
        }
    }
    rows
}

#[test]
fn running_steps_are_drawn_within_80_columns() {
    let mut long = sleep("long", 1_000);
    long["action"] = json!("漢字 ".repeat(60));
    let mut steps: Vec<Value> = vec![long, fail("broken"), sleep("other", 1_000)];
    steps.push(json!({"step_id": "a_step_with_a_very_long_name_that_goes_on_and_on_and_on_and_on",
        "tool": "echo", "parameters": {"value": 1}}));
    let world = World::with_plan(&plan(json!(steps)));
    let (seen, code, _) = Terminal::run(&world, &["run", "plan.json"], &[]).end();
    assert_eq!(code, Some(1), "{seen}");
    let plain = plain(&seen);
    assert!(plain.contains("2/4 finished, 1 failed"), "{plain}");
    assert!(plain.contains("broken failed: not_found"), "failures are lines: {plain}");
    assert!(!plain.contains("other started"), "the rest is drawn: {plain}");
    for frame in plain.split(['\r', '\n']).filter(|text| !text.contains("broken failed")) {
        for row in rows(frame) {
            assert!(
                !frame.contains("finished") || row.starts_with(is_mark),
                "{row:?} in {frame:?}"
            );
        }
    }
    assert!(seen.contains("\x1b[31m"), "colours: {seen:?}");
}

#[test]
fn no_color_is_honoured_on_a_terminal() {
    let world = World::with_plan(&plan(json!([fail("f")])));
    let (seen, _, _) = Terminal::run(&world, &["run", "plan.json"], &[("NO_COLOR", "1")]).end();
    assert!(!seen.contains("\x1b[31m"), "{seen:?}");
    let (seen, _, _) = Terminal::run(&world, &["run", "plan.json"], &[]).end();
    assert!(seen.contains("\x1b[31m"), "{seen:?}");
}

#[test]
fn a_dumb_terminal_gets_lines() {
    let world = World::with_plan(&plan(json!([echo("a", 1)])));
    let (seen, _, _) = Terminal::run(&world, &["run", "plan.json"], &[("TERM", "dumb")]).end();
    assert!(seen.contains("a started"), "{seen}");
    assert!(!seen.contains('\x1b'), "{seen:?}");
}

#[test]
fn an_interrupt_withdraws_the_question() {
    let world = asking();
    let mut terminal = Terminal::run(&world, &["run", "plan.json"], &[]);
    terminal.until("[a]ll: ");
    let pid = terminal.child.id().to_string();
    std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap();
    let (seen, code, _) = terminal.end();
    assert_eq!(code, Some(130), "{seen}");
    assert!(!world.exists("one") && !world.exists("two"));
}

#[test]
fn an_interrupt_takes_the_question_away_before_anything_is_said() {
    for (words, cleared) in [("xterm", "\r\x1b[2K"), ("dumb", "\r\n")] {
        let world = World::with_plan(&plan(json!([touch("first", "one")])));
        let mut terminal = Terminal::run(&world, &["run", "plan.json"], &[("TERM", words)]);
        terminal.until("[a]ll: ");
        let pid = terminal.child.id().to_string();
        let sent = std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap();
        assert!(sent.success());
        let (seen, code, _) = terminal.end();
        assert_eq!(code, Some(130), "{seen}");
        let (_, after) = seen.split_once("[a]ll: ").unwrap();
        assert!(after.starts_with(cleared), "{after:?}");
        assert!(after.contains("stopping: running steps"), "{after:?}");
    }
}
