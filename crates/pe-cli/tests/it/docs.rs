//! What the documentation shows works: examples, the README's plan and picture.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::world::World;

/// The top of the workspace.
fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn read(file: &str) -> String {
    fs::read_to_string(top().join(file)).unwrap()
}

/// The fenced blocks of one language.
fn blocks(file: &str, language: &str) -> Vec<String> {
    let text = read(file);
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn every_example_is_valid_without_a_finding() {
    let examples: Vec<String> = fs::read_dir(top().join("docs/examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
        .collect();
    assert!(examples.len() >= 5, "{examples:?}");
    let mut words = vec!["validate", "--strictness", "strict"];
    words.extend(examples.iter().map(String::as_str));
    World::new().pe(&words).exits(0);
}

#[test]
fn the_plans_in_the_pages_are_valid() {
    let world = World::new();
    for file in ["README.md", "docs/plan-format.md"] {
        let plans = blocks(file, "yaml");
        assert!(!plans.is_empty(), "{file} shows no plan");
        for plan in plans {
            world.write("plan.yaml", plan);
            world.pe(&["validate", "plan.yaml", "--strictness", "strict"]).exits(0);
        }
    }
}

/// A small repository, and git's place taken by nothing at all.
fn tree() -> World {
    let world = World::new();
    world.write("tree/Cargo.toml", "[package]\nname = \"x\"\nlicense = \"MIT\"\n");
    world.write("tree/src/lib.rs", "//! x\n\n// TODO: more\n");
    world.write("tree/README.md", "# x\n");
    world
}

fn example(name: &str) -> String {
    top().join("docs/examples").join(name).to_str().unwrap().to_owned()
}

#[test]
fn the_health_report_recovers_where_there_is_no_git_history() {
    let world = tree();
    let plan = example("repo-health.yaml");
    let done = world.pe(&["run", &plan, "--root", "tree", "--allow", "git log"]).exits(0);
    let done = done.says("1 recovered");
    for line in [
        "| lines of source | 3 |",
        "| TODO, FIXME, XXX | 1 in 1 files |",
        "| `Cargo.toml` | 3 | yes |",
        "- `src/lib.rs:3` // TODO: more",
        "(no git history here)",
        "Little was left for later.",
    ] {
        assert!(done.stdout.contains(line), "no {line:?} in\n{}", done.stdout);
    }
}

#[test]
fn the_notes_page_is_written_and_the_secrets_gate_closes() {
    let world = tree();
    let notes = example("notes-page.json");
    let done = world.pe(&["run", &notes, "--root", "tree", "--allow", "write_file"]).exits(0);
    assert_eq!(done.stdout, "1 notes in target/notes.md.\n");
    assert!(world.exists("tree/target/notes.md"));

    let gate = example("leaked-secrets.yaml");
    let done = world.pe(&["run", &gate, "--root", "tree"]).exits(0);
    assert_eq!(done.stdout, "No credential found.\n");
    world.write("tree/key.pem", format!("-----BEGIN {} KEY-----\n", "RSA PRIVATE"));
    let done = world.pe(&["run", &gate, "--root", "tree"]).exits(1);
    assert_eq!(done.stdout, "");
    done.says("looks like a credential: key.pem:1");
}

#[test]
fn the_picture_of_the_readme_is_what_the_program_draws() {
    let world = tree();
    let plan = example("repo-health.yaml");
    let run = world.pe(&["run", &plan, "--root", "tree", "--allow", "git log", "--json"]).exits(0);
    world.write("run.json", &run.stdout);
    let drawn = world.pe(&["graph", "run.json", "--format", "mermaid"]).exits(0).stdout;
    // Durations differ from run to run, and with them the critical path.
    let is_timing = |line: &str| line.contains(" critical") || line.contains("stroke-width:5px");
    let undated = |text: &str| -> String {
        let lines = text.lines().map(|line| match line.find(" · ") {
            Some(at) if line[at..].contains(" ms") => {
                let rest = line[at..].split_once(" ms").unwrap().1;
                format!("{}{rest}\n", &line[..at])
            }
            _ => format!("{line}\n"),
        });
        lines.filter(|line| !is_timing(line)).collect()
    };
    assert_eq!(undated(&blocks("README.md", "mermaid")[0]), undated(&drawn));
}

#[test]
fn s2_the_worked_example_of_a_comparison_is_what_the_program_prints() {
    let world = World::new();
    let plans = blocks("docs/comparison.md", "json");
    world.write("before.json", &plans[0]);
    world.write("after.json", &plans[1]);
    let printed = world.pe(&["diff", "before.json", "after.json"]).exits(0).stdout;
    assert_eq!(printed, blocks("docs/comparison.md", "text")[0]);
    // What cannot run takes no time, and the other plan's is told all the same.
    let compared = || world.pe(&["diff", "before.json", "after.json", "--json"]).exits(0).json();
    world.write("after.json", plans[1].replace("\"fallback_for\": \"news\", ", ""));
    let diff = compared();
    assert_eq!(json!([diff["makespan1_ms"], diff["critical_path1_ms"]]), json!([4_000, 4_000]));
    assert_eq!(diff["critical_path1"], json!(["news", "weather", "digest", "mail"]));
    assert_eq!(json!([diff["makespan2_ms"], diff["critical_path2"]]), json!([null, null]));
    // The workers are those of the settings.
    world.write(".pe/config.toml", "[orchestrator]\nmax_parallel_steps = 1\n");
    world.write("after.json", &plans[1]);
    let diff = compared();
    assert_eq!(json!([diff["workers"], diff["makespan2_ms"]]), json!([1, 4_000]));
    assert_eq!(diff["critical_path2_ms"], 3_000);
}
