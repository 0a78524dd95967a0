//! The verbs that look and do not act.

use serde_json::{Value, json};

use crate::world::{World, echo, fail, plan, sleep};

fn diamond() -> Value {
    let mut join = echo("join", "{{ results.left }} {{ results.right }}");
    join["action"] = json!("Put both together");
    plan(json!([echo("left", 1), sleep("right", 200), join]))
}

#[test]
fn validate_prints_findings_and_a_verdict() {
    let world = World::with_plan(&diamond());
    assert_eq!(world.pe(&["validate", "plan.json"]).exits(0).stdout, "plan.json: valid\n");
    world.write(
        "bad.json",
        r#"{"goal": "g", "steps": [
  {"step_id": "a", "tool": "ehco", "parameters": {}, "extra": 1, "dependencies": ["b"]}]}"#,
    );
    let done = world.pe(&["validate", "plan.json", "bad.json", "--short"]).exits(3);
    insta::assert_snapshot!(done.stdout, @"
    plan.json: valid
    bad.json:2:54: warning[PE003]: plans have no field `extra`; it is ignored
    bad.json:2:83: error[PE013]: step `a` depends on `b`, which this plan does not define
    bad.json:2:28: error[PE040]: step `a` calls tool `ehco`, which does not exist; did you mean `echo`?
    bad.json: invalid, 2 errors, 1 warning
    2 files: 1 valid, 1 invalid, 2 errors, 1 warning
    ");
    let documents = world.pe(&["validate", "plan.json", "bad.json", "--json"]).exits(3).json();
    assert_eq!(documents[0]["file"], "plan.json");
    assert_eq!(documents[1]["report"]["missing_tools"], json!(["ehco"]));
    let one = world.pe(&["validate", "bad.json", "--json"]).exits(3).json();
    assert_eq!(one["is_valid"], false, "one file gives the report itself");
}

#[test]
fn strictness_is_a_flag() {
    let world = World::with_plan(&plan(json!([{"step_id": "a", "tool": "nowhere"}])));
    world.pe(&["validate", "plan.json"]).exits(3);
    world.pe(&["validate", "plan.json", "--strictness", "lenient"]).exits(0).prints("1 warning");
}

#[test]
fn catalogs_in_three_notations_replace_the_builtin_tools() {
    let world = World::with_plan(&plan(json!([
        {"step_id": "a", "tool": "search", "parameters": {"q": "x"}}])));
    let parameters = json!({"type": "object", "required": ["q"], "properties": {"q": {}}});
    let openai =
        json!([{"type": "function", "function": {"name": "search", "parameters": parameters}}]);
    let mcp = json!({"tools": [{"name": "search", "inputSchema": parameters}]});
    for catalog in [openai, mcp] {
        world.write("tools.json", catalog.to_string());
        world.pe(&["validate", "plan.json", "--tools", "tools.json"]).exits(0);
    }
    world.pe(&["validate", "plan.json"]).exits(3);

    // Ours, as `pe tools --json` prints it.
    let own = world.pe(&["tools", "--json"]).exits(0).stdout;
    world.write("own.json", own);
    world.write("plan.json", diamond().to_string());
    world.pe(&["validate", "plan.json", "--tools", "own.json"]).exits(0);
}

#[test]
fn simulate_works_in_virtual_time() {
    let world = World::with_plan(&plan(json!([sleep("a", 3_600_000), sleep("b", 3_600_000)])));
    let simulation = world.pe(&["simulate", "plan.json", "--json"]).exits(0).json();
    assert_eq!(simulation["makespan_ms"], 3_600_000);
    let one = world.pe(&["simulate", "plan.json", "--json", "--parallel", "1"]).exits(0).json();
    assert_eq!((&one["workers"], &one["makespan_ms"]), (&json!(1), &json!(7_200_000)));
    for field in ["lower_bound_ms", "critical_path_ms", "work_ms", "critical_path", "schedule"] {
        assert!(!one[field].is_null(), "{field}");
    }
    insta::assert_snapshot!(world.pe(&["simulate", "plan.json"]).exits(0).stdout, @"
    Makespan: 1 h 00 min with 3 workers (no schedule can take less than 1 h 00 min)
    Critical path: 1 step in 1 h 00 min
      a
    Work: 2 h 00 min
    ");
    world.write("bad.json", "{\"goal\": \"g\", \"steps\": []}");
    let report = world.pe(&["simulate", "bad.json", "--json"]).exits(3).json();
    assert_eq!(report["is_valid"], false);
}

#[test]
fn s1_graph_draws_plans_and_runs() {
    let world = World::with_plan(&diamond());
    insta::assert_snapshot!(world.pe(&["graph", "plan.json"]).exits(0).stdout, @"
    Plan: test
    Status: created
    Steps:
      → [left] echo (echo)
      → [right] sleep (sleep)
      ○ [join] Put both together (echo) (after: left, right)

    Progress: 0.0%
    Critical path: left → join
    ");
    let dot = world.pe(&["graph", "plan.json", "--format", "dot"]).exits(0).stdout;
    assert!(dot.starts_with("digraph"), "{dot}");
    let svg = world.pe(&["graph", "plan.json", "--format", "svg"]).exits(0).stdout;
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
    let mermaid = world.pe(&["graph", "plan.json", "--format", "mermaid"]).exits(0).stdout;
    assert!(mermaid.starts_with("flowchart TD"), "{mermaid}");
    assert_eq!(mermaid.matches("-->").count(), 2, "edges that only references imply: {mermaid}");

    let run = world.pe(&["run", "plan.json", "--json"]).exits(0).stdout;
    let done = world.pe_reading(&["graph", "-"], run.as_bytes()).exits(0);
    done.prints("Status: completed").prints("✓ [join]").prints("Progress: 100.0%");
    let done = world.pe_reading(&["graph", "-"], b"{\"run_id\": 1}").exits(3);
    done.says("as the JSON of a run");
}

#[test]
fn the_critical_path_follows_what_is_known_of_time() {
    let world = World::new();
    world.write(
        "plan.json",
        r#"{"goal": "g", "steps": [
            {"step_id": "a", "tool": "echo", "parameters": {"value": 1},
              "metadata": {"duration_ms": 1500}},
            {"step_id": "b", "tool": "echo", "parameters": {"value": 1},
              "metadata": {"duration_ms": 20}},
            {"step_id": "end", "tool": "echo", "dependencies": ["a", "b"],
              "parameters": {"value": 1}, "metadata": {"duration_ms": 1}}]}"#,
    );
    world.pe(&["graph", "plan.json"]).exits(0).prints("Critical path: a → end (1.5 s)");
    // A run knows better than what its plan stated.
    let mut run = world.pe(&["run", "plan.json", "--json"]).exits(0).json();
    for (step, took) in run["steps"].as_array_mut().unwrap().iter_mut().zip([3, 70, 9]) {
        step["execution_time_ms"] = took.into();
    }
    let drawn = world.pe_reading(&["graph", "-"], run.to_string().as_bytes()).exits(0);
    drawn.prints("Critical path: b → end (79 ms)");
    // An estimate is not shown as a duration.
    let unknown = r#"{"goal": "g", "steps": [{"step_id": "a", "tool": "echo"},
        {"step_id": "b", "tool": "echo", "dependencies": ["a"]}]}"#;
    world.write("unknown.json", unknown);
    world.pe(&["graph", "unknown.json"]).exits(0).prints("Critical path: a → b\n");
    // One step alone is no path, and an invalid plan has none.
    world.write("one.json", r#"{"goal": "g", "steps": [{"step_id": "a", "tool": "echo"}]}"#);
    let circle = r#"{"goal": "g", "steps": [
        {"step_id": "a", "tool": "echo", "dependencies": ["b"]},
        {"step_id": "b", "tool": "echo", "dependencies": ["a"]}]}"#;
    world.write("circle.json", circle);
    for file in ["one.json", "circle.json"] {
        let drawn = world.pe(&["graph", file]).exits(0).stdout;
        assert!(!drawn.contains("Critical path"), "{drawn}");
    }
    let drawn = world.pe(&["graph", "circle.json", "--format", "svg"]).exits(0).stdout;
    assert!(drawn.contains(">cycle</text>"), "{drawn}");
}

#[test]
fn graph_and_simulate_have_the_same_critical_path() {
    let world = World::new();
    let mut steps = ["s0", "s1", "s2", "s3", "s4", "s5"].map(|id| echo(id, 1));
    steps[2]["dependencies"] = json!(["s1"]);
    steps[3]["dependencies"] = json!(["s0", "s2"]);
    steps[5]["dependencies"] = json!(["s4"]);
    // Nothing is stated for `s2`: a second for its one point, and not the mean of the others.
    for (at, ms) in [(0, 684), (1, 1_279), (3, 1_985), (4, 3_000), (5, 1_937)] {
        steps[at]["metadata"] = json!({"duration_ms": ms});
    }
    world.write("plan.json", plan(json!(steps)).to_string());
    let simulated = world.pe(&["simulate", "plan.json", "--json"]).exits(0).json();
    assert_eq!(simulated["critical_path"], json!(["s4", "s5"]));
    assert_eq!(simulated["critical_path_ms"], 4_937);
    world.pe(&["graph", "plan.json"]).exits(0).prints("Critical path: s4 → s5 (4.9 s)");
}

#[test]
fn a_plan_that_is_half_executed_has_no_length_yet() {
    let world = World::new();
    let mut steps = ["a", "b", "c"].map(|id| echo(id, 1));
    steps[1]["dependencies"] = json!(["a"]);
    steps[2]["dependencies"] = json!(["b"]);
    for (at, ms) in [(0, 5_000), (1, 2_000)] {
        steps[at]["status"] = json!("completed");
        steps[at]["execution_time_ms"] = json!(ms);
    }
    world.write("plan.json", plan(json!(steps)).to_string());
    world.pe(&["graph", "plan.json"]).exits(0).prints("Critical path: a → b → c\n");
    // What was skipped will never take any time.
    steps[2]["status"] = json!("skipped");
    world.write("plan.json", plan(json!(steps)).to_string());
    world.pe(&["graph", "plan.json"]).exits(0).prints("Critical path: a → b (7.0 s)");
}

#[test]
fn graph_draws_what_is_not_valid() {
    let mut a = echo("a", 1);
    a["dependencies"] = json!(["b"]);
    let mut b = echo("b", 1);
    b["dependencies"] = json!(["a"]);
    World::with_plan(&plan(json!([a, b]))).pe(&["graph", "plan.json"]).exits(0).prints("[b]");
}

#[test]
fn s2_diff_compares_plans_and_runs() {
    let world = World::with_plan(&diamond());
    let mut other = diamond();
    other["steps"][1]["parameters"]["duration_ms"] = json!(300);
    world.write("other.json", other.to_string());
    let done = world.pe(&["diff", "plan.json", "other.json"]).exits(0);
    done.prints("right").prints("duration_ms");
    world.pe(&["diff", "plan.json", "other.json", "--exit-code"]).exits(1);
    world.pe(&["diff", "plan.json", "plan.json", "--exit-code"]).exits(0);
    let diff = world.pe(&["diff", "plan.json", "other.json", "--json"]).exits(0).json();
    for field in [
        "goal_same",
        "steps_count_diff",
        "added_steps",
        "removed_steps",
        "modified_steps",
        "score1",
        "score2",
        "better_plan",
    ] {
        assert!(!diff[field].is_null(), "{field}");
    }
    let run = world.pe(&["run", "plan.json", "--json"]).exits(0).stdout;
    world.write("run.json", run);
    world.pe(&["diff", "plan.json", "run.json", "--exit-code"]).exits(0);
}

#[test]
fn tools_are_listed_one_a_line_for_the_next_program() {
    let world = World::new();
    let list = world.pe(&["tools"]).exits(0).stdout;
    assert!(list.starts_with("TOOL"), "{list}");
    let line = list.lines().find(|line| line.starts_with("run_command")).unwrap();
    let cells: Vec<&str> = line.split_whitespace().take(4).collect();
    assert_eq!(cells, ["run_command", "once", "process", "asks"]);
    let count = world.pe(&["tools", "--json"]).exits(0).json().as_array().unwrap().len();
    assert_eq!(list.lines().count(), count + 1);
    let done = world.pe(&["tools", "write_file"]).exits(0);
    done.prints("idempotent").prints("Parameters:").prints("--allow");
    assert_eq!(world.pe(&["tools", "echo", "--json"]).exits(0).json()["name"], "echo");
}

#[test]
fn every_schema_is_one_and_accepts_what_is_written() {
    let world = World::with_plan(&plan(json!([echo("a", 1), fail("b")])));
    let names = world.pe(&["schema", "--list"]).exits(0).stdout;
    assert_eq!(names, "plan\nconfig\nevents\nreport\nrun\n");
    let schema = |name: &str| world.pe(&["schema", name]).exits(0).json();
    for name in names.lines() {
        assert_eq!(schema(name)["$schema"], "https://json-schema.org/draft/2020-12/schema");
    }
    let events = world.pe(&["run", "plan.json", "--output", "jsonl"]).exits(1).events();
    let report = world.pe(&["validate", "plan.json", "--json"]).exits(0).json();
    let run = world.pe(&["run", "plan.json", "--json"]).exits(1).json();
    let config = json!({"orchestrator": {"fail_fast": true}, "http": {"hosts": ["a"]},
        "policy": {"allow": ["git log", {"rule": "git", "effect": "read"}]}});
    let check = |name: &str, document: &Value| {
        let validator = jsonschema::validator_for(&schema(name)).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(document).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{name}: {document}");
    };
    check("plan", &plan(json!([echo("a", 1)])));
    check("config", &config);
    check("report", &report);
    check("run", &run);
    for event in &events {
        check("events", event);
    }
}

#[test]
fn completions_and_pages() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        world.pe(&["completions", shell]).exits(0).prints("simulate");
    }
    world.pe(&["man"]).exits(0).prints(".TH pe 1");
    world.pe(&["man", "run"]).exits(0).prints("pe\\-run").prints("allow");
    world.pe(&["--version"]).exits(0).prints("pe 0.");
    let help = world.pe(&["--help"]).exits(0).stdout;
    assert!(help.contains("Exit codes:"), "{help}");
}

/// A plan of two steps, `a` and `b`, with these values to echo.
fn pair(a: &str, b: &str) -> String {
    let step = |id: &str, value: &str| {
        let mut step = echo(id, 1);
        step["parameters"]["value"] = json!(value);
        step
    };
    plan(json!([step("a", a), step("b", b)])).to_string()
}

#[test]
fn a_plan_whose_fault_is_in_a_reference_is_the_worse_one() {
    let world = World::new();
    world.write("sound.json", pair("x", "{{ results.a }}"));
    let check = |bad: String, why: &str| {
        world.write("bad.json", bad);
        let diff = world.pe(&["diff", "sound.json", "bad.json", "--json"]).exits(0).json();
        assert_eq!(diff["better_plan"], "plan1", "{diff}");
        assert!(diff["score2"].as_f64().unwrap() <= 55.0, "{diff}");
        assert_eq!(diff["score2_parts"][0]["why"], why);
    };
    check(
        pair("x", "{{ results.aa }}"),
        "1 of 2 steps cannot run as written; names a missing step: `b`",
    );
    check(
        pair("{{ results.b }}", "{{ results.a }}"),
        "2 of 2 steps cannot run as written; in or behind a cycle: `a`, `b`",
    );
    check(
        pair("x", "{{ results.a + }}"),
        "1 of 2 steps cannot run as written; an expression that cannot be read: `b`",
    );
}

#[test]
fn graph_draws_the_references_of_what_is_not_valid() {
    let world = World::new();
    let drawn = |plan: String| {
        world.write("plan.json", plan);
        world.pe(&["graph", "plan.json", "--format", "mermaid"]).exits(0).stdout
    };
    let missing = drawn(pair("x", "{{ results.a }} {{ results.gone }}"));
    for part in ["s0 --> s1", "m0 --> s1", "m0[\"gone"] {
        assert!(missing.contains(part), "{missing}");
    }
    let circle = drawn(pair("{{ results.b }}", "{{ results.a }}"));
    assert!(circle.contains("s0 --> s1") && circle.contains("s1 --> s0"), "{circle}");
    let svg = world.pe(&["graph", "plan.json", "--format", "svg"]).exits(0).stdout;
    assert!(svg.contains(">cycle</text>"), "{svg}");
}
