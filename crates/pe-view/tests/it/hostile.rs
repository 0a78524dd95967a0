//! No text in a plan breaks the syntax of a diagram or the form of the text.
//!
//! The output is read back by two small parsers of our own, written from the languages'
//! grammars and not from the renderers.

use pe_model::{Plan, PlanStatus, PlanStep, StepId, StepStatus, StepType};
use pe_view::{PlanView, dot, mermaid, svg, text};
use proptest::prelude::*;

/// Text with all that diagrams, Markdown, HTML and terminals could trip over.
fn hostile_text() -> impl Strategy<Value = String> {
    let bits = prop::sample::select(vec![
        "\"",
        "\\",
        "]",
        "[",
        "{{",
        "}}",
        "(",
        ")",
        "|",
        "<script>",
        "</b>",
        "<br/>",
        "&quot;",
        "#quot;",
        "#",
        ";",
        ":",
        "end",
        "graph",
        "subgraph",
        "class",
        "click",
        "style x:y#",
        "%%{init}%%",
        "--",
        "-->",
        "-.->",
        "`",
        "_",
        "*",
        "1. ",
        "- ",
        "\n",
        "\r\n",
        "\t",
        "\u{2028}",
        "\0",
        "\u{1b}[31m",
        "\u{202e}",
        "日本",
        "🦀",
        "e\u{301}",
        "ﬂ°°35¶ß",
        "$$",
        "@",
        "www.x.y",
        "http://x",
        "~~",
        "---",
        "\\N",
        "\\\"",
        "  ✓ [x] y (z)",
        "Progress: 100.0%",
    ])
    .prop_map(str::to_owned);
    prop::collection::vec(prop_oneof![3 => bits, 1 => any::<String>()], 0..6)
        .prop_map(|bits| bits.concat())
}

fn hostile_step() -> impl Strategy<Value = PlanStep> {
    let kinds = prop::sample::select(StepType::ALL.to_vec());
    let statuses = prop::sample::select(vec![
        StepStatus::Pending,
        StepStatus::Running,
        StepStatus::Completed,
        StepStatus::Failed,
        StepStatus::Skipped,
    ]);
    let id = || prop_oneof![hostile_text(), "[ab]".prop_map(|id| id)];
    (
        (id(), hostile_text(), hostile_text(), prop::option::of(hostile_text())),
        (kinds, statuses),
        prop::collection::vec(id(), 0..3),
        prop::option::of(id()),
    )
        .prop_map(|((id, action, tool, words), (step_type, status), after, other)| PlanStep {
            step_type,
            action,
            status,
            dependencies: after.iter().map(StepId::new).collect(),
            condition: words.clone(),
            loop_until: words.clone(),
            reason: words,
            fallback_for: other.as_ref().map(StepId::new),
            recovered_by: other.as_ref().map(StepId::new),
            ..PlanStep::new(id.as_str(), tool)
        })
}

fn hostile_plan() -> impl Strategy<Value = Plan> {
    (hostile_text(), prop::collection::vec(hostile_step(), 0..6)).prop_map(|(goal, steps)| Plan {
        goal,
        steps,
        status: PlanStatus::Running,
        ..Plan::default()
    })
}

proptest! {
    #[test]
    fn text_keeps_one_line_a_step(plan in hostile_plan()) {
        let text = text(&PlanView::new(&plan));
        let lines: Vec<&str> = text.lines().collect();
        prop_assert_eq!(lines.len(), plan.steps.len() + 5);
        prop_assert!(lines[0].starts_with("Plan: ") && lines[0].len() > 6);
        prop_assert_eq!(&lines[1..3], ["Status: running", "Steps:"]);
        prop_assert!(lines[3..lines.len() - 2].iter().all(|line| line.starts_with("  ")));
        prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
    }

    #[test]
    fn mermaid_is_well_formed(plan in hostile_plan()) {
        let drawn = mermaid(&PlanView::new(&plan));
        let mut lines = drawn.lines();
        prop_assert_eq!(lines.next(), Some("flowchart TD"));
        let mut nodes = 0;
        for line in lines {
            let line = line.strip_prefix("    ").expect("an indented statement");
            match line.split_once('"') {
                Some((open, rest)) => {
                    let (label, close) = rest.split_once('"').expect("a closed label");
                    prop_assert!(mermaid_label(label), "{}", line);
                    prop_assert!(mermaid_shape(open, close), "{}", line);
                    nodes += usize::from(open.starts_with('s'));
                }
                None => prop_assert!(mermaid_statement(line), "{}", line),
            }
        }
        prop_assert_eq!(nodes, plan.steps.len());
    }

    #[test]
    fn svg_is_well_formed(plan in hostile_plan()) {
        let drawn = svg(&PlanView::new(&plan));
        let document = roxmltree::Document::parse(&drawn)
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        let tags = ["svg", "title", "desc", "style", "rect", "g", "path", "text"];
        let mut nodes = 0;
        for element in document.descendants().filter(roxmltree::Node::is_element) {
            prop_assert!(tags.contains(&element.tag_name().name()), "{:?}", element);
            let class = element.attribute("class").unwrap_or_default();
            let is_step = class.starts_with("node ") && class != "node missing";
            nodes += usize::from(is_step);
            let words = element.text().unwrap_or_default();
            if ["text", "title"].contains(&element.tag_name().name()) {
                prop_assert!(!words.chars().any(char::is_control), "{:?}", words);
                prop_assert!(words.chars().count() < 4_000);
            }
        }
        prop_assert_eq!(nodes, plan.steps.len());
    }

    #[test]
    fn dot_is_well_formed(plan in hostile_plan()) {
        let drawn = dot(&PlanView::new(&plan));
        let tokens = dot_tokens(&drawn).map_err(TestCaseError::fail)?;
        prop_assert_eq!(&tokens[..3], ["digraph", "plan", "{"]);
        prop_assert_eq!(tokens.last().map(String::as_str), Some("}"));
        let statements: Vec<_> = tokens[3..tokens.len() - 1].split(|token| token == ";").collect();
        let nodes = statements
            .iter()
            .filter(|s| s.len() > 1 && s[0].starts_with('s') && s[1] == "[")
            .count();
        prop_assert_eq!(nodes, plan.steps.len());
        for statement in statements {
            prop_assert!(dot_statement(statement), "{:?}", statement);
        }
    }
}

/// Letters, a few harmless signs, `<br/>` and numeric entities.
fn mermaid_label(label: &str) -> bool {
    let text = label.replace("<br/>", " ");
    let mut parts = text.split('#');
    let plain = |part: &str| {
        part.chars().all(|c| {
            c.is_alphanumeric() || " _-./,".contains(c) || (!c.is_ascii() && !"°¶".contains(c))
        }) && !part.chars().any(char::is_control)
    };
    let entity = |part: &str| {
        part.split_once(';').is_some_and(|(number, rest)| {
            number.parse::<u32>().is_ok_and(|code| char::from_u32(code).is_some()) && plain(rest)
        })
    };
    parts.next().is_some_and(plain) && parts.all(entity)
}

fn mermaid_shape(open: &str, close: &str) -> bool {
    let name = open.trim_end_matches(['[', '{', '(', '/']);
    let shapes = [("[", "]"), ("{{", "}}"), ("[[", "]]"), ("[/", "/]"), ("([", "])")];
    (is_name(name) || name == "none") && shapes.contains(&(&open[name.len()..], close))
}

fn mermaid_statement(line: &str) -> bool {
    let words: Vec<&str> = line.split(' ').collect();
    let arrows = ["-->", "-.->"];
    match words.as_slice() {
        [from, arrow, to] if is_name(from) => is_name(to) && arrows.contains(arrow),
        // The only words with a blank in them are ours.
        [from, "-.->|on", "failure|", to] => is_name(from) && is_name(to),
        ["class", nodes, class] => nodes.split(',').all(is_name) && is_word(class),
        ["classDef", class, ..] => is_word(class),
        ["linkStyle", place, _] => place.parse::<usize>().is_ok(),
        _ => false,
    }
}

/// `s` or `m` and a number.
fn is_name(text: &str) -> bool {
    text.strip_prefix(['s', 'm']).is_some_and(|number| number.parse::<usize>().is_ok())
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

/// Splits DOT into words, strings (with their quotes) and signs.
fn dot_tokens(source: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        let mut token = String::from(c);
        match c {
            ' ' | '\n' => continue,
            '{' | '}' | '[' | ']' | ',' | '=' | ';' => {}
            '-' => match chars.next() {
                Some('>') => token.push('>'),
                other => return Err(format!("`-` before {other:?}")),
            },
            '"' => loop {
                match chars.next().ok_or("a string without an end")? {
                    '"' => break token.push('"'),
                    '\\' => match chars.next().ok_or("a backslash at the end")? {
                        c @ ('"' | '\\' | 'n') => token.extend(['\\', c]),
                        c => return Err(format!("escape \\{c}")),
                    },
                    c if c.is_control() => return Err(format!("{c:?} in a string")),
                    c => token.push(c),
                }
            },
            c if c.is_ascii_alphanumeric() || c == '_' => {
                while let Some(c) = chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                    token.push(c);
                }
            }
            c => return Err(format!("{c:?} outside of a string")),
        }
        tokens.push(token);
    }
    Ok(tokens)
}

/// `name [attributes]`, `a -> b [attributes]` or nothing.
fn dot_statement(tokens: &[String]) -> bool {
    let words: Vec<&str> = tokens.iter().map(String::as_str).collect();
    let attributes = match words.as_slice() {
        [] => return true,
        [from, "->", to, rest @ ..] if is_name(from) && is_name(to) => rest,
        [name, rest @ ..] if is_name(name) || ["graph", "node", "edge"].contains(name) => rest,
        _ => return false,
    };
    match attributes {
        [] => true,
        ["[", inner @ .., "]"] => inner
            .split(|token| *token == ",")
            .all(|pair| matches!(pair, [key, "=", _] if is_word(key))),
        _ => false,
    }
}
