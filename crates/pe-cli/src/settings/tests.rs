//! Which source of settings wins, and what is said about the odd ones.

use std::fs;

use pe_model::Strictness;
use serde_json::json;
use tempfile::TempDir;

use super::*;

/// A directory tree with a project in `work` and a user's configuration in `xdg/pe`.
struct Tree(TempDir);

impl Tree {
    fn new(project: &str, user: &str) -> Self {
        let tree = tempfile::tempdir().unwrap();
        for (folder, text) in [("work/.pe", project), ("xdg/pe", user)] {
            let folder = tree.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            if !text.is_empty() {
                fs::write(folder.join("config.toml"), text).unwrap();
            }
        }
        Self(tree)
    }

    fn surroundings(&self, variables: &[(&str, &str)]) -> Surroundings {
        let xdg = self.0.path().join("xdg").to_str().unwrap().to_owned();
        let variables = variables.iter().map(|(name, value)| (*name, (*value).to_owned()));
        Surroundings {
            directory: self.0.path().join("work"),
            environment: variables
                .chain([("XDG_CONFIG_HOME", xdg)])
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            file: None,
            database: None,
        }
    }

    fn resolve(&self, variables: &[(&str, &str)]) -> Result<Settings, String> {
        Settings::resolve(&self.surroundings(variables), Flags::default())
            .map_err(|failure| format!("{:#}", failure.error))
    }
}

#[test]
fn each_source_wins_over_the_next() {
    let user = "[orchestrator]\nmax_parallel_steps = 2\nplan_timeout_ms = 2\nstep_timeout_ms = 2\nmax_output_bytes = 2\n";
    let project =
        "[orchestrator]\nmax_parallel_steps = 3\nplan_timeout_ms = 3\nstep_timeout_ms = 3\n";
    let tree = Tree::new(project, user);
    let surroundings =
        tree.surroundings(&[("PE_MAX_PARALLEL_STEPS", "4"), ("PE_PLAN_TIMEOUT_MS", "4")]);
    let flags = Flags {
        orchestrator: vec![("max_parallel_steps", json!(5))],
        allow: vec!["echo".to_owned()],
    };
    let settings = Settings::resolve(&surroundings, flags).unwrap();
    let config = &settings.orchestrator;
    assert_eq!(
        (config.max_parallel_steps, config.plan_timeout_ms, config.step_timeout_ms),
        (5, 4, 3)
    );
    assert_eq!((config.max_output_bytes, config.max_plan_steps), (2, 20));
    assert_eq!(settings.allow[0].rule, "echo");
    assert_eq!(settings.warnings, Vec::<String>::new());
}

#[test]
fn size_limits_hold_for_a_file_only_when_set() {
    let limits = Tree::new("", "").resolve(&[]).unwrap().limits;
    assert_eq!((limits.max_steps, limits.max_depth), (None, None));
    let limits = Tree::new("[orchestrator]\nmax_plan_steps = 20\n", "")
        .resolve(&[("PE_MAX_PLAN_DEPTH", "7"), ("PE_PLAN_VALIDATION_STRICTNESS", "strict")])
        .unwrap()
        .limits;
    assert_eq!((limits.max_steps, limits.max_depth), (Some(20), Some(7)));
    assert_eq!(limits.strictness, Strictness::Strict);
}

#[test]
fn a_project_cannot_widen_consent_by_itself() {
    let policy = "[policy]\nallow = [\"rm\", { rule = \"git log\", effect = \"read\" }]\n[http]\nhosts = [\"example.org\"]\n";
    let tree = Tree::new(policy, "");
    let settings = tree.resolve(&[]).unwrap();
    assert!(settings.allow.is_empty() && settings.hosts.is_empty());
    assert_eq!(settings.warnings.len(), 2);
    assert!(settings.warnings[0].starts_with("`[policy]` in `.pe/config.toml` is ignored"));

    let named = Surroundings {
        file: Some(tree.0.path().join("work/.pe/config.toml")),
        ..tree.surroundings(&[])
    };
    let settings = Settings::resolve(&named, Flags::default()).unwrap();
    let allowed: Vec<_> =
        settings.allow.iter().map(|entry| (entry.rule.as_str(), entry.effect)).collect();
    assert_eq!(allowed, [("rm", None), ("git log", Some(Effect::Read))]);
    assert_eq!(settings.hosts, ["example.org"]);

    let settings = Tree::new("", policy).resolve(&[]).unwrap();
    assert_eq!((settings.allow.len(), settings.warnings.len()), (2, 0), "a user's own file");
}

#[test]
fn strangers_are_warned_about_with_the_nearest_name() {
    let project = "[orchestrater]\n[orchestrator]\nmax_paralel_steps = 3\nmax_iterations = 3\n";
    let user = "[policy]\nalow = []\n[colours]\n";
    let settings = Tree::new(project, user).resolve(&[("PE_FAILFAST", "1"), ("PE_X", "1")]);
    insta::assert_snapshot!(settings.unwrap().warnings.iter().map(|warning| {
        // The user's file is shown with its path, which differs from run to run.
        let at = warning.find("xdg").unwrap_or(1);
        format!("`{}\n", &warning[at..])
    }).collect::<String>(), @"
    `xdg/pe/config.toml`: there is no `policy.alow`; it is ignored; did you mean `allow`?
    `xdg/pe/config.toml`: there is no `[colours]`; it is ignored
    `.pe/config.toml`: there is no `[orchestrater]`; it is ignored; did you mean `[orchestrator]`?
    `.pe/config.toml`: there is no `orchestrator.max_paralel_steps`; it is ignored; did you mean `max_parallel_steps`?
    `orchestrator.max_iterations` in `.pe/config.toml` has no effect in this version
    `PE_FAILFAST` is ignored; did you mean `PE_FAIL_FAST`?
    ");
}

#[test]
fn wrong_values_are_errors_that_name_place_key_and_expectation() {
    let file = |text: &str| Tree::new(text, "").resolve(&[]).unwrap_err();
    insta::assert_snapshot!([
        file("[orchestrator]\nmax_parallel_steps = \"3\"\n"),
        file("[orchestrator]\nmax_parallel_steps = 0\n"),
        file("[orchestrator]\nmax_parallel_steps = -1\n"),
        file("[orchestrator]\nadaptation_sensitivity = 1.5\n"),
        file("[orchestrator]\nplan_validation_strictness = \"loose\"\n"),
        file("orchestrator = 3\n"),
        file("[orchestrator]\nfail_fast = true\nfail_fast = false\n"),
        file("[orchestrator\n"),
        Tree::new("", "").resolve(&[("PE_MAX_PARALLEL_STEPS", "many")]).unwrap_err(),
        Tree::new("", "").resolve(&[("PE_FAIL_FAST", "yes")]).unwrap_err(),
    ].join("\n"), @r#"
    `.pe/config.toml`: `orchestrator.max_parallel_steps`: expected a whole number of at least 1, found "3"
    `.pe/config.toml`: `orchestrator.max_parallel_steps`: expected a whole number of at least 1, found 0
    `.pe/config.toml`: `orchestrator.max_parallel_steps`: expected a whole number of at least 1, found -1
    `.pe/config.toml`: `orchestrator.adaptation_sensitivity`: expected a number from 0.0 to 1.0, found 1.5
    `.pe/config.toml`: `orchestrator.plan_validation_strictness`: expected one of lenient, moderate, strict, found "loose"
    `.pe/config.toml`: `orchestrator`: expected a table, found integer
    `.pe/config.toml` line 3: not TOML: duplicate key
    `.pe/config.toml` line 1: not TOML: unclosed table, expected `]`
    `PE_MAX_PARALLEL_STEPS` in the environment: expected a whole number of at least 1, found "many"
    `PE_FAIL_FAST` in the environment: expected true or false, found "yes"
    "#);
    let trusted = Tree::new("", "[policy]\nallow = \"git log\"\n").resolve(&[]).unwrap_err();
    assert!(trusted.ends_with(
        "`policy.allow`: expected a list of rules, each a text or `{ rule = \"..\", effect = \"..\" }`, found \"git log\""
    ), "{trusted}");
}

#[test]
fn the_search_for_the_projects_file_ends_at_the_repository() {
    let tree = Tree::new("[orchestrator]\nmax_parallel_steps = 9\n", "");
    let inner = tree.0.path().join("work/a/b");
    fs::create_dir_all(&inner).unwrap();
    let slots = |surroundings: &Surroundings| {
        let settings = Settings::resolve(surroundings, Flags::default()).unwrap();
        settings.orchestrator.max_parallel_steps
    };
    let surroundings = Surroundings { directory: inner.clone(), ..tree.surroundings(&[]) };
    assert_eq!(slots(&surroundings), 3, "outside of a repository nothing above is read");
    fs::create_dir(tree.0.path().join("work/.git")).unwrap();
    assert_eq!(slots(&surroundings), 9, "found upwards");
    fs::create_dir(inner.join(".git")).unwrap();
    assert_eq!(slots(&surroundings), 3, "a repository of its own");
}

#[test]
fn the_database_is_named_or_lies_where_data_belongs() {
    let tree = Tree::new("", "");
    let check = |variables: &[(&str, &str)], flag: Option<&str>, expected: Option<&str>| {
        let database = flag.map(PathBuf::from);
        let surroundings = Surroundings { database, ..tree.surroundings(variables) };
        let settings = Settings::resolve(&surroundings, Flags::default()).unwrap();
        assert_eq!(settings.database, expected.map(PathBuf::from), "{variables:?}");
        assert_eq!(settings.warnings, [] as [String; 0]);
    };
    let home = ("HOME", "/me");
    check(&[], None, None);
    check(&[home], None, Some("/me/.local/share/pe/pe.db"));
    check(&[home, ("XDG_DATA_HOME", "/data")], None, Some("/data/pe/pe.db"));
    check(&[home, ("XDG_DATA_HOME", "data")], None, Some("/me/.local/share/pe/pe.db"));
    check(&[home, ("PE_DB", "here.db")], None, Some("here.db"));
    check(&[home, ("PE_DB", "here.db")], Some("there.db"), Some("there.db"));
}
