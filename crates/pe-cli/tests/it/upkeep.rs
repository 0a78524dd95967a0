//! `export` and `import`: a run from one database to another, whole and without secrets.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::world::{World, echo, fail, plan};

/// A world with a run named by what is returned.
fn ran(steps: Value) -> (World, String) {
    let world = World::with_plan(&plan(steps));
    let report = world.pe(&["run", "plan.json", "--json"]).json();
    let name = report["run_name"].as_str().unwrap().to_owned();
    (world, name)
}

#[test]
fn a_run_comes_back_as_it_left() {
    let (world, name) = ran(json!([echo("a", "héllo"), echo("b", "{{ results.a }} 漢字")]));
    let done = world.pe(&["export", "last"]).exits(0);
    assert_eq!(done.stdout, "");
    done.says(&format!("run {name} is exported to {name}.json; nothing looked like a secret"));
    let file = format!("{name}.json");
    let mode = world.path().join(&file).metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{mode:o}");
    let printed = world.pe(&["export", "last", "-o", "-"]).exits(0).json();
    assert_eq!(printed["run"]["name"], name.as_str());

    let elsewhere = ["--db", "other.db"];
    let done = world.pe(&[&elsewhere[..], &["import", &file]].concat()).exits(0);
    done.says(&format!("imported as run {name}"));
    for view in [&["show", "last", "--json"][..], &["show", "last", "--events", "--json"]] {
        let there = world.pe(&[&elsewhere[..], view].concat()).exits(0).json();
        assert_eq!(there, world.pe(view).exits(0).json(), "{view:?}");
    }
    world.pe(&[&elsewhere[..], &["show", "last"]].concat()).exits(0).prints("Imported:");
    world.pe(&[&elsewhere[..], &["versions", "last"]].concat()).exits(0).prints("first");

    let text = std::fs::read(world.path().join(&file)).unwrap();
    let words = [&elsewhere[..], &["import", "-", "--json"]].concat();
    let again = world.pe_reading(&words, &text).exits(0);
    assert_eq!(again.json(), json!({"outcome": "identical", "name": name}));
}

#[test]
fn secrets_do_not_leave() {
    let secret = "sk-live-0123456789";
    let steps = json!([
        echo("a", format!("curl -H 'x: {secret}'")),
        echo("b", json!({"password": "hunter2", "max_tokens": 5})),
    ]);
    let (world, name) = ran(steps);
    let done = world.pe_with(&[("MY_API_KEY", secret)], &["export", "last"]).exits(0);
    let file = std::fs::read_to_string(world.path().join(format!("{name}.json"))).unwrap();
    assert!(!file.contains(secret) && !file.contains("hunter2"), "{file}");
    assert!(file.contains("[redacted]") && file.contains("\"max_tokens\": 5"), "{file}");
    let redacted = file.matches("[redacted]").count();
    done.says(&format!("; {redacted} values redacted"));
    let kept = world.pe(&["export", "last", "-o", "-"]).exits(0);
    assert!(kept.stdout.contains(secret), "no variable has it: it is a text like others");
    world.pe(&["show", "last", "--json"]).exits(0).prints(secret);
}

#[test]
fn nothing_is_overwritten_unless_it_is_asked_for() {
    let (world, _) = ran(json!([echo("a", 1)]));
    world.write("kept", "precious");
    let done = world.pe(&["export", "last", "-o", "kept"]).exits(2);
    done.says("`kept` exists already").says("--force");
    assert_eq!(std::fs::read(world.path().join("kept")).unwrap(), b"precious");
    world.pe(&["export", "last", "-o", "kept", "--force"]).exits(0);
    let mode = world.path().join("kept").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the new file is private, whatever the old one was");
    world.pe(&["export", "last", "-o", "no/such/place"]).exits(1).says("cannot write");
    world.pe(&["export", "lost"]).exits(2).says("there is no run `lost`");
    let left: Vec<_> = std::fs::read_dir(world.path()).unwrap().collect();
    assert_eq!(left.len(), 3, "home, the plan and the file: {left:?}");
}

#[test]
fn damage_is_refused_with_its_place_and_nothing_is_written() {
    let (world, name) = ran(json!([echo("a", 1), fail("b")]));
    let whole = world.pe(&["export", "last", "-o", "-"]).exits(0).json();
    let import = |document: &str| {
        world.write("run.json", document);
        world.pe(&["--db", "new.db", "import", "run.json"])
    };
    import("{\"format\": 1,\n \"run\": }").exits(3).says("line 2 column 9");
    import("{}").exits(3).says("missing field `format`");
    let mut gap = whole.clone();
    gap["events"].as_array_mut().unwrap().remove(2);
    import(&gap.to_string()).exits(3).says("event 3 stands where 2 is next");
    let mut newer = whole.clone();
    newer["format"] = json!(99);
    import(&newer.to_string()).exits(3).says("use a newer program");
    world.pe(&["--db", "new.db", "import", "gone.json"]).exits(2).says("cannot read `gone.json`");
    world.pe(&["--db", "new.db", "ls", "--json"]).exits(0).prints("[]");

    // The same id with another history.
    let mut other = whole.clone();
    other["events"][0]["recorded_at"] = json!("2020-01-01T00:00:00Z");
    world.write("run.json", other.to_string());
    world.pe(&["import", "run.json"]).exits(2).says(&format!("another run of this id, {name}"));
}
