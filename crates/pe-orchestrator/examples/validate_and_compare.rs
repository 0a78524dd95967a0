//! Plans without running them: what is wrong with one, what one looks like, and which of two is
//! better and why.
//!
//! `cargo run -p pe-orchestrator --example validate_and_compare`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use pe_model::{Effect, Plan};
use pe_orchestrator::{Picture, PlanExecuteOrchestrator, tool_fn};
use pe_view::BetterPlan;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize, JsonSchema)]
struct Search {
    /// What to search for.
    query: String,
}

#[derive(Deserialize, JsonSchema)]
struct Report {
    text: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let search = tool_fn("search", "Searches.", Effect::Read, |args: Search| async move {
        Ok(format!("pages about {}", args.query))
    });
    let report =
        tool_fn(
            "report",
            "Writes it up.",
            Effect::Pure,
            |args: Report| async move { Ok(args.text) },
        );
    let orchestrator = PlanExecuteOrchestrator::builder().tool(search).tool(report).build();

    let broken: Plan = serde_json::from_value(json!({
        "goal": "compare two databases",
        "steps": [
            {"step_id": "find", "tool": "serach", "parameters": {"query": "databases"}},
            {"step_id": "write", "tool": "report", "parameters": {"text": "{{ results.fnd }}"}}
        ]
    }))?;
    let findings = orchestrator.validate_plan(&broken);
    println!("{}", findings.render("broken plan"));

    let search = |id: &str, query: &str| {
        json!({"step_id": id, "action": format!("Search for {query}"), "tool": "search",
            "parameters": {"query": query}})
    };
    let write = json!({"step_id": "write", "action": "Write the report", "tool": "report",
        "parameters": {"text": "{{ results.sql }}, {{ results.kv }}"}});
    let mut second = search("kv", "key-value stores");
    let abreast: Plan = serde_json::from_value(json!({
        "goal": "compare two databases",
        "steps": [search("sql", "relational databases"), second, write]
    }))?;
    second["dependencies"] = json!(["sql"]);
    let in_line: Plan = serde_json::from_value(json!({
        "goal": "compare two databases",
        "steps": [search("sql", "relational databases"), second, write]
    }))?;
    println!("{}", orchestrator.visualize_plan(&abreast, Picture::Text));
    // The edges to `write` are declared nowhere: they come from what it reads.
    println!("{}", orchestrator.visualize_plan(&abreast, Picture::Mermaid));

    let diff = orchestrator.compare_plans(&in_line, &abreast);
    println!("{}", pe_view::diff_text(&diff, "in line", "abreast"));
    match (findings.is_valid, diff.better_plan) {
        (false, BetterPlan::Plan2) => Ok(()),
        (_, better) => Err(format!("the plans were judged otherwise: {better:?}").into()),
    }
}

#[test]
fn it_works() -> Result<(), Box<dyn Error>> {
    main()
}
