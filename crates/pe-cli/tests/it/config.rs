//! Where settings come from, as seen from outside.

use serde_json::{Value, json};

use crate::world::{World, echo, plan, touch};

/// The configuration that a run started with.
fn config(world: &World, variables: &[(&str, &str)], flags: &[&str]) -> Value {
    let words = [&["run", "plan.json", "--output", "jsonl"], flags].concat();
    let done = world.pe_with(variables, &words).exits(0);
    done.events().remove(0)["config"].take()
}

#[test]
fn flags_win_over_variables_over_the_project_over_the_user() {
    let world = World::with_plan(&plan(json!([echo("a", 1)])));
    let slots = |variables: &[_], flags: &[_]| {
        config(&world, variables, flags)["max_parallel_steps"].clone()
    };
    assert_eq!(slots(&[], &[]), 3, "the default");
    world.write("home/.config/pe/config.toml", "[orchestrator]\nmax_parallel_steps = 4\n");
    assert_eq!(slots(&[], &[]), 4, "the user's file");
    world.write("xdg/pe/config.toml", "[orchestrator]\nmax_parallel_steps = 5\n");
    let xdg = world.path().join("xdg");
    let xdg = ("XDG_CONFIG_HOME", xdg.to_str().unwrap());
    assert_eq!(slots(&[xdg], &[]), 5, "the user's file where XDG says");
    world.write(".pe/config.toml", "[orchestrator]\nmax_parallel_steps = 6\n");
    assert_eq!(slots(&[xdg], &[]), 6, "the project's file");
    world.write("other.toml", "[orchestrator]\nmax_parallel_steps = 7\n");
    assert_eq!(slots(&[xdg], &["--config", "other.toml"]), 7, "a file that is named");
    let variable = ("PE_MAX_PARALLEL_STEPS", "8");
    assert_eq!(slots(&[xdg, variable], &["--config", "other.toml"]), 8, "a variable");
    assert_eq!(slots(&[variable], &["--parallel", "9"]), 9, "a flag");
}

#[test]
fn size_limits_apply_to_a_file_only_when_they_were_set() {
    let steps: Vec<Value> = (0..25).map(|n| echo(&format!("s{n}"), n)).collect();
    let world = World::with_plan(&plan(json!(steps)));
    world.pe(&["validate", "plan.json"]).exits(0);
    let set = [("PE_MAX_PLAN_STEPS", "20")];
    let done = world.pe_with(&set, &["validate", "plan.json"]).exits(3);
    done.prints("the plan has 25 steps, more than 20");
}

#[test]
fn odd_settings_are_said_and_wrong_ones_end_the_program() {
    let world = World::with_plan(&plan(json!([echo("a", 1)])));
    world.write(".pe/config.toml", "[orchestrator]\nfail_fastt = true\n");
    let done = world.pe(&["run", "plan.json"]).exits(0);
    done.says("warning: `.pe/config.toml`: there is no `orchestrator.fail_fastt`; it is ignored; did you mean `fail_fast`?");
    world.write(".pe/config.toml", "[orchestrator]\nfail_fast = \"yes\"\n");
    let done = world.pe(&["run", "plan.json"]).exits(2);
    done.says("`.pe/config.toml`: `orchestrator.fail_fast`: expected true or false, found \"yes\"");
    let done = world.pe(&["run", "plan.json", "--config", "gone.toml"]).exits(2);
    done.says("cannot read the configuration file `gone.toml`");
    let done = World::new().pe_with(&[("PE_STEP_TIMEOUT_MS", "soon")], &["run", "x.json"]).exits(2);
    done.says("`PE_STEP_TIMEOUT_MS` in the environment: expected milliseconds");
}

#[test]
fn a_checkout_cannot_allow_itself_anything() {
    let world = World::with_plan(&plan(json!([touch("t", "made")])));
    world.write(".pe/config.toml", "[policy]\nallow = [\"touch\"]\n");
    let done = world.pe(&["run", "plan.json"]).exits(5);
    assert!(!world.exists("made"));
    done.says("`[policy]` in `.pe/config.toml` is ignored").says("--config .pe/config.toml");
    world.pe(&["run", "plan.json", "--config", ".pe/config.toml"]).exits(0);
    assert!(world.exists("made"));
}

#[test]
fn the_users_own_file_allows() {
    let world = World::with_plan(&plan(json!([touch("t", "made")])));
    let rule = "[policy]\nallow = [{ rule = \"touch made\", effect = \"idempotent\" }]\n";
    world.write("home/.config/pe/config.toml", rule);
    let done = world.pe(&["run", "plan.json", "--output", "jsonl"]).exits(0);
    let started = done.events().into_iter().find(|event| event["type"] == "attempt_started");
    assert_eq!(started.unwrap()["effect"], "idempotent");
    assert!(world.exists("made"));
}

#[test]
fn which_variables_programs_see_is_the_operators_choice() {
    let step = json!({"step_id": "e", "tool": "run_command", "parameters": {"argv": ["env"]}});
    let world = World::with_plan(&plan(json!([step])));
    let seen = |words: &[&str]| {
        let words = [&["run", "plan.json", "--yes", "--json"], words].concat();
        let done = world.pe_with(&[("SECRET", "x"), ("LANG", "C")], &words).exits(0);
        let stdout = done.json()["results"]["e"]["stdout"].as_str().unwrap().to_owned();
        (stdout.contains("SECRET=x"), stdout.contains("LANG=C"), done.stderr)
    };
    let table = "[command]\npass_env = [\"PATH\", \"SEC*\"]\n";
    world.write(".pe/config.toml", table);
    let (secret, lang, stderr) = seen(&[]);
    assert!(!secret && lang, "a project's file does not choose");
    assert!(stderr.contains("`[command]` in `.pe/config.toml` is ignored"), "{stderr}");
    let (secret, lang, stderr) = seen(&["--config", ".pe/config.toml"]);
    assert!(secret && !lang && !stderr.contains("warning"), "{stderr}");
    world.write("home/.config/pe/config.toml", table);
    let (secret, lang, _) = seen(&[]);
    assert!(secret && !lang, "the user's own file");
    world.write("bad.toml", "[command]\npass_env = \"PATH\"\n");
    let done = world.pe(&["run", "plan.json", "--config", "bad.toml"]).exits(2);
    done.says("`bad.toml`: `command.pass_env`: expected a list of texts, found \"PATH\"");
}

#[test]
fn what_is_shown_is_a_configuration_that_says_the_same() {
    let world = World::new();
    world.write("home/.config/pe/config.toml", "[llm]\nmodel = \"u\"\n[prompts]\nplan = \"p.md\"\n[policy]\nallow = [\"write_file\", { rule = \"git log\", effect = \"read\" }]\n[http]\nhosts = [\"a.test\"]\n");
    world.write(
        ".pe/config.toml",
        "[orchestrator]\nmax_iterations = 4\nbudget = { llm_calls = 3 }\n",
    );
    let variables = [("PE_API_KEY", "hunter2-hunter2"), ("PE_LLM_TEMPERATURE", "0.5")];
    let show = |words: &[&str], variables: &[(&str, &str)]| {
        let done = world.pe_with(variables, &[&["config", "show"], words].concat()).exits(0);
        assert!(!done.stdout.contains("hunter2") && !done.stderr.contains("hunter2"));
        assert_eq!(done.stderr, "");
        done.stdout
    };
    let shown = show(&[], &variables);
    for line in [
        "# api_key: set (from PE_API_KEY)",
        "max_iterations = 4",
        "budget = { llm_calls = 3 }",
        "model = \"u\"",
        "temperature = 0.5",
        "# context_tokens: not set",
        "allow = [\"write_file\", { rule = \"git log\", effect = \"read\" }]",
    ] {
        assert!(shown.lines().any(|found| found == line), "no {line:?} in\n{shown}");
    }
    world.write("shown.toml", &shown);
    let values = |document: &str| -> Vec<Value> {
        let document: Value = serde_json::from_str(document).unwrap();
        let settings = document["settings"].as_object().unwrap();
        let settings = settings.iter().filter(|(name, _)| !name.starts_with("prompts."));
        settings.map(|(name, entry)| json!([name, entry["value"]])).collect()
    };
    let key = ("PE_API_KEY", "hunter2-hunter2");
    let xdg = ("XDG_CONFIG_HOME", "/nowhere");
    let again = show(&["--json", "--config", "shown.toml"], &[key, xdg]);
    assert_eq!(values(&again), values(&show(&["--json"], &variables)));

    let origins = show(&["--origin", "--model", "f"], &variables);
    let origin = |key: &str| {
        let line = origins.lines().find(|line| line.starts_with(key)).unwrap();
        line.rsplit_once("  # ").unwrap().1.to_owned()
    };
    assert_eq!(origin("max_iterations"), ".pe/config.toml: orchestrator.max_iterations");
    assert_eq!(origin("temperature"), "PE_LLM_TEMPERATURE");
    assert_eq!(origin("model"), "--model");
    assert_eq!(origin("stream "), "default");
    assert_eq!(origin("# api_key"), "PE_API_KEY");
    assert!(origin("hosts").ends_with(".config/pe/config.toml: http.hosts"));
}

#[test]
fn the_files_that_are_looked_at_are_listed() {
    let world = World::new();
    world.write(".git/HEAD", "");
    world.write(".pe/config.toml", "this is no TOML");
    std::fs::create_dir(world.path().join("inner")).unwrap();
    let path = |words: &[&str]| {
        let mut command = world.command(&[&["config", "path", "--json"], words].concat());
        let done = command.current_dir(world.path().join("inner")).output().unwrap();
        let files = crate::world::Done::of(done).exits(0).json();
        let files = files.as_array().unwrap().iter();
        files.map(|file| format!("{} {}", file["whose"], file["state"])).collect::<Vec<_>>()
    };
    let project = [r#""project" "missing""#, r#""project" "read""#, r#""user" "missing""#];
    assert_eq!(path(&[]), project);
    world.write("home/.config/pe/config.toml", "");
    assert_eq!(
        path(&["--config", "x.toml"]),
        [
            r#""--config" "missing""#,
            r#""project" "missing""#,
            r#""project" "passed over""#,
            r#""user" "read""#
        ]
    );
    let done = world.pe(&["config", "path"]).exits(0);
    assert!(done.stdout.starts_with("STATE"), "{}", done.stdout);
}

#[test]
fn every_setting_is_in_the_documentation() {
    let top = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let page = std::fs::read_to_string(top.join("docs/configuration.md")).unwrap();
    let shown = World::new().pe(&["config", "show", "--json"]).exits(0).json();
    let names: Vec<&String> = shown["settings"].as_object().unwrap().keys().collect();
    assert!(names.len() > 30, "{names:?}");
    for name in names.iter().filter_map(|name| name.split_once('.')) {
        let (section, key) = name;
        assert!(page.contains(&format!("`{key}`")), "{section}.{key}");
        let variable = format!("`PE_LLM_{}`", key.to_uppercase());
        if section == "llm" && !["base_url", "model", "api_key_env"].contains(&key) {
            assert!(page.contains(&variable), "{variable}");
        }
    }
}

#[test]
fn a_key_in_a_file_is_refused_with_the_next_move() {
    let world = World::new();
    world.write(".pe/config.toml", "[llm]\napi_key = \"hunter2\"\n");
    let done = world.pe(&["config", "show"]).exits(2);
    assert!(!done.stderr.contains("hunter2"), "{}", done.stderr);
    done.says("`llm.api_key`: a key does not belong into a file").says("api_key_env = ");
}
