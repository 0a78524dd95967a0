//! Findings drawn in their file, with a caret under exactly the fault.

use serde_json::json;

use crate::look::Terminal;
use crate::world::{World, plan};

/// What the carets of a drawing stand under; every character of it takes one column.
fn marked(drawn: &str) -> Vec<String> {
    let lines: Vec<&str> = drawn.lines().collect();
    let is_mark = |line: &str| {
        line.contains('^') && line.trim_start_matches([' ', '|']).trim_matches('^').is_empty()
    };
    let marks = lines.windows(2).filter(|pair| is_mark(pair[1]));
    let under = |pair: &[&str]| {
        let (start, end) = (pair[1].find('^').unwrap(), pair[1].rfind('^').unwrap() + 1);
        pair[0].chars().skip(start).take(end - start).collect()
    };
    marks.map(under).collect()
}

#[test]
fn findings_are_drawn_in_a_json_file() {
    let world = World::new();
    world.write(
        "plan.json",
        r#"{"goal": "g",
 "stpes": [],
 "steps": [
  {"step_id": "a", "tool": "ehco"},
  {"step_id": "b", "tool": "echo", "parameters": {"value": "\"{{ results.c.d }}\""},
   "dependencies": ["a", "nowhere"], "step_type": "conditional"}]}"#,
    );
    let done = world.pe(&["validate", "plan.json"]).exits(3);
    assert_eq!(
        marked(&done.stdout),
        [r#""stpes""#, r#""ehco""#, r#""b""#, r#""nowhere""#, "results.c.d"]
    );
    insta::assert_snapshot!(done.stdout, @r#"
    warning[PE003]: plans have no field `stpes`; it is ignored
     --> plan.json:2:2
      |
    2 |  "stpes": [],
      |  ^^^^^^^
      |
      = help: did you mean `steps`?

    error[PE040]: step `a` calls tool `ehco`, which does not exist
     --> plan.json:4:28
      |
    4 |   {"step_id": "a", "tool": "ehco"},
      |                            ^^^^^^
      |
      = help: did you mean `echo`?

    error[PE017]: conditional step `b` has no `condition`
     --> plan.json:5:15
      |
    5 |   {"step_id": "b", "tool": "echo", "parameters": {"value": "\"{{ results.c…
      |               ^^^
      |
      = help: add one, or make the step `normal`

    error[PE013]: step `b` depends on `nowhere`, which this plan does not define
     --> plan.json:6:26
      |
    6 |    "dependencies": ["a", "nowhere"], "step_type": "conditional"}]}
      |                          ^^^^^^^^^

    error[PE031]: `parameters/value` of step `b` reads step `c`, which this plan
                  does not define
     --> plan.json:5:66
      |
    5 | …d": "b", "tool": "echo", "parameters": {"value": "\"{{ results.c.d }}\""},
      |                                                         ^^^^^^^^^^^

    plan.json: invalid, 4 errors, 1 warning
    "#);
    assert_eq!(done.stderr, "");
}

#[test]
fn findings_are_drawn_in_a_yaml_file() {
    let world = World::new();
    let text = "goal: g\nstpes: []\nsteps:\n- step_id: a\n  tool: 'ehco' # c\n- tool: echo\n  \
                step_id: b\n  parameters:\n    value: >-\n      one\n      {{ results.c.d }}\n  \
                dependencies: [a, nowhere]\n  step_type: conditional\n";
    world.write("plan.yaml", text);
    let done = world.pe(&["validate", "plan.yaml"]).exits(3);
    assert_eq!(marked(&done.stdout), ["stpes", "'ehco'", "b", "nowhere", "results.c.d"]);
    // The same with line ends of another system, and a byte order mark.
    world.write("plan.yaml", format!("\u{feff}{}", text.replace('\n', "\r\n")));
    assert_eq!(world.pe(&["validate", "plan.yaml"]).exits(3).stdout, done.stdout);
}

#[test]
fn carets_stand_in_the_columns_of_a_terminal() {
    let world = World::new();
    world.write(
        "plan.json",
        "{\"goal\": \"g\", \"steps\": [\n\t{\"step_id\": \"漢字\", \"action\": \"e\u{301} 😀\", \
         \"tool\": \"ehco\"}]}",
    );
    let drawn = world.pe(&["validate", "plan.json"]).exits(3).stdout;
    // A tab takes four columns, a wide character two, an accent none.
    let columns = 4 + "{'step_id': '".len() + 4 + "', 'action': '".len() + 4 + "', 'tool': ".len();
    let line = format!("\"ehco\"}}]}}\n  | {}^^^^^^\n", " ".repeat(columns));
    assert!(drawn.contains(&line), "{drawn}");
}

#[test]
fn files_that_cannot_be_read_are_drawn_as_well() {
    let world = World::new();
    let files: [(&str, &[u8], &str); 4] = [
        ("a.json", b"{\"goal\": \"g\",\n \"steps\" []}", "["),
        ("b.yaml", b"goal: g\nsteps: []\ngoal: h\n", "goal"),
        ("c.json", b"{\"goal\": \"g\", \"goal\" : \"h\"}", "\"goal\""),
        ("d.yaml", b"goal: g\nsteps: {a: }}\n", "}"),
    ];
    for (name, text, expected) in files {
        world.write(name, text);
        let done = world.pe(&["validate", name]).exits(3).prints("error[PE001]");
        assert_eq!(marked(&done.stdout), [expected], "{}", done.stdout);
    }
    world.write("latin.yaml", b"goal: g\nsteps: \xe4\n");
    let drawn = world.pe(&["validate", "latin.yaml"]).exits(3).stdout;
    assert!(drawn.contains("2 | steps: \u{fffd}\n  |        ^\n"), "{drawn}");
    world.write("empty.json", "");
    world.pe(&["validate", "empty.json"]).exits(3).prints("empty.json:1:1").prints("is empty");
    // More than is ever read: there is nothing to draw.
    world.write("long.json", " ".repeat(16 * 1024 * 1024 + 1));
    world.pe(&["validate", "long.json"]).exits(3).prints("error[PE001]").prints("long.json");
}

#[test]
fn a_line_of_megabytes_is_cut_around_the_fault() {
    let world = World::new();
    let long = "x".repeat(4 * 1024 * 1024);
    let step = format!(r#"{{"step_id": "a", "action": "{long}", "tool": "ehco", "metadata": "#);
    world.write("plan.json", format!(r#"{{"goal": "", "steps": [{step}{{"x": "{long}"}}}}]}}"#));
    let done = world.pe(&["validate", "plan.json"]).exits(3);
    let column = r#"{"goal": "", "steps": [{"step_id": "a", "action": "", "tool": "#.len();
    done.stdout.find(&format!("plan.json:1:{}", column + long.len() + 1)).unwrap();
    assert!(done.stdout.contains("…") && done.stdout.contains(r#""tool": "ehco", "meta"#));
    for line in done.stdout.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn so_many_are_drawn_and_all_are_told() {
    let world = World::new();
    let steps: Vec<_> = (0..300)
        .map(|n| match n {
            // The worst are drawn, wherever they stand.
            299 => json!({"step_id": "last", "tool": "nowhere"}),
            n => json!({"step_id": format!("s{n}"), "tool": "echo", "extra": n,
                        "parameters": {"value": n}}),
        })
        .collect();
    world.write("plan.json", plan(json!(steps)).to_string());
    let done = world.pe(&["validate", "plan.json"]).exits(3);
    assert_eq!(marked(&done.stdout).len(), 50);
    assert!(marked(&done.stdout).contains(&"\"nowhere\"".to_owned()), "{}", done.stdout);
    let lines = done.stdout.lines().filter(|line| line.starts_with("plan.json:1:")).count();
    assert_eq!(lines, 250);
    done.prints("250 more findings, a line each:").prints("invalid, 1 error, 299 warnings");
}

#[test]
fn nothing_that_is_drawn_controls_the_terminal() {
    let world = World::new();
    world.write(
        "plan.yaml",
        "goal: g\nsteps:\n- step_id: \"a\\e[2J\"\n  tool: \"b\\n\\a\u{202e}\"\n",
    );
    world.write("plan.json", b"{\"goal\": \"\x1b[2J\"}");
    for words in
        [&["validate", "plan.yaml", "plan.json"][..], &["validate", "plan.yaml", "--short"]]
    {
        let drawn = world.pe(words).exits(3).stdout;
        assert!(!drawn.contains(['\x1b', '\x07', '\u{202e}']), "{drawn:?}");
        assert!(drawn.contains("a\\u{1b}[2J"), "{drawn}");
    }
}

#[test]
fn colours_are_for_those_who_want_them() {
    let world = World::with_plan(&plan(json!([{"step_id": "a", "tool": "ehco"}])));
    assert!(!world.pe(&["validate", "plan.json"]).exits(3).stdout.contains('\x1b'));
    let colored = world.pe(&["validate", "plan.json", "--color", "always"]).exits(3).stdout;
    assert!(colored.contains("\x1b["), "{colored}");
}

#[test]
fn several_files_end_in_a_summary_and_quiet_leaves_out_what_is_no_error() {
    let world = World::new();
    world.write(
        "good.json",
        r#"{"goal": "", "steps": [{"step_id": "a", "tool": "echo",
        "parameters": {"value": 1}, "extra": 1}]}"#,
    );
    world.write(
        "bad.json",
        r#"{"goal": "", "steps": [{"step_id": "a", "tool": "ehco", "extra": 1}]}"#,
    );
    let done = world.pe(&["validate", "good.json", "bad.json"]).exits(3);
    assert_eq!(done.stdout.matches("\nwarning[PE003]").count(), 1, "{}", done.stdout);
    let done = done
        .prints("good.json: valid, 1 warning\n")
        .prints("bad.json: invalid, 1 error, 1 warning\n");
    assert!(done.stdout.ends_with("\n2 files: 1 valid, 1 invalid, 1 error, 2 warnings\n"));
    let quiet = world.pe(&["validate", "good.json", "bad.json", "-q"]).exits(3).stdout;
    assert!(quiet.contains("PE040") && !quiet.contains("PE003") && !quiet.contains("good.json"));
    assert_eq!(world.pe(&["validate", "good.json", "good.json", "-q"]).exits(0).stdout, "");
}

#[test]
fn a_line_a_finding_for_programs() {
    let world = World::new();
    world.write(
        "bad.json",
        "{\"goal\": \"g\", \"steps\": [\n {\"step_id\": \"a\", \"tool\": \"ehco\"}]}",
    );
    insta::assert_snapshot!(world.pe(&["validate", "bad.json", "--short"]).exits(3).stdout, @"
    bad.json:2:27: error[PE040]: step `a` calls tool `ehco`, which does not exist; did you mean `echo`?
    bad.json: invalid, 1 error
    ");
    // So do other verbs where nobody looks on, and draw where somebody does.
    let run = world.pe(&["run", "bad.json"]).exits(3);
    run.says("bad.json:2:27: error[PE040]: step `a` calls");
    let (seen, code, _) = Terminal::run(&world, &["run", "bad.json"], &[]).end();
    assert_eq!(code, Some(3));
    assert!(seen.contains("^^^^^^") && seen.contains("\x1b["), "{seen}");
    let (seen, ..) = Terminal::run(&world, &["run", "bad.json"], &[("NO_COLOR", "1")]).end();
    assert!(seen.contains("^^^^^^") && !seen.contains("\x1b["), "{seen}");
}

#[test]
fn the_drawing_of_the_manual_is_what_the_program_draws() {
    let world = World::new();
    let text = "{\n  \"goal\": \"Read a file\",\n  \"steps\": [\n    {\"step_id\": \"fetch\", \"tool\": \
                \"raed_file\", \"parameters\": {\"path\": \"a\"}}\n  ]\n}\n";
    world.write("plan.json", text);
    let drawn = world.pe(&["validate", "plan.json"]).exits(3).stdout;
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/command-line.md");
    let manual = std::fs::read_to_string(manual).unwrap();
    assert!(manual.contains(&format!("$ pe validate plan.json\n{drawn}```")), "{drawn}");
}

#[test]
fn no_name_reaches_the_terminal_or_json_as_it_is() {
    let world = World::new();
    world.write(
        "plan.json",
        r#"{"goal": "x", "steps": [{"step_id": "a", "tool": "e\u061c\u200b\u2028x\ty\u009b\u202e"}]}"#,
    );
    let short = world.pe(&["validate", "plan.json", "--short"]).exits(3).stdout;
    assert!(short.contains(r"`e\u{61c}\u{200b}\u{2028}x y\u{9b}\u{202e}`"), "{short}");
    let done = world.pe(&["validate", "plan.json", "--json"]).exits(3);
    assert!(done.stdout.contains(r"\u009b\u202e") && !done.stdout.contains('\u{202e}'));
    assert_eq!(done.json()["missing_tools"][0], "e\u{61c}\u{200b}\u{2028}x\ty\u{9b}\u{202e}");
}
