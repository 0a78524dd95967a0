//! `pe init`: what it writes is taken by our own readers, and what is there is left alone.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::world::{Done, World};

/// What a fresh directory needs is there after `pe init`, with every line of it in use.
#[test]
fn init_writes_what_our_own_readers_take() {
    let world = World::new();
    let done = world.pe(&["init"]).exits(0);
    insta::assert_snapshot!(done.stdout, @"
    wrote .pe/config.toml
    wrote .pe/plan.schema.json
    wrote plan.yaml
    next: `pe run plan.yaml` runs the plan; it needs no model
    next: `pe doctor` says whether a model can be reached, and what to do if not
    next: `pe tools` lists what steps can call
    ");
    world.pe(&["validate", "--strictness", "strict", "plan.yaml"]).exits(0);
    world.pe(&["tools"]).exits(0);
    let done = world.pe(&["run", "plan.yaml"]).exits(0);
    assert!(done.stdout.ends_with("nothing left to do\n"), "{}", done.stdout);
    assert!(!done.stderr.contains("warning"), "{}", done.stderr);
    world.write("src/a.rs", "fn a() {}\n// TODO: more\n");
    let done = world.pe(&["run", "plan.yaml"]).exits(0);
    assert!(done.stdout.ends_with("TODO in 1 of them; first: src/a.rs:2\n"), "{}", done.stdout);

    let read = |name: &str| fs::read_to_string(world.path().join(name)).unwrap();
    assert_eq!(read(".pe/plan.schema.json"), world.pe(&["schema", "plan"]).exits(0).stdout);
    let line = read("plan.yaml").lines().next().unwrap().to_owned();
    assert_eq!(line, "# yaml-language-server: $schema=.pe/plan.schema.json");

    let text = read(".pe/config.toml");
    let used: String = text
        .lines()
        .map(|line| match line.strip_prefix('#') {
            // A comment begins with a blank, a line that is out of use does not.
            Some(line) if !line.starts_with(' ') => format!("{line}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    assert!(used.lines().filter(|line| line.contains(" = ")).count() > 15, "{used}");
    world.write("used.toml", &used);
    let key = [("MY_API_KEY", "k")];
    let done = world.pe_with(&key, &["config", "show", "--config", "used.toml"]).exits(0);
    assert_eq!(done.stderr, "", "every key exists and its value holds");
    let schema = world.pe(&["schema", "config"]).exits(0).json();
    let document: Value = toml::from_str::<toml::Value>(&used).map(|file| json!(file)).unwrap();
    assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&document));
}

#[test]
fn init_never_overwrites() {
    let world = World::new();
    world.write("plan.yaml", "mine");
    let done = world.pe(&["init"]).exits(0);
    done.prints("wrote .pe/config.toml").prints("plan.yaml is there already; left as it is");
    let read = |name: &str| fs::read_to_string(world.path().join(name)).unwrap();
    assert_eq!(read("plan.yaml"), "mine");
    let config = read(".pe/config.toml");
    world.pe(&["init"]).exits(0).prints(".pe/config.toml is there already");
    assert_eq!(read(".pe/config.toml"), config);

    let other = World::new();
    std::os::unix::fs::symlink("/nowhere/at/all", other.path().join("plan.yaml")).unwrap();
    other.pe(&["init"]).exits(0).prints("plan.yaml is there already");
    assert!(!Path::new("/nowhere").exists());
    let other = World::new();
    other.write(".pe", "a file");
    other.pe(&["init"]).exits(2).says("cannot write `.pe/config.toml`");
}

#[test]
fn init_says_which_file_it_takes_the_place_of() {
    let world = World::new();
    world.write(".git/HEAD", "");
    world.write(".pe/config.toml", "[orchestrator]\nfail_fast = true\n");
    fs::create_dir(world.path().join("inner")).unwrap();
    let mut command = world.command(&["init"]);
    let done = Done::of(command.current_dir(world.path().join("inner")).output().unwrap());
    done.exits(0).says("`.pe/config.toml` is read instead of");
}
