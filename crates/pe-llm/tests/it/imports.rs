//! What models and their programs really wrote, read into the drafts that the shared plans say.
//!
//! JSON goes through the draft parser as it is. The other notations have importers here: they
//! are for the tests only, and leave to the parser whatever it can do.

use std::collections::BTreeMap;

use pe_llm::{parse_draft, read_step};
use pe_model::{FinishReason, JsonMap, Plan, PlanStep, StepId};
use pe_testkit::{shared_plans, shared_raw};
use serde_json::{Value, json};

/// A set's raw records beside its plans, by id.
fn pairs(raw: &str, plans: &str) -> Option<Vec<(Value, Plan)>> {
    let plans = shared_plans(plans)?;
    let by_id: BTreeMap<String, Plan> =
        plans.into_iter().map(|plan| (plan.plan_id.clone().unwrap().to_string(), plan)).collect();
    let raw = shared_raw(raw)?;
    Some(
        raw.into_iter()
            .map(|record| {
                let plan = by_id[record["plan_id"].as_str().unwrap()].clone();
                (record, plan)
            })
            .collect(),
    )
}

/// Compares what a source says; its words for people are not all of them in its text.
fn compare(found: &[PlanStep], plan: &Plan, actions: bool) {
    let name = plan.plan_id.as_ref().unwrap();
    let plain = |step: &PlanStep| {
        let mut step = step.definition();
        step.metadata.clear();
        if !actions {
            step.action.clear();
        }
        step
    };
    assert_eq!(found.len(), plan.steps.len(), "{name}");
    for (found, expected) in found.iter().zip(&plan.steps) {
        assert_eq!(plain(found), plain(expected), "{name}");
    }
}

/// Replaces `open` DIGITS `close` by what `name` makes of the number, in every text of a value.
fn rewrite(value: &mut Value, open: &str, close: &str, name: &dyn Fn(&str) -> Option<String>) {
    match value {
        Value::String(text) => {
            let mut out = String::new();
            let mut rest = text.as_str();
            while let Some(at) = rest.find(open) {
                let inside = &rest[at + open.len()..];
                let end = match close {
                    "" => inside.find(|c: char| !c.is_ascii_digit()).unwrap_or(inside.len()),
                    _ => inside.find(close).unwrap_or(inside.len()),
                };
                out.push_str(&rest[..at]);
                match name(&inside[..end]) {
                    Some(name) => {
                        out.push_str(&format!("{{{{ results.{name} }}}}"));
                        rest = &inside[(end + close.len()).min(inside.len())..];
                    }
                    None => {
                        out.push_str(open);
                        rest = inside;
                    }
                }
            }
            *text = out + rest;
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rewrite(item, open, close, name)),
        Value::Object(map) => map.values_mut().for_each(|item| rewrite(item, open, close, name)),
        _ => {}
    }
}

/// `$1` and `#E1`: step number 1.
fn numbered(digits: &str) -> Option<String> {
    (!digits.is_empty()).then(|| format!("step_{digits}"))
}

#[test]
fn hugginggpt_is_read_as_it_is() {
    let Some(pairs) = pairs("prompt_examples_text", "prompt_examples") else { return };
    let mut read = 0;
    for (record, plan) in pairs.iter().filter(|(record, _)| record["format"] == "hugginggpt") {
        let text = record["raw"].as_str().unwrap();
        compare(&parse_draft(text, FinishReason::Stop).unwrap().steps, plan, false);
        let amid = format!("Sure {{here}}:\n```json\n{text}\n```\nDone.");
        compare(&parse_draft(&amid, FinishReason::Stop).unwrap().steps, plan, false);
        read += 1;
    }
    assert_eq!(read, 2);
}

/// LLMCompiler: `1. search("x")`, with `$1` for an earlier output and a last `join()` of all.
fn llm_compiler(text: &str) -> Vec<PlanStep> {
    let signatures: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("search", &["entity"][..]),
        ("get_phone_number", &["name"][..]),
        ("send_sms", &["recipients", "message"][..]),
    ]);
    let mut steps: Vec<PlanStep> = Vec::new();
    let mut thought = String::new();
    for line in text.lines() {
        if let Some(words) = line.strip_prefix("Thought: ") {
            words.clone_into(&mut thought);
        }
        let Some((number, call)) = line.split_once(". ") else { continue };
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let call = call.trim_end_matches("<END_OF_PLAN>");
        let (tool, rest) = call.split_once('(').unwrap();
        let list = format!("[{}]", rest.strip_suffix(')').unwrap());
        let mut values: Value = serde_json::from_str(&list).unwrap();
        rewrite(&mut values, "$", "", &numbered);
        let names = signatures.get(tool).copied().unwrap_or_default();
        let args: JsonMap = names
            .iter()
            .zip(values.as_array().unwrap())
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        let mut step = json!({"id": format!("step_{number}"), "tool": tool, "args": args});
        if tool == "join" {
            step["action"] = std::mem::take(&mut thought).into();
            step["after"] = steps.iter().map(|step| step.step_id.as_str()).collect();
        } else {
            step["action"] = call.into();
        }
        steps.push(read_step(&step).unwrap());
    }
    steps
}

/// ReWOO: `Plan: words` and `#E1 = Tool[input]`, with `#E1` for an earlier output.
fn rewoo(text: &str) -> Vec<PlanStep> {
    let mut steps = Vec::new();
    let mut words = "";
    for line in text.lines() {
        if let Some(plan) = line.strip_prefix("Plan: ") {
            words = plan;
        }
        let Some((number, call)) = line.strip_prefix("#E").and_then(|rest| rest.split_once(" = "))
        else {
            continue;
        };
        let (tool, input) = call.strip_suffix(']').unwrap().split_once('[').unwrap();
        let mut args = json!({"input": input});
        rewrite(&mut args, "#E", "", &numbered);
        let step =
            json!({"id": format!("step_{number}"), "tool": tool, "args": args, "action": words});
        steps.push(read_step(&step).unwrap());
    }
    steps
}

#[test]
fn call_lines_become_the_plans() {
    let Some(pairs) = pairs("prompt_examples_text", "prompt_examples") else { return };
    let mut read = 0;
    for (record, plan) in &pairs {
        let text = record["raw"].as_str().unwrap();
        let steps = match record["format"].as_str().unwrap() {
            "llmcompiler" => llm_compiler(text),
            "rewoo" => rewoo(text),
            _ => continue,
        };
        compare(&steps, plan, true);
        read += 1;
    }
    assert_eq!(read, 5);
}

/// WorFBench: `Node:` with `1: words` lines, then `Edge:` with pairs; START and END are no steps.
fn nodes_and_edges(text: &str) -> Vec<PlanStep> {
    let (nodes, edges) = text.split_once("\nEdge").unwrap_or((text, ""));
    let mut steps: Vec<Value> = Vec::new();
    for line in nodes.lines() {
        let Some((number, words)) = line.trim().split_once(": ") else { continue };
        if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
            let id = format!("step_{number}");
            steps.push(json!({"id": id, "tool": "task", "args": {"instruction": words},
                "action": words, "after": []}));
        }
    }
    for pair in edges.split('(').skip(1).filter_map(|rest| rest.split_once(')')) {
        let Some((from, to)) = pair.0.split_once(',') else { continue };
        let (from, to) = (format!("step_{}", from.trim()), format!("step_{}", to.trim()));
        if from == "step_START" || to == "step_END" {
            continue;
        }
        if let Some(step) = steps.iter_mut().find(|step| step["id"] == *to) {
            let after = step["after"].as_array_mut().unwrap();
            if !after.contains(&json!(from)) {
                after.push(from.into());
            }
        }
    }
    steps.iter().map(|step| read_step(step).unwrap()).collect()
}

#[test]
fn lists_of_nodes_and_edges_become_the_plans() {
    let Some(pairs) = pairs("worfbench_text", "worfbench") else { return };
    for (record, plan) in &pairs {
        compare(&nodes_and_edges(record["raw"].as_str().unwrap()), plan, true);
    }
    assert_eq!(pairs.len(), 408);
}

/// TaskBench, on top of what the parser makes of `task_nodes`: references, and links by name.
fn with_links(mut steps: Vec<PlanStep>, raw: &Value) -> Vec<PlanStep> {
    let node = |digits: &str| Some(format!("step_{}", digits.parse::<usize>().ok()? + 1));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let named = |name: &str| {
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
        (begins && name.chars().all(is_plain)).then(|| name.to_owned())
    };
    for (index, step) in steps.iter_mut().enumerate() {
        for value in step.parameters.values_mut() {
            rewrite(value, "<node-", ">", &node);
            rewrite(value, "${", "}", &named);
        }
        let words = raw["task_steps"].get(index).and_then(Value::as_str);
        step.action = words.map_or_else(|| step.tool.clone(), str::to_owned);
        step.dependencies.clear();
    }
    for link in raw["task_links"].as_array().unwrap() {
        let places = |end: &str| -> Vec<usize> {
            (0..steps.len()).filter(|&at| link[end].as_str() == Some(&steps[at].tool)).collect()
        };
        let (sources, targets) = (places("source"), places("target"));
        let Some(&first) = targets.first() else { continue };
        // A name that occurs several times: the nearest one before, the last of those.
        let near = |forward: bool| {
            let all = targets.iter().flat_map(|&to| sources.iter().map(move |&from| (from, to)));
            all.filter(|(from, to)| !forward || from < to)
                .min_by_key(|&(from, to)| (to.abs_diff(from), std::cmp::Reverse(to)))
        };
        let (source, target) = match near(true).or_else(|| near(false)) {
            Some((from, to)) => (format!("step_{}", from + 1), to),
            None => (link["source"].as_str().unwrap().to_owned(), first),
        };
        let source = StepId::new(source);
        if !steps[target].dependencies.contains(&source) {
            steps[target].dependencies.push(source);
        }
    }
    steps
}

#[test]
fn task_nodes_amid_prose_become_the_plans() {
    let Some(pairs) = pairs("taskbench_llm_predictions_raw", "taskbench_llm_predictions") else {
        return;
    };
    for (record, plan) in &pairs {
        let raw = &record["raw"];
        let texts = [
            raw.to_string(),
            format!(
                "# REQUEST: {{as above}}\n# RESULT:\n{}\n",
                serde_json::to_string_pretty(raw).unwrap()
            ),
            format!(
                "<think>{{</think>Here's [1] it:\n```\n{}\n```",
                raw.to_string().replace("},{", "},\n// next\n{")
            ),
        ];
        for text in texts {
            let draft = parse_draft(&text, FinishReason::Stop).unwrap();
            assert_eq!(draft.goal.as_deref(), Some(plan.goal.as_str()));
            compare(&with_links(draft.steps, raw), plan, true);
        }
    }
    assert_eq!(pairs.len(), 385);
}
