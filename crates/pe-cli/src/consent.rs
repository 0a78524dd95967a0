//! Consent: who is asked before a call that needs an operator's word, and how.

use pe_exec::{ApprovalRequest, Approver, Decision};
use pe_model::{BoxFuture, JsonMap, PendingCall, RunState, StepStatus, ToolSet, WaitingFor};
use serde_json::Value;

use crate::console::{Console, Tone};
use crate::words::{fit, one_line, printable, quoted};

/// Says yes to everything: `--yes`.
#[derive(Debug)]
pub(crate) struct AlwaysYes;

impl Approver for AlwaysYes {
    fn decide(&self, _: ApprovalRequest) -> BoxFuture<'_, Decision> {
        Box::pin(std::future::ready(Decision::Approve))
    }
}

/// What is asked: the step and every call that it would make.
pub(crate) fn question(request: &ApprovalRequest, tools: &ToolSet, console: &Console) -> String {
    let id = console.paint(Tone::Strong, &one_line(request.step_id.as_str()));
    let action = one_line(&request.action);
    let action = if action.is_empty() { action } else { format!(": {action}") };
    let what = match request.waiting_for {
        WaitingFor::Approval => "approval",
        WaitingFor::Consent => "consent",
    };
    let mut text = format!("{id} asks for {what}{action}");
    for call in &request.calls {
        text += &format!("\n  {}", shown(call, tools));
    }
    text
}

fn shown(call: &PendingCall, tools: &ToolSet) -> String {
    self::call(&call.tool, &call.arguments, tools)
}

/// A call on one line, with everything that changes what it means: the command line where it
/// is one, with those arguments that it does not tell; else the arguments.
///
/// Only data that is merely stored or sent may be cut, in its middle, and then it is said.
pub(crate) fn call(tool: &str, arguments: &JsonMap, tools: &ToolSet) -> String {
    let json = |arguments: &JsonMap| serde_json::to_string(arguments).unwrap_or_default();
    let text = if let Some(argv) = argv(tool, arguments, tools) {
        let mut text = argv.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
        let mut rest = arguments.clone();
        rest.retain(|name, value| !is_told(name, value, &argv));
        if !rest.is_empty() {
            text += &format!(" with {}", json(&rest));
        }
        text
    } else if arguments.contains_key("argv") {
        json(arguments)
    } else {
        let mut arguments = arguments.clone();
        for (name, value) in &mut arguments {
            if let Value::String(data) = value
                && is_data(name)
                && let Some(short) = without_middle(data)
            {
                *data = short;
            }
        }
        json(&arguments)
    };
    // Blanks inside words count, so that they are shown as they are, but for line ends.
    let text = printable(&text).replace('\n', "\\n").replace('\t', "\\t");
    format!("{}: {text}", one_line(tool))
}

/// The arguments that are data and nothing else.
const DATA: [&str; 4] = ["content", "body", "text", "data"];

/// Whether an argument of that name is merely stored or sent.
pub(crate) fn is_data(name: &str) -> bool {
    DATA.contains(&name)
}

/// Long data without its middle.
pub(crate) fn without_middle(data: &str) -> Option<String> {
    const KEPT: usize = 1_000;
    let left_out = data.chars().count().checked_sub(2 * KEPT).filter(|&chars| chars > 0)?;
    let head: String = data.chars().take(KEPT).collect();
    let tail: String = data.chars().skip(KEPT + left_out).collect();
    Some(format!("{head}… ({left_out} characters left out) …{tail}"))
}

/// Whether the command line holds all of an argument.
fn is_told(name: &str, value: &Value, argv: &[String]) -> bool {
    match (name, value) {
        ("argv", Value::Array(words)) => {
            let from = argv.len().checked_sub(words.len());
            from.is_some_and(|from| words.iter().zip(&argv[from..]).all(|(a, b)| a == b))
        }
        ("env", Value::Object(variables)) => {
            let set = argv.get(1..=variables.len()).unwrap_or_default();
            let is_set = |(name, value): (&String, &Value)| {
                value.as_str().is_some_and(|value| set.contains(&format!("{name}={value}")))
            };
            variables.iter().all(is_set)
        }
        _ => false,
    }
}

/// The same for what is told afterwards, where nothing is decided: cut.
fn told(call: &PendingCall, tools: &ToolSet) -> String {
    const LONGEST: usize = 2_000;
    let text = shown(call, tools);
    let cut = fit(&text, LONGEST);
    let rest =
        if cut.len() < text.len() { format!(" ({} bytes)", text.len()) } else { String::new() };
    format!("{cut}{rest}")
}

fn argv(tool: &str, arguments: &JsonMap, tools: &ToolSet) -> Option<Vec<String>> {
    tools.get(tool)?.argv(arguments).filter(|argv| !argv.is_empty())
}

/// So many calls of a step are told afterwards; a question shows all of them.
const CALLS_TOLD: usize = 5;

/// What is said about steps that nobody agreed to, with the flags that would have.
pub(crate) fn unanswered(state: &RunState, tools: &ToolSet) -> Vec<String> {
    let steps = state.plan.steps.iter().zip(state.steps());
    let waiting = steps.filter(|(_, step)| step.status == StepStatus::Waiting);
    waiting
        .map(|(plan, step)| {
            let id = one_line(plan.step_id.as_str());
            let calls = step.pending_calls.iter().take(CALLS_TOLD);
            let mut calls: String =
                calls.map(|call| format!("\n  {}", told(call, tools))).collect();
            if step.pending_calls.len() > CALLS_TOLD {
                calls += &format!("\n  and {} more", step.pending_calls.len() - CALLS_TOLD);
            }
            let what = step.reason.map_or("a person", |reason| reason.as_str());
            let rules = step.pending_calls.iter().map(|call| rule(call, tools));
            let flags = match rules.collect::<Option<Vec<String>>>() {
                Some(rules) if !rules.is_empty() => {
                    let mut flags: Vec<String> = Vec::new();
                    for rule in rules {
                        let flag = format!("--allow {}", quoted_rule(&rule));
                        if !flags.contains(&flag) {
                            flags.push(flag);
                        }
                    }
                    format!("`{}` or `--yes`", flags.join(" "))
                }
                _ => "`--yes`".to_owned(),
            };
            format!("step `{id}` waits for {what}; {flags} gives it{calls}")
        })
        .collect()
}

/// The rule that would have allowed a call: a command's first two words, else the tool.
///
/// `None` where a rule would allow things that have nothing to do with the call.
fn rule(call: &PendingCall, tools: &ToolSet) -> Option<String> {
    const WORDS: usize = 2;
    const LONGEST: usize = 80;
    let is_plain = |word: &String| {
        !word.is_empty() && !word.contains(char::is_whitespace) && printable(word) == *word
    };
    let Some(argv) = argv(&call.tool, &call.arguments, tools) else {
        // A command that cannot be read is no reason to allow every command.
        let is_command = call.arguments.contains_key("argv");
        return (!is_command && is_plain(&call.tool)).then(|| call.tool.clone());
    };
    // `env A=b program`: what is allowed is the program, with these variables.
    let program = match argv[0].as_str() {
        "env" => 1 + argv[1..].iter().take_while(|word| word.contains('=')).count(),
        _ => 0,
    };
    let plain = argv.iter().take(program + WORDS).take_while(|word| is_plain(word)).count();
    let words = &argv[..plain];
    if plain <= program {
        return None;
    }
    let is_option = |word: &String| word.starts_with('-');
    if !runs_others(&argv[program]) && !words[program..].iter().any(is_option) {
        return Some(words.join(" "));
    }
    // Only all of it says what is done; a line without an operand says nothing.
    let last = argv.last()?;
    let is_fed = call.arguments.get("stdin").is_some_and(Value::is_string);
    let is_bare = argv.len() == program + 1 || is_option(last) || runs_others(last);
    let says_little = is_bare || (is_fed && runs_others(&argv[program]));
    let line = argv.join(" ");
    let is_short = line.chars().count() <= LONGEST && argv.iter().all(is_plain);
    (!says_little && is_short).then_some(line)
}

/// Whether a program does whatever its arguments or its input say.
fn runs_others(program: &str) -> bool {
    const PROGRAMS: [&str; 44] = [
        "sh", "ash", "bash", "csh", "dash", "fish", "ksh", "tcsh", "zsh", "busybox", "python",
        "pypy", "node", "nodejs", "deno", "bun", "perl", "ruby", "php", "lua", "tclsh", "awk",
        "gawk", "mawk", "env", "sudo", "doas", "su", "xargs", "find", "parallel", "nohup",
        "timeout", "nice", "ionice", "setsid", "time", "stdbuf", "ssh", "watch", "strace",
        "unshare", "chroot", "exec",
    ];
    let name = program.rsplit('/').next().unwrap_or(program);
    // `python3.12` is a python.
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    PROGRAMS.contains(&name)
}

fn quoted_rule(rule: &str) -> String {
    if rule.contains(' ') || *quoted(rule) != *rule {
        format!("'{}'", rule.replace('\'', r"'\''"))
    } else {
        rule.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn call(tool: &str, arguments: Value) -> PendingCall {
        let arguments = Arc::new(arguments.as_object().cloned().unwrap());
        PendingCall { iteration: 0, tool: tool.to_owned(), arguments }
    }

    fn tools() -> ToolSet {
        pe_tools::builtin(&pe_tools::ToolConfig::new(".")).unwrap()
    }

    #[test]
    fn a_call_cannot_be_made_to_look_like_another() {
        let call = call("write_file", json!({"path": "a\u{202e}b\n[y]es"}));
        assert_eq!(shown(&call, &ToolSet::new()), r#"write_file: {"path":"a\u{202e}b\n[y]es"}"#);
    }

    #[test]
    fn a_command_is_shown_with_all_that_changes_what_it_does() {
        let tools = tools();
        let check = |arguments: Value, text: &str| {
            assert_eq!(shown(&call("run_command", arguments), &tools), text);
        };
        check(
            json!({"argv": ["sh"], "stdin": "touch X\n", "cwd": "sub", "ok_codes": [0, 1]}),
            r#"run_command: sh with {"stdin":"touch X\n","cwd":"sub","ok_codes":[0,1]}"#,
        );
        check(
            json!({"argv": ["a", "b c"], "env": {"K": "v w"}}),
            "run_command: env 'K=v w' a 'b c'",
        );
        check(json!({"argv": ["a", "with", "{}"], "env": {}}), "run_command: a with '{}'");
        let blanks = " ".repeat(5_000);
        check(
            json!({"argv": ["sh", "-c", format!("true{blanks}; rm x")]}),
            &format!("run_command: sh -c 'true{blanks}; rm x'"),
        );
    }

    #[test]
    fn of_long_data_the_middle_is_left_out_and_of_nothing_else() {
        let long = format!("a{}z", "-".repeat(2_998));
        let text = shown(&call("write_file", json!({"path": long, "content": long})), &tools());
        assert!(text.contains(&format!(r#""path":"{long}""#)));
        let half = "-".repeat(999);
        let data = format!(r#""content":"a{half}… (1000 characters left out) …{half}z""#);
        assert!(text.contains(&data), "{text}");
    }

    #[test]
    fn a_hint_names_no_rule_that_allows_everything() {
        let tools = tools();
        let check = |argv: &[&str], expected: Option<&str>| {
            let found = rule(&call("run_command", json!({"argv": argv})), &tools);
            assert_eq!(found.as_deref(), expected, "{argv:?}");
        };
        check(&["git", "log", "-1"], Some("git log"));
        check(&["make"], Some("make"));
        check(&["touch", "a b"], Some("touch"));
        check(&["rm", "-rf", "build"], Some("rm -rf build"));
        check(&["rm", "-rf"], None);
        check(&["sh"], None);
        check(&["sh", "-c", "ls"], Some("sh -c ls"));
        check(&["sh", "-c", "ls x"], None);
        check(&["/usr/bin/python3.12", "-c", "import os"], None);
        check(&["python3", "build.py"], Some("python3 build.py"));
        check(&["env", "A=b", "git", "log", "-1"], Some("env A=b git log"));
        check(&["env", "A=b", "sh"], None);
        check(&["env", "A=b"], None);
        check(&["env", "A=b c", "git", "log"], None);
        check(&["sudo", "bash"], None);
        check(&["find", ".", "-name", &"x".repeat(80)], None);
        check(&["my program", "x"], None);
        let fed = json!({"argv": ["bash", "x"], "stdin": "rm y"});
        assert_eq!(rule(&call("run_command", fed), &tools), None);
        let added = json!({"argv": ["git", "log"], "env": {"A": "b"}});
        assert_eq!(rule(&call("run_command", added), &tools).as_deref(), Some("env A=b git log"));
        assert_eq!(rule(&call("run_command", json!({"argv": 1})), &tools), None);
        assert_eq!(rule(&call("write_file", json!({})), &tools).as_deref(), Some("write_file"));
    }
}
