//! Plans of a model that a person reads first, and questions that a step asks.

use std::os::unix::fs::PermissionsExt as _;

use pe_testkit::Reply;
use serde_json::json;

use crate::look::Terminal;
use crate::scene::{KEY, Scene, broken, make, patch, purpose, say, written};
use crate::world::plan;

impl Scene {
    /// `pe` at a terminal, with the model in its environment.
    fn terminal(&self, words: &[&str], variables: &[(&str, &str)]) -> Terminal {
        let address = self.server.base_url();
        let model = [
            ("PE_BASE_URL", address.as_str()),
            ("PE_MODEL", "test-model"),
            ("PE_API_KEY", KEY),
            ("PE_LLM_MAX_RETRIES", "0"),
            ("NO_COLOR", "1"),
        ];
        Terminal::run(&self.world, words, &[&model, variables].concat())
    }

    /// An editor that is a script.
    fn editor(&self, script: &str) -> String {
        let path = self.world.write("editor", format!("#!/bin/sh\n{script}\n"));
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, mode).unwrap();
        path.display().to_string()
    }
}

fn making() -> Scene {
    let mut file = make("b", "made");
    // An edge that only the expression makes.
    file["args"]["content"] = json!("n: {{a}}");
    Scene::new([written(json!([say("a", 20), file])), "Made.".to_owned()])
}

const REVIEWED: [&str; 5] = ["run", "make it", "--review", "--allow", "write_file"];

#[test]
fn a_plan_is_shown_and_accepted_before_anything_of_it_runs() {
    let scene = making();
    let mut terminal = scene.terminal(&REVIEWED, &[]);
    terminal
        .until("planning")
        .until("Plan: make it")
        .until("○ [b] write_file (write_file) (after: a)");
    // What it would do, not only with what.
    terminal
        .until(r#"      calls write_file: {"path":"made","content":"n: {{ results.a }}"}"#)
        .until("2 steps");
    terminal.until("[a]ccept / [e]dit / [r]eject: ");
    assert!(!scene.world.exists("made"));
    terminal.types("what?\n").until("what?").types("a\n");
    let (seen, code, stdout) = terminal.end();
    assert_eq!((code, stdout.as_str()), (Some(0), "Made.\n"), "{seen}");
    assert!(scene.world.exists("made") && !seen.contains("0/0"), "{seen}");
}

#[test]
fn a_reviewed_plan_does_not_start_early() {
    let plan = written(json!([say("a", 20), say("b", "{{a}}")]));
    let scene = Scene::new([Reply::text(plan).pause_ms(5), "Done.".into()]);
    let words = ["run", "g", "--review", "--streaming", "execute"];
    let mut terminal = scene.terminal(&words, &[]);
    terminal.until("[a]ccept").types("r\n");
    let (seen, code, _) = terminal.end();
    assert_eq!(code, Some(5), "{seen}");
    let report = scene.pe(&["show", "last", "--json"]).exits(0).json();
    assert_eq!(report["tool_calls_made"], 0, "{seen}");
}

#[test]
fn a_rejected_plan_is_not_executed_and_can_be_seen_again() {
    let scene = making();
    let mut terminal = scene.terminal(&REVIEWED, &[]);
    terminal.until("[r]eject: ").types("reject\n");
    let (seen, code, stdout) = terminal.end();
    assert_eq!((code, stdout.as_str()), (Some(5), ""), "{seen}");
    assert!(seen.contains("the plan was rejected; nothing of it was executed"), "{seen}");
    assert!(!seen.contains("success") && !scene.world.exists("made"), "{seen}");
    let name = scene.last_run();
    assert!(seen.contains(&format!("`pe resume {name} --review`")), "{seen}");
    // The same plan is shown again, and is not paid for again.
    let mut terminal = scene.terminal(&["resume", &name, "--review", "--yes"], &[]);
    terminal.until("○ [b] write_file").until("[r]eject: ").types("a\n");
    let (seen, code, _) = terminal.end();
    assert_eq!(code, Some(0), "{seen}");
    assert!(scene.world.exists("made"));
    assert_eq!(scene.purposes(), ["plan", "answer"]);
}

#[test]
fn the_end_of_input_is_no_consent() {
    let scene = making();
    let mut terminal = scene.terminal(&REVIEWED, &[]);
    terminal.until("[r]eject: ").types("\u{4}");
    let (seen, code, _) = terminal.end();
    assert_eq!(code, Some(5), "{seen}");
    assert!(!scene.world.exists("made"));
}

#[test]
fn an_edited_plan_runs_in_the_place_of_the_models() {
    let scene = making();
    let editor = scene.editor("sed -i 's/path: made/path: other/' \"$1\"");
    let mut terminal = scene.terminal(&REVIEWED, &[("EDITOR", &editor)]);
    terminal.until("[a]ccept").types("e\n");
    // What was edited is shown again, so that it is this that is accepted.
    terminal.until("e\r\n").until("Plan: make it").until(r#"{"path":"other""#);
    let asked = "[a]ccept / [e]dit / [r]eject: ";
    terminal.until_times(asked, 2).types("a\n");
    let (seen, code, _) = terminal.end();
    assert_eq!(code, Some(0), "{seen}");
    assert!(scene.world.exists("other") && !scene.world.exists("made"), "{seen}");
    assert_eq!(scene.purposes(), ["plan", "answer"]);
}

#[test]
fn an_edit_that_breaks_the_plan_is_shown_with_its_findings() {
    let scene = making();
    let editor = scene.editor("sed -i 's/tool: write_file/tool: write_fiel/' \"$1\"");
    let mut terminal = scene.terminal(&REVIEWED, &[("VISUAL", &editor)]);
    terminal.until("[a]ccept").types("e\n");
    terminal.until("PE040").until("did you mean `write_file`?");
    // What does not hold cannot be accepted.
    terminal.until("\n[e]dit / [r]eject: ").types("a\n").types("r\n");
    let (seen, code, _) = terminal.end();
    assert_eq!(code, Some(5), "{seen}");
    assert!(!scene.world.exists("made") && !scene.world.exists("other"));
}

#[test]
fn an_editor_that_fails_or_writes_no_plan_changes_nothing() {
    let scene = making();
    let broken = scene.editor("exit 3");
    let mut terminal = scene.terminal(&REVIEWED, &[("EDITOR", &broken)]);
    terminal.until("[a]ccept").types("e\n").until("ended with").until("nothing changed");
    terminal.until_times("[a]ccept", 2).types("a\n");
    assert_eq!(terminal.end().1, Some(0));
    let scene = making();
    let garbage = scene.editor("echo 'steps: [' > \"$1\"");
    let mut terminal = scene.terminal(&REVIEWED, &[("EDITOR", &garbage)]);
    terminal.until("[a]ccept").types("e\n").until("the edited plan is no plan");
    terminal.until_times("[a]ccept", 2).types("r\n");
    assert_eq!(terminal.end().1, Some(5));
    let scene = making();
    let mut terminal = scene.terminal(&REVIEWED, &[("EDITOR", "no-such-editor -w")]);
    terminal.until("[a]ccept").types("e\n").until("cannot start the editor `no-such-editor -w`");
    terminal.until("`EDITOR` names another").until_times("[a]ccept", 2).types("r\n");
    assert_eq!(terminal.end().1, Some(5));
}

/// A plan that fails, and a patch that makes a file.
fn failing() -> Scene {
    Scene::answering(|request, _| match purpose(request) {
        "plan" => written(json!([say("first", 1), broken("a")])).into(),
        "adapt" => patch(json!([{"type": "modify", "id": "a",
            "fields": {"tool": "write_file", "args": {"path": "made", "content": "x"}}}]))
        .into(),
        _ => "Made.".into(),
    })
}

#[test]
fn a_change_of_the_plan_is_reviewed_too() {
    for (answer, exit) in [("a\n", 0), ("r\n", 5)] {
        let scene = failing();
        let mut terminal = scene.terminal(&REVIEWED, &[]);
        terminal.until("[a]ccept").types("a\n");
        terminal.until("The model changes the plan: another way").until("write_file");
        terminal.until_times("[a]ccept", 2).types(answer);
        let (seen, code, _) = terminal.end();
        assert_eq!(code, Some(exit), "{seen}");
        assert_eq!(scene.world.exists("made"), exit == 0, "{seen}");
        if exit == 5 {
            let name = scene.last_run();
            assert!(!seen.contains("nothing of it was executed"), "some was: {seen}");
            assert!(seen.contains("the change of the plan was rejected"), "{seen}");
            assert!(seen.contains(&format!("`pe retry {name} --failed`")), "{seen}");
            assert!(!seen.contains("pe resume"), "it has ended: {seen}");
        }
    }
}

#[test]
fn a_run_that_is_reviewed_stays_so() {
    let scene = making();
    let mut terminal = scene.terminal(&REVIEWED, &[]);
    terminal.until("[r]eject: ").types("r\n");
    assert_eq!(terminal.end().1, Some(5));
    let name = scene.last_run();
    let done = scene.pe(&["resume", &name, "--yes"]).exits(2);
    done.says("is reviewed").says("terminal").says(&format!("`pe show {name}`"));
    assert!(!scene.world.exists("made"));
    let mut terminal = scene.terminal(&["resume", &name, "--yes"], &[]);
    terminal.until("calls write_file: ").until("[r]eject: ").types("a\n");
    let (seen, code, _) = terminal.end();
    assert_eq!(code, Some(0), "{seen}");
    assert!(scene.world.exists("made"));
    // It has ended, and nothing of it is left to be reviewed.
    scene.pe(&["resume", &name]).exits(0);
    let done = scene.pe(&["retry", &name, "--from", "b", "--yes"]).exits(2);
    done.says("is reviewed").says("terminal");
    // A run that nobody reviewed needs no terminal.
    let scene = making();
    scene.pe(&["run", "make it", "--no-answer"]).exits(5);
    scene.pe(&["resume", "last", "--yes"]).exits(0);
}

#[test]
fn without_a_terminal_nothing_can_be_reviewed() {
    for words in [&REVIEWED[..], &["resume", "last", "--review"]] {
        let scene = making();
        scene.pe(&["run", "make it", "--no-answer"]).exits(5);
        let done = scene.pe(words).exits(2).says("`--review` needs a terminal");
        done.says("`pe plan GOAL -o plan.yaml`");
    }
}

#[test]
fn a_plan_file_is_never_taken_for_reviewed() {
    let scene = making();
    scene.world.write("plan.json", plan(json!([crate::world::echo("a", 1)])).to_string());
    for verb in ["run", "apply"] {
        let done = scene.pe(&[verb, "plan.json", "--review"]).exits(2);
        done.says("not a plan file").says("`--dry-run` shows this one");
    }
    let mut terminal = scene.terminal(&["run", "plan.json", "--review"], &[]);
    terminal.until("not a plan file");
    assert_eq!(terminal.end().1, Some(2));
}

#[test]
fn a_step_asks_the_person_at_the_terminal() {
    let ask = json!({"step_id": "a", "tool": "ask_user", "parameters":
        {"question": "Which \u{1b}[2J colour?", "choices": ["red", "blue"]}});
    let scene = Scene::new(["-"]);
    let done = plan(json!([ask, {"step_id": "b", "tool": "echo",
        "parameters": {"value": "It is {{ results.a }}."}}]));
    scene.world.write("plan.json", done.to_string());
    let mut terminal = scene.terminal(&["run", "plan.json"], &[]);
    terminal.until("a asks: Which \\u{1b}[2J colour?").until("1. red").until("2. blue");
    terminal.until("> ").types("green\n").until("answer with a number or a choice of the list");
    terminal.types("2\n");
    let (seen, code, stdout) = terminal.end();
    assert_eq!((code, stdout.as_str()), (Some(0), "It is blue.\n"), "{seen}");
    // A model that plans may ask as well.
    let ask = json!({"id": "a", "tool": "ask_user", "args": {"question": "Your name?"}});
    let scene = Scene::new([written(json!([ask, say("b", "Hello {{a}}")]))]);
    let mut terminal = scene.terminal(&["run", "greet me", "--no-answer"], &[]);
    terminal.until("a asks: Your name?").until("> ").types("Ada\n");
    let (seen, code, stdout) = terminal.end();
    assert_eq!((code, stdout.as_str()), (Some(0), "Hello Ada\n"), "{seen}");
}
