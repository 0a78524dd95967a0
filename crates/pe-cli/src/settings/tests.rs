//! Which source of settings wins, and what is said about the odd ones.

use std::fs;

use pe_model::Strictness;
use secrecy::ExposeSecret as _;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::args::ModelArgs;

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
        ..Flags::default()
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
    let project = "[orchestrater]\n[orchestrator]\nmax_paralel_steps = 3\nenable_plan_learning = true\n[lm]\n[llm]\nmodle = 1\n";
    let user = "[policy]\nalow = []\n[colours]\n[prompts]\nplann = \"p\"\n";
    let settings = Tree::new(project, user).resolve(&[
        ("PE_FAILFAST", "1"),
        ("PE_X", "1"),
        ("PE_MODLE", "x"),
        ("PE_LLM_TIMEOUT", "1"),
        ("PE_PROCESS_TAG", "x"),
        ("OPENAI_BASE_URL", "nowhere"),
    ]);
    insta::assert_snapshot!(settings.unwrap().warnings.iter().map(|warning| {
        // The user's file is shown with its path, which differs from run to run.
        let at = warning.find("xdg").unwrap_or(1);
        format!("`{}\n", &warning[at..])
    }).collect::<String>(), @r#"
    `OPENAI_BASE_URL` in the environment is ignored: expected an http or https address such as "http://localhost:11434/v1", found one that cannot be read (relative URL without a base)
    `xdg/pe/config.toml`: there is no `policy.alow`; it is ignored; did you mean `allow`?
    `xdg/pe/config.toml`: there is no `[colours]`; it is ignored
    `xdg/pe/config.toml`: there is no `prompts.plann`; it is ignored; did you mean `plan`?
    `.pe/config.toml`: there is no `[orchestrater]`; it is ignored; did you mean `[orchestrator]`?
    `.pe/config.toml`: there is no `orchestrator.max_paralel_steps`; it is ignored; did you mean `max_parallel_steps`?
    `orchestrator.enable_plan_learning` in `.pe/config.toml` has no effect in this version
    `.pe/config.toml`: there is no `[lm]`; it is ignored; did you mean `[llm]`?
    `.pe/config.toml`: there is no `llm.modle`; it is ignored; did you mean `model`?
    `PE_FAILFAST` is ignored; did you mean `PE_FAIL_FAST`?
    `PE_LLM_TIMEOUT` is ignored; did you mean `PE_LLM_TIMEOUT_MS`?
    `PE_MODLE` is ignored; did you mean `PE_MODEL`?
    "#);
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

/// What is sent to the endpoint that these sources name: address, model, variable of the key.
fn asked(tree: &Tree, variables: &[(&str, &str)], flags: &ModelArgs) -> (String, String, String) {
    let surroundings = tree.surroundings(variables);
    let llm = Settings::resolve(&surroundings, Flags::default().asking(flags)).unwrap().llm;
    let key = match llm.key {
        ApiKey::Set { variable, secret } => format!("{variable}={}", secret.expose_secret()),
        ApiKey::None => llm.notes.into_iter().chain(llm.hint).collect::<Vec<_>>().join("; "),
    };
    (llm.table.base_url, llm.table.model, key)
}

#[test]
fn the_model_is_that_of_the_highest_place_that_names_one() {
    let check = |tree: &Tree, variables: &[(&str, &str)], flags: &[&str], address: &str, model| {
        let flags = ModelArgs {
            base_url: flags.first().map(|text| (*text).to_owned()),
            model: flags.get(1).map(|text| (*text).to_owned()),
        };
        let (found, named, _) = asked(tree, variables, &flags);
        assert_eq!((found.as_str(), named.as_str()), (address, model), "{variables:?}");
    };
    let openai = ("OPENAI_BASE_URL", "https://openai.test/v1");
    let own = ("PE_BASE_URL", "https://own.test/v1/");
    let none = Tree::new("", "");
    check(&none, &[], &[], "http://localhost:11434/v1", "llama3.2");
    check(&none, &[openai], &[], "https://openai.test/v1", "llama3.2");
    check(&none, &[openai, ("PE_MODEL", "m")], &[], "https://openai.test/v1", "m");
    check(&none, &[openai, own], &[], "https://own.test/v1", "llama3.2");
    let user = "[llm]\nbase_url = \"https://user.test/v1\"\nmodel = \"u\"\n";
    let user = Tree::new("", user);
    check(&user, &[openai], &[], "https://user.test/v1", "u");
    check(&user, &[own, ("PE_MODEL", "4")], &[], "https://own.test/v1", "4");
    check(&user, &[own], &["https://flag.test/v1", "f"], "https://flag.test/v1", "f");
}

#[test]
fn a_key_goes_only_where_it_was_meant_to_go() {
    let none = ModelArgs::default();
    let sent = |tree: &Tree, variables: &[(&str, &str)], flags: &ModelArgs| {
        asked(tree, variables, flags).2
    };
    let flag = |address: &str| ModelArgs { base_url: Some(address.to_owned()), model: None };
    let own = ("PE_API_KEY", "own");
    let openai = ("OPENAI_API_KEY", "theirs");
    let at = |address: &'static str| ("PE_BASE_URL", address);

    let bare = Tree::new("", "");
    assert_eq!(sent(&bare, &[], &none), "");
    assert_eq!(sent(&bare, &[own], &none), "PE_API_KEY=own", "no address is set anywhere");
    assert_eq!(sent(&bare, &[own, at("https://a.test")], &none), "PE_API_KEY=own");
    assert_eq!(sent(&bare, &[own], &flag("https://a.test/v1")), "PE_API_KEY=own");
    assert_eq!(
        sent(&bare, &[own, at("https://a.test/v1")], &flag("https://b.test/v1")),
        "the key in `PE_API_KEY` is not sent to https://b.test/v1: it is meant for https://a.test; \
         a key goes with the address that is set in the same place"
    );
    let same = sent(&bare, &[own, at("https://a.test/v1")], &flag("https://a.test/v2"));
    assert_eq!(same, "PE_API_KEY=own", "another path of one origin");
    for other in ["http://a.test/v1", "https://a.test:8443/v1", "https://a.test.evil.test/v1"] {
        let sent = sent(&bare, &[own, at("https://a.test/v1")], &flag(other));
        assert!(sent.contains("is not sent"), "{other}: {sent}");
    }

    assert!(sent(&bare, &[openai], &none).contains("`OPENAI_BASE_URL=https://api.openai.com/v1`"));
    assert_eq!(sent(&bare, &[openai, at("https://a.test/v1")], &none), "", "nobody meant that");
    assert_eq!(
        sent(&bare, &[openai, at("https://api.openai.com/v1")], &none),
        "OPENAI_API_KEY=theirs"
    );
    let address = ("OPENAI_BASE_URL", "https://o.test/v1");
    assert_eq!(sent(&bare, &[openai, address], &none), "OPENAI_API_KEY=theirs");
    assert_eq!(sent(&bare, &[openai, address, own], &none), "PE_API_KEY=own");
    assert_eq!(sent(&bare, &[openai, address, at("https://api.openai.com/v1")], &none), "");

    let named = "[llm]\nbase_url = \"https://u.test/v1\"\napi_key_env = \"U_KEY\"\n";
    let named = Tree::new("", named);
    let key = ("U_KEY", "u");
    assert_eq!(sent(&named, &[key], &none), "U_KEY=u");
    assert_eq!(sent(&named, &[key, own], &none), "PE_API_KEY=own", "a variable wins over a file");
    assert!(sent(&named, &[key, at("https://a.test")], &none).contains("meant for https://u.test"));
    assert_eq!(sent(&named, &[key, own, at("https://a.test")], &none), "PE_API_KEY=own");
    assert!(
        sent(&named, &[key, own], &flag("https://a.test")).contains("`PE_API_KEY` is not sent")
    );
    assert!(sent(&named, &[], &none).contains("names `U_KEY`, which is not set"));
    assert!(sent(&named, &[("U_KEY", "a b")], &none).contains("holds blanks"));
    let loose = Tree::new("", "[llm]\napi_key_env = \"U_KEY\"\n");
    assert_eq!(sent(&loose, &[key, at("https://a.test")], &none), "U_KEY=u");
}

#[test]
fn a_key_in_the_clear_is_said() {
    let notes = |address: &str| {
        let variables = [("PE_BASE_URL", address), ("PE_API_KEY", "k")];
        Tree::new("", "").resolve(&variables).unwrap().llm.notes
    };
    assert_eq!(notes("http://far.test/v1").len(), 1);
    for near in
        ["http://localhost:1/v1", "http://127.0.0.1/v1", "http://[::1]/v1", "https://a.test"]
    {
        assert_eq!(notes(near), [] as [String; 0], "{near}");
    }
}

#[test]
fn a_project_does_not_say_who_is_asked() {
    let hostile = "[llm]\nbase_url = \"https://evil.test/v1\"\nmodel = \"dear\"\n\
                   api_key_env = \"HOME\"\nprices = { prompt = 0, completion = 0 }\n\
                   timeout_ms = 5\n[prompts]\nplan = \"/etc/passwd\"\n";
    let tree = Tree::new(hostile, "");
    let settings = tree.resolve(&[("PE_API_KEY", "k")]).unwrap();
    let table = LlmTable { timeout_ms: 5, ..LlmTable::default() };
    assert_eq!(settings.llm.table, table, "what only bounds calls is taken");
    assert!(settings.prompts.is_empty());
    assert_eq!(settings.warnings.len(), 2, "{:#?}", settings.warnings);
    for (warning, keys) in settings
        .warnings
        .iter()
        .zip(["`llm.base_url`, `llm.model`, `llm.api_key_env`, `llm.prices` in", "`[prompts]` in"])
    {
        assert!(warning.starts_with(keys) && warning.contains("--config"), "{warning}");
    }
    let named = Surroundings {
        file: Some(tree.0.path().join("work/.pe/config.toml")),
        ..tree.surroundings(&[])
    };
    let settings = Settings::resolve(&named, Flags::default()).unwrap();
    assert_eq!(settings.llm.table.model, "dear");
    assert_eq!(settings.prompts.len(), 1);
    assert_eq!(settings.warnings, [] as [String; 0]);
}

#[test]
fn a_project_only_lowers_how_often_a_model_is_asked() {
    let project = "[orchestrator]\nmax_iterations = 100000\nmax_repair_rounds = 1\n";
    let settings = Tree::new(project, "").resolve(&[]).unwrap();
    let asked = settings.orchestrator;
    assert_eq!((asked.max_iterations, asked.max_repair_rounds), (5, 1));
    let warning = &settings.warnings[0];
    assert!(warning.contains("orchestrator.max_iterations"), "{warning}");
    assert!(warning.contains("cannot allow more than your own 5"), "{warning}");
    let user = "[orchestrator]\nmax_iterations = 200000\nmax_repair_rounds = 0\n";
    let asked = Tree::new(project, user).resolve(&[]).unwrap().orchestrator;
    assert_eq!((asked.max_iterations, asked.max_repair_rounds), (100_000, 0));
    let variable = [("PE_MAX_ITERATIONS", "7")];
    let asked = Tree::new(project, "").resolve(&variable).unwrap().orchestrator;
    assert_eq!(asked.max_iterations, 7, "a variable is a person's own");
}

#[test]
fn a_project_only_lowers_a_budget() {
    let user = "[orchestrator]\nbudget = { llm_calls = 5, cost_usd = 1.0 }\n";
    let project = "[orchestrator]\nbudget = { llm_calls = 500, tokens = 9, cost_usd = 0.5 }\n";
    let settings = Tree::new(project, user).resolve(&[]).unwrap();
    let budget = settings.orchestrator.budget;
    assert_eq!((budget.llm_calls, budget.tokens), (Some(5), Some(9)));
    assert_eq!((budget.cost_usd, budget.tool_calls), (Some(0.5), None));
    assert!(
        settings.warnings[0].contains("cannot raise your own budget"),
        "{:?}",
        settings.warnings
    );
    let settings = Tree::new(project, "").resolve(&[]).unwrap();
    assert_eq!(settings.orchestrator.budget.llm_calls, Some(500), "there is nothing to raise");
    let variable = [("PE_BUDGET", "{\"llm_calls\": 7}")];
    let settings = Tree::new(project, user).resolve(&variable).unwrap();
    assert_eq!(settings.orchestrator.budget.llm_calls, Some(7), "a variable is a person's own");
}

#[test]
fn wrong_values_of_a_model_are_errors_that_repeat_no_secret() {
    let file = |text: &str| {
        let tree = Tree::new("", &format!("[llm]\n{text}\n"));
        let error = tree.resolve(&[]).unwrap_err();
        let at = error.find("xdg").unwrap();
        format!("`{}", &error[at..])
    };
    insta::assert_snapshot!([
        file("base_url = 3"),
        file("base_url = \"localhost:11434\""),
        file("base_url = \"nowhere\""),
        file("base_url = \"https://me:hunter2@a.test/v1\""),
        file("base_url = \"https://a.test/v1?key=hunter2\""),
        file("model = \" \""),
        file("api_key = \"hunter2\""),
        file("api-key = \"hunter2\""),
        file("api_key_env = \"sk-hunter2\""),
        file("api_key_env = [\"hunter2\"]"),
        file("timeout_ms = 0"),
        file("idle_timeout_ms = \"30s\""),
        file("max_answer_bytes = 10"),
        file("max_retries = 21"),
        file("context_tokens = 12"),
        file("temperature = 3"),
        file("temperature = nan"),
        file("stream = 1"),
        file("response_format = \"xml\""),
        file("prices = { prompt = 1 }"),
        file("prices = { prompt = 1, completion = -1 }"),
        file("prices = { prompt = 1, completion = inf }"),
        file("prices = { prompt = 1, completion = 1, cached = 1 }"),
        Tree::new("", "").resolve(&[("PE_BASE_URL", "ftp://a")]).unwrap_err(),
        Tree::new("", "").resolve(&[("PE_LLM_MAX_RETRIES", "many")]).unwrap_err(),
    ].join("\n"), @r#"
    `xdg/pe/config.toml`: `llm.base_url`: expected an http or https address such as "http://localhost:11434/v1", found a number
    `xdg/pe/config.toml`: `llm.base_url`: expected an http or https address such as "http://localhost:11434/v1", found one that begins with `localhost:`
    `xdg/pe/config.toml`: `llm.base_url`: expected an http or https address such as "http://localhost:11434/v1", found one that cannot be read (relative URL without a base)
    `xdg/pe/config.toml`: `llm.base_url`: expected an address without user name and password; put the key into an environment variable and name that with `api_key_env`
    `xdg/pe/config.toml`: `llm.base_url`: expected an address without `#`, and with nothing after a `?` but an `api-version`; a key goes into an environment variable
    `xdg/pe/config.toml`: `llm.model`: expected the name of a model in at most 256 bytes, without control characters
    `xdg/pe/config.toml`: `llm.api_key`: a key does not belong into a file; put it into an environment variable and name that: `api_key_env = "MY_API_KEY"`
    `xdg/pe/config.toml`: `llm.api-key`: a key does not belong into a file; put it into an environment variable and name that: `api_key_env = "MY_API_KEY"`
    `xdg/pe/config.toml`: `llm.api_key_env`: expected the name of an environment variable (capitals, digits and `_`, such as MY_API_KEY), found a text that is none; a key itself does not belong into a file
    `xdg/pe/config.toml`: `llm.api_key_env`: expected the name of an environment variable, found a list
    `xdg/pe/config.toml`: `llm.timeout_ms`: expected milliseconds as a whole number from 1 to 86400000, found 0
    `xdg/pe/config.toml`: `llm.idle_timeout_ms`: expected milliseconds as a whole number from 1 to 86400000, found "30s"
    `xdg/pe/config.toml`: `llm.max_answer_bytes`: expected bytes as a whole number from 1024 to 67108864, found 10
    `xdg/pe/config.toml`: `llm.max_retries`: expected a whole number from 0 to 20, found 21
    `xdg/pe/config.toml`: `llm.context_tokens`: expected tokens as a whole number from 1024 to 100000000, found 12
    `xdg/pe/config.toml`: `llm.temperature`: expected a number from 0.0 to 2.0, found 3
    `xdg/pe/config.toml`: `llm.temperature`: expected a number, found NaN
    `xdg/pe/config.toml`: `llm.stream`: expected true or false, found 1
    `xdg/pe/config.toml`: `llm.response_format`: expected one of auto, json_schema, json_object, text, found "xml"
    `xdg/pe/config.toml`: `llm.prices`: expected a table with prompt and completion, each US dollars for a million tokens (0 to 1000000), found {"prompt":1}
    `xdg/pe/config.toml`: `llm.prices`: expected a table with prompt and completion, each US dollars for a million tokens (0 to 1000000), found {"prompt":1,"completion":-1}
    `xdg/pe/config.toml`: `llm.prices`: expected a number, found inf
    `xdg/pe/config.toml`: `llm.prices`: expected a table with prompt and completion, each US dollars for a million tokens (0 to 1000000), found {"prompt":1,"completion":1,"cached":1}
    `PE_BASE_URL` in the environment: expected an http or https address such as "http://localhost:11434/v1", found one that begins with `ftp:`
    `PE_LLM_MAX_RETRIES` in the environment: expected a whole number from 0 to 20, found "many"
    "#);
    let no_table = Tree::new("", "llm = 3\n").resolve(&[]).unwrap_err();
    assert!(no_table.ends_with("`llm`: expected a table, found integer"), "{no_table}");
}

#[test]
fn prompts_are_read_beside_the_file_that_names_them() {
    let user = "[prompts]\nplan = \"mine/plan.md\"\nanswer = \"gone.md\"\nadapt = \"big.md\"\n";
    let tree = Tree::new("", user);
    let folder = tree.0.path().join("xdg/pe");
    fs::create_dir(folder.join("mine")).unwrap();
    fs::write(folder.join("mine/plan.md"), "Plan {{ goal }}").unwrap();
    fs::write(folder.join("big.md"), "x".repeat(64 * 1024 + 1)).unwrap();
    let settings = tree.resolve(&[]).unwrap();
    let names: Vec<&str> = settings.prompts.iter().map(|file| file.name).collect();
    assert_eq!(names, ["plan", "adapt", "answer"]);
    assert_eq!(settings.prompts[0].read().unwrap(), "Plan {{ goal }}");
    let error = |at: usize| format!("{:#}", settings.prompts[at].read().unwrap_err().error);
    assert!(
        error(1).ends_with("big.md` as a prompt: it has more than 65536 bytes"),
        "{}",
        error(1)
    );
    assert!(error(2).contains("`prompts.answer`: cannot use"), "{}", error(2));
    assert!(settings.prompt_texts().is_err());
    fs::write(folder.join("big.md"), " \n").unwrap();
    assert!(error(1).ends_with("it is empty"));
    fs::write(folder.join("big.md"), b"\xff").unwrap();
    assert!(error(1).ends_with("it is not UTF-8"));
    fs::remove_file(folder.join("big.md")).unwrap();
    fs::create_dir(folder.join("big.md")).unwrap();
    assert!(error(1).ends_with("it is not a file"));

    let wrong = Tree::new("", "[prompts]\nplan = 3\n").resolve(&[]).unwrap_err();
    assert!(wrong.ends_with("`prompts.plan`: expected the path of a file, found 3"), "{wrong}");
}

#[test]
fn every_value_has_an_origin_and_no_secret_is_among_them() {
    let user = "[llm]\nmodel = \"u\"\nmax_retries = 1\n[http]\nhosts = [\"a\"]\n";
    let tree = Tree::new("[llm]\nmax_retries = 2\n", user);
    let variables = [("PE_API_KEY", "hunter2"), ("PE_LLM_STREAM", "false")];
    let surroundings = tree.surroundings(&variables);
    let flags = ModelArgs { model: Some("f".to_owned()), ..ModelArgs::default() };
    let settings = Settings::resolve(&surroundings, Flags::default().asking(&flags)).unwrap();
    let entries = settings.entries();
    let check = |name: &str, value: Value, origin: &str| {
        let entry = entries.iter().find(|entry| entry.name() == name).unwrap();
        assert_eq!(entry.value, value, "{name}");
        assert!(entry.origin().ends_with(origin), "{name}: {}", entry.origin());
    };
    check("orchestrator.max_parallel_steps", json!(3), "default");
    check("llm.model", json!("f"), "--model");
    check("llm.max_retries", json!(2), ".pe/config.toml: llm.max_retries");
    check("llm.stream", json!(false), "PE_LLM_STREAM");
    check("http.hosts", json!(["a"]), "xdg/pe/config.toml: http.hosts");
    check("api_key", json!("set (from PE_API_KEY)"), "PE_API_KEY");
    assert!(!format!("{entries:?} {:?}", settings.llm).contains("hunter2"));
}
