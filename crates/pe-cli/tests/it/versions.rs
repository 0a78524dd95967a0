//! `versions` and `rollback`; and `graph` and `diff` of recorded runs.

use serde_json::{Value, json};

use crate::world::{World, echo, fail, plan};

/// A plan that was run, edited and run again: two versions.
fn edited() -> World {
    let world = World::new();
    let write = |steps: Value| {
        let plan = json!({"plan_id": "notes", "goal": "Take nötes", "steps": steps});
        world.write("plan.json", plan.to_string());
    };
    write(json!([echo("a", "one")]));
    world.pe(&["run", "plan.json"]).exits(0);
    write(json!([echo("a", "one"), echo("b", "two {{ results.a }}")]));
    world.pe(&["run", "plan.json"]).exits(0);
    world
}

#[test]
fn versions_are_listed_by_plan_prefix_or_run() {
    let world = edited();
    let table = world.pe(&["versions", "notes"]).exits(0).stdout;
    let rows: Vec<Vec<&str>> =
        table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["VERSION", "CREATED", "PARENT", "STEPS", "REASON"]);
    assert_eq!((rows.len(), rows[1][0], rows[2][0]), (3, "1", "2"), "{table}");
    assert_eq!(rows[2][rows[2].len() - 3..], ["1", "2", "edited"], "{table}");
    let versions = world.pe(&["versions", "no", "--json"]).exits(0).json();
    assert_eq!(world.pe(&["versions", "last", "--json"]).exits(0).json(), versions);
    assert_eq!((&versions[0]["version"], &versions[0]["steps"]), (&json!(1), &json!(1)));
    assert_eq!(versions[1]["parent_version"], 1);
    let created = versions[1]["created_at"].as_str().unwrap();
    assert!(created.parse::<jiff::Timestamp>().is_ok(), "{created}");

    let done = world.pe(&["versions", "nodes"]).exits(2);
    done.says("there is no plan or run `nodes`; did you mean `notes`?");
    world.pe(&["versions", "notes", "--show", "3"]).exits(2).says("no version 3: it has 1 to 2");
    World::new().pe(&["versions", "notes"]).exits(2).says("there is no database");
}

#[test]
fn a_version_is_a_plan_file() {
    let world = edited();
    for (format, words) in [("json", &[][..]), ("yaml", &["--format", "yaml"])] {
        let words = [&["versions", "notes", "--show", "1"], words].concat();
        let file = format!("old.{format}");
        world.write(&file, world.pe(&words).exits(0).stdout);
        world.pe(&["validate", &file, "--strictness", "strict"]).exits(0);
        assert_eq!(world.pe(&["run", &file]).exits(0).stdout, "one\n");
    }
    let versions = world.pe(&["versions", "notes", "--json"]).exits(0).json();
    assert_eq!(versions.as_array().unwrap().len(), 2, "running an old version makes no new one");
    world.pe(&["versions", "notes", "--format", "yaml"]).exits(2);
}

#[test]
fn a_rollback_is_a_new_version_with_the_old_content() {
    let world = edited();
    let done = world.pe(&["rollback", "notes", "--to", "1"]).exits(0);
    done.says("plan notes is at version 3 now, with the content of version 1");
    let versions = world.pe(&["versions", "notes", "--json"]).exits(0).json();
    assert_eq!(versions[2]["digest"], versions[0]["digest"]);
    assert_eq!((&versions[2]["parent_version"], &versions[2]["steps"]), (&json!(2), &json!(1)));
    world.pe(&["versions", "notes"]).exits(0).prints("rolled back to version 1");
    let shown = world.pe(&["versions", "notes", "--show", "3"]).exits(0).json();
    assert_eq!((&shown["version"], shown["steps"].as_array().unwrap().len()), (&json!(3), 1));
    world.pe(&["rollback", "notes", "--to", "0"]).exits(2).says("no version 0");
    world.pe(&["rollback", "notes"]).exits(2).says("--to");
    let world = World::new();
    world.pe(&["rollback", "notes", "--to", "1"]).exits(2).says("there is no database");
    assert!(!world.exists("home"), "nothing is made");
}

#[test]
fn a_run_is_drawn_and_compared_as_it_was_executed() {
    let world = World::with_plan(&plan(json!([fail("bad"), echo("b", 1)])));
    let run = world.pe(&["run", "plan.json", "--json"]).exits(1);
    world.write("run.json", &run.stdout);
    let name = run.json()["run_name"].as_str().unwrap().to_owned();
    for format in ["text", "mermaid", "dot"] {
        let drawn = world.pe(&["graph", &name, "--format", format]).exits(0).stdout;
        let from_file = world.pe(&["graph", "run.json", "--format", format]).exits(0).stdout;
        assert_eq!(drawn, from_file, "{format}");
    }
    world.pe(&["graph", "last"]).exits(0).prints("✗ [bad]").prints("✓ [b]");
    world.pe(&["diff", "last", "plan.json", "--exit-code"]).exits(0);

    world.write("plan.json", plan(json!([fail("bad")])).to_string());
    world.pe(&["run", "plan.json"]).exits(1);
    world.pe(&["diff", &name, "last", "--exit-code"]).exits(1).prints(&name);
    let diff = world.pe(&["diff", &name, "last", "--json"]).exits(0).json();
    assert_eq!(diff["removed_steps"], json!(["b"]));

    // What exists as a file is one, whatever runs are called.
    world.write("last", plan(json!([echo("file", 1)])).to_string());
    world.pe(&["graph", "last"]).exits(0).prints("[file]");
}

#[test]
fn what_is_neither_a_file_nor_a_run_is_said_to_be_neither() {
    let world = World::with_plan(&plan(json!([echo("a", 1)])));
    let done = world.pe(&["graph", "quiet-otter"]).exits(2);
    done.says("there is no file `quiet-otter`, and no run either: nothing has been run yet");
    assert!(!world.exists("home"), "looking has created something");
    let run = world.pe(&["run", "plan.json", "--json"]).exits(0).json();
    let name = run["run_name"].as_str().unwrap();
    let done = world.pe(&["diff", "plan.json", &format!("{name}s")]).exits(2);
    done.says(&format!("no run either; did you mean run `{name}`?"));
    world.pe(&["graph", "gone.yaml"]).exits(2).says("cannot read `gone.yaml`");
    world.write(".pe/config.toml", "[orchestrator]\nmax_paralel_steps = 1\n");
    let done = world.pe(&["diff", "last", "last"]).exits(0);
    assert_eq!(done.stderr.matches("warning").count(), 1, "{}", done.stderr);
}
