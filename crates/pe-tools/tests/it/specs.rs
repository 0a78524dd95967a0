//! What every built-in tool says about itself.

use std::sync::Arc;

use pe_model::{Effect, ErrorClass, Tool, ToolError, ToolSpec};
use pe_tools::{FnTool, HttpPolicy, ToolConfig, ToolSetupError, builtin};
use serde_json::{Value, json};

use crate::support::{Bench, call};

#[test]
fn every_tool_describes_itself_its_parameters_and_its_output() {
    let bench = Bench::new();
    for tool in bench.tools.iter() {
        let ToolSpec { name, description, parameters, output, .. } = tool.spec();
        assert!(description.len() > 20, "{name}");
        for schema in [parameters, output] {
            assert!(jsonschema::draft202012::meta::is_valid(schema), "{name}: {schema}");
        }
        assert_eq!(parameters["type"], "object", "{name}");
        assert_eq!(parameters["additionalProperties"], false, "{name}");
        let properties = parameters["properties"].as_object().unwrap();
        for (parameter, schema) in properties {
            let described = schema["description"].as_str().is_some_and(|text| text.len() > 5);
            assert!(described, "{name}.{parameter}");
        }
        let required = parameters["required"].as_array().expect("`required` is listed");
        for parameter in required {
            assert!(properties.contains_key(parameter.as_str().unwrap()), "{name}.{parameter}");
        }
        assert!(output.as_object().is_some_and(|output| !output.is_empty()), "{name}");
    }
}

#[test]
fn effects_resources_and_consent_are_as_documented() {
    let bench = Bench::new();
    let table: Vec<String> = bench
        .tools
        .iter()
        .map(|tool| {
            let ToolSpec { name, effect, resource, concurrent, consent, .. } = tool.spec();
            let required: Vec<&str> = tool.spec().required_parameters().collect();
            let resource = resource.as_deref().unwrap_or("-");
            format!("{name} {required:?} {effect:?} {resource} {concurrent} {consent}")
        })
        .collect();
    let mut expected = vec![
        r#"echo ["value"] Pure - true false"#,
        r#"sleep ["duration_ms"] Pure - true false"#,
        r#"assert ["that"] Pure - true false"#,
        r#"query_json ["path"] Pure - true false"#,
        r#"read_file ["path"] Read files true false"#,
        r#"write_file ["path", "content"] Idempotent files false true"#,
        r#"list_directory [] Read files true false"#,
        r#"search_files ["pattern"] Read files true false"#,
        r#"run_command ["argv"] Once process true true"#,
    ];
    if cfg!(feature = "http") {
        expected.push(r#"http_request ["url"] Once network true false"#);
    }
    assert_eq!(table, expected);
}

#[test]
fn effects_depend_on_arguments() {
    let bench = Bench::new();
    let effect = |tool: &str, arguments: Value| {
        bench.tools.get(tool).unwrap().effect(arguments.as_object().unwrap())
    };
    assert_eq!(effect("write_file", json!({})), Effect::Idempotent);
    assert_eq!(effect("write_file", json!({"append": false})), Effect::Idempotent);
    assert_eq!(effect("write_file", json!({"append": true})), Effect::Once);
    assert_eq!(effect("write_file", json!({"append": "{{ context.x }}"})), Effect::Once);
    if cfg!(feature = "http") {
        for (method, expected) in [
            (json!(null), Effect::Read),
            (json!("GET"), Effect::Read),
            (json!("HEAD"), Effect::Read),
            (json!("OPTIONS"), Effect::Read),
            (json!("PUT"), Effect::Idempotent),
            (json!("DELETE"), Effect::Idempotent),
            (json!("POST"), Effect::Once),
            (json!("PATCH"), Effect::Once),
            (json!("{{ context.method }}"), Effect::Once),
            (json!(7), Effect::Once),
        ] {
            assert_eq!(effect("http_request", json!({"method": method})), expected, "{method}");
        }
        assert_eq!(effect("http_request", json!({})), Effect::Read);
    }
}

/// The declared schemas and the structs that are read must agree on names, or a plan passes
/// validation and fails at run time.
#[tokio::test]
async fn every_declared_parameter_is_read_and_no_other() {
    let bench = Bench::new();
    for tool in bench.tools.iter() {
        let name = &tool.spec().name;
        let properties = tool.spec().parameters["properties"].as_object().unwrap();
        for parameter in properties.keys() {
            // Alone and null, it may be wrong or incomplete, but not unknown.
            let output = tool.call(call(json!({ parameter: null }), 1000)).await;
            let text = output.err().map(|error| error.message).unwrap_or_default();
            assert!(!text.contains("unknown field"), "{name}.{parameter}: {text}");
        }
        let class = bench.try_call(name, json!({"surprise": 1})).await.unwrap_err().class;
        assert_eq!(class, ErrorClass::Validation, "{name}");
    }
}

#[tokio::test]
async fn wrong_types_at_run_time_name_the_parameter() {
    let bench = Bench::new();
    for (tool, arguments, parameter) in [
        ("sleep", json!({"duration_ms": "soon"}), "duration_ms"),
        ("assert", json!({"that": true, "message": 1}), "message"),
        ("query_json", json!({"path": 1, "data": 1}), "path"),
        ("read_file", json!({"path": ["a"]}), "path"),
        ("write_file", json!({"path": "a", "content": 3}), "content"),
        ("list_directory", json!({"pattern": {"a": 1}}), "pattern"),
        ("search_files", json!({"pattern": "a", "max_matches": -1}), "max_matches"),
        ("run_command", json!({"argv": ["ls", 1]}), "argv[1]"),
        ("run_command", json!({"argv": "ls -l"}), "argv"),
    ] {
        let error = bench.fail(tool, arguments, ErrorClass::Validation).await;
        let named = format!("parameter `{parameter}` of `{tool}`");
        assert!(error.message.contains(&named), "{}", error.message);
    }
    let error = bench.fail("read_file", json!({}), ErrorClass::Validation).await;
    assert!(error.message.contains("`read_file`: missing field `path`"), "{}", error.message);
}

#[test]
fn setup_names_the_root_and_the_cause() {
    let dir = tempfile::tempdir().unwrap();
    let error = builtin(&ToolConfig::new(dir.path().join("absent"))).unwrap_err();
    assert!(error.to_string().contains("absent"), "{error}");
    assert!(matches!(&error, ToolSetupError::Root { source, .. }
        if source.kind() == std::io::ErrorKind::NotFound));

    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(matches!(builtin(&ToolConfig::new(file)), Err(ToolSetupError::Root { .. })));

    let mut config = ToolConfig::new(dir.path());
    config.http = HttpPolicy { hosts: vec!["good.example".into(), "http://bad/".into()] };
    if cfg!(feature = "http") {
        let error = builtin(&config).unwrap_err();
        assert!(error.to_string().starts_with("`http://bad/` in `[http] hosts`"), "{error}");
    }
}

#[tokio::test]
async fn a_closure_is_a_tool() {
    let spec = ToolSpec { name: "twice".into(), effect: Effect::Pure, ..ToolSpec::default() };
    let tool: Arc<dyn Tool> = Arc::new(FnTool::new(spec, |call| async move {
        let number = call.arguments.get("n").and_then(Value::as_i64);
        let number = number.ok_or_else(|| ToolError::new(ErrorClass::Validation, "no n"))?;
        tokio::task::yield_now().await;
        Ok(json!(number * 2))
    }));
    assert_eq!(tool.call(call(json!({"n": 4}), 10)).await, Ok(json!(8)));
    assert!(tool.call(call(json!({}), 10)).await.is_err());
    assert_eq!(tool.effect(&Default::default()), Effect::Pure);
}

/// Tools of the page that need a model or a person, and live where those are.
const ELSEWHERE: [&str; 2] = ["llm", "ask_user"];

/// The examples of the user's page are steps: their tools and parameters exist.
#[test]
fn documented_examples_fit_the_schemas() {
    let page = include_str!("../../../../docs/tools.md");
    let bench = Bench::new();
    let mut names = Vec::new();
    for block in page.split("```json\n").skip(1) {
        let (text, _) = block.split_once("```").unwrap();
        let steps: Vec<Value> = serde_json::from_str(&format!("[{text}]")).unwrap();
        for step in steps {
            let name = step["tool"].as_str().unwrap().to_owned();
            if ELSEWHERE.contains(&name.as_str()) {
                continue;
            }
            let Some(tool) = bench.tools.get(&name) else {
                assert!(name == "http_request" && !cfg!(feature = "http"), "{name}");
                continue;
            };
            let schema = jsonschema::draft202012::new(&tool.spec().parameters).unwrap();
            let errors: Vec<String> = schema
                .iter_errors(&step["parameters"])
                .map(|error| error.to_string())
                // What a whole template becomes is known at run time only.
                .filter(|error| !error.contains("{{"))
                .collect();
            assert!(errors.is_empty(), "{step}: {errors:?}");
            names.push(name);
        }
    }
    for tool in bench.tools.iter() {
        assert!(names.contains(&tool.spec().name), "no example of {}", tool.spec().name);
    }
}
