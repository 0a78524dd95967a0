//! Mermaid flowcharts, as GitHub renders them inside a code fence.
//!
//! Invariant: text from a plan stands only between double quotes, and holds no character
//! that Mermaid, the Markdown inside its labels, or HTML could read as syntax. Nodes are
//! named by place (`s0`, `s1`, …; missing steps `m0`, …), never by step id.
//!
//! GitHub draws at most 500 edges and 50,000 characters; larger plans need DOT.

use pe_model::StepType;

use crate::drawing::{Drawing, LOOKS, Line, Node, RECOVERY};
use crate::view::{EdgeKind, PlanView};

/// How thick the critical path is, in pixels.
const CRITICAL: u8 = 5;

/// Renders a plan as a Mermaid `flowchart TD`.
///
/// Shapes: rectangle for `normal`, hexagon for `conditional`, double-sided box for `loop`,
/// parallelogram for `parallel`, stadium for `fallback`. Solid arrows are dependencies,
/// dotted ones only wait or, labelled `on failure`, lead to a fallback. The critical path is
/// thick.
pub fn mermaid(view: &PlanView<'_>) -> String {
    let drawing = Drawing::new(view);
    let mut out = String::from("flowchart TD\n");
    if drawing.steps.is_empty() {
        out += "    none[\"no steps\"]\n";
    }
    for index in 0..drawing.steps.len() {
        let (open, close) = shape(drawing.shape(index));
        let label = label(&drawing.words(index));
        out += &format!("    s{index}{open}\"{label}\"{close}\n");
    }
    for index in 0..drawing.missing.len() {
        out += &format!("    m{index}[\"{}\"]\n", label(&drawing.missing_words(index)));
    }
    for line in &drawing.lines {
        out += &format!("    {} {} s{}\n", name(line.from), arrow(line), line.to);
    }
    push_classes(&mut out, &drawing);
    push_recoveries(&mut out, &drawing.lines);
    push_critical_path(&mut out, &drawing);
    out
}

fn shape(kind: StepType) -> (&'static str, &'static str) {
    match kind {
        StepType::Normal => ("[", "]"),
        StepType::Conditional => ("{{", "}}"),
        StepType::Loop => ("[[", "]]"),
        StepType::Parallel => ("[/", "/]"),
        StepType::Fallback => ("([", "])"),
    }
}

fn arrow(line: &Line) -> &'static str {
    match line.kind {
        EdgeKind::Success => "-->",
        EdgeKind::Ordering => "-.->",
        EdgeKind::Fallback => "-.->|on failure|",
    }
}

fn name(node: Node) -> String {
    match node {
        Node::Step(index) => format!("s{index}"),
        Node::Missing(index) => format!("m{index}"),
    }
}

/// Defines the classes that are used, and says which node is in which.
fn push_classes(out: &mut String, drawing: &Drawing<'_>) {
    let mut members = vec![Vec::new(); LOOKS.len()];
    let looks = (0..drawing.steps.len())
        .map(|index| (drawing.look(index), Node::Step(index)))
        .chain((0..drawing.missing.len()).map(|index| ("missing", Node::Missing(index))));
    for (look, node) in looks {
        if let Some(place) = LOOKS.iter().position(|known| known.name == look) {
            members[place].push(name(node));
        }
    }
    for (look, members) in LOOKS.iter().zip(members).filter(|(_, members)| !members.is_empty()) {
        let dashes = if look.dashed { ",stroke-dasharray:5 4" } else { "" };
        *out += &format!(
            "    classDef {} fill:{},stroke:{},color:{},stroke-width:{}px{dashes}\n    class {} {}\n",
            look.name,
            look.fill,
            look.stroke,
            look.text,
            look.width,
            members.join(","),
            look.name
        );
    }
}

/// Mermaid names links by their place in the text.
fn push_recoveries(out: &mut String, lines: &[Line]) {
    for (place, _) in lines.iter().enumerate().filter(|(_, line)| line.recovered) {
        *out += &format!("    linkStyle {place} stroke:{RECOVERY},stroke-width:3px\n");
    }
}

/// The last class and the last links that are named win over those before.
fn push_critical_path(out: &mut String, drawing: &Drawing<'_>) {
    let steps: Vec<String> = (0..drawing.steps.len())
        .filter(|&index| drawing.is_critical(index))
        .map(|index| name(Node::Step(index)))
        .collect();
    if steps.is_empty() {
        return;
    }
    *out += &format!(
        "    classDef critical stroke-width:{CRITICAL}px\n    class {} critical\n",
        steps.join(",")
    );
    let numbered = drawing.lines.iter().enumerate();
    let links: Vec<String> =
        numbered.filter(|(_, line)| line.critical).map(|(place, _)| place.to_string()).collect();
    if !links.is_empty() {
        *out += &format!("    linkStyle {} stroke-width:{CRITICAL}px\n", links.join(","));
    }
}

fn label(lines: &[String]) -> String {
    lines.iter().map(|line| escape(line)).collect::<Vec<_>>().join("<br/>")
}

/// Writes every character that could be syntax as a numeric entity (`#34;`).
///
/// Left as they are: letters and digits of any script, blanks, commas, `_ - /` inside
/// words, full stops after words and inside numbers, and non-ASCII signs such as emoji, but for the two
/// (`° ¶`) that Mermaid uses inside for its own encoding of entities.
fn escape(line: &str) -> String {
    let chars: Vec<char> = line.chars().collect();
    let mut out = String::with_capacity(line.len());
    for (place, &c) in chars.iter().enumerate() {
        let before = place.checked_sub(1).map(|place| chars[place]);
        let after = chars.get(place + 1).copied();
        let plain = |side: Option<char>| side.is_some_and(char::is_alphanumeric);
        let safe = match c {
            ' ' | ',' => true,
            // At the edge of a word these are Markdown: emphasis, a list, a rule.
            '_' | '-' | '/' => plain(before) && plain(after),
            // `1. x` is a list and `www.x` a link, neither of which Mermaid can draw.
            '.' if before.is_some_and(char::is_numeric) => after.is_some_and(char::is_numeric),
            '.' => plain(before) && matches!(after, None | Some(' ')),
            '°' | '¶' => false,
            _ => c.is_alphanumeric() || !c.is_ascii(),
        };
        if c == '$' && before == Some('$') {
            // Two of them begin a formula, entities or not: a zero-width space keeps them apart.
            out.push('\u{200b}');
        }
        if safe {
            out.push(c);
        } else {
            out += &format!("#{};", c as u32);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use pe_model::{Plan, PlanStep, StepId, StepStatus};

    use super::*;

    #[test]
    fn characters_that_could_be_syntax_are_entities() {
        for (text, expected) in [
            ("plain step_1, well-known.", "plain step_1, well-known."),
            ("end", "end"),
            ("\"]", "#34;#93;"),
            ("a|b", "a#124;b"),
            ("<script>", "#60;script#62;"),
            ("#quot;", "#35;quot#59;"),
            ("style a:b", "style a#58;b"),
            ("_em_ `code` **b**", "#95;em#95; #96;code#96; #42;#42;b#42;#42;"),
            ("1. list 1.5 s", "1#46; list 1.5 s"),
            ("- list", "#45; list"),
            ("www.site.com", "www#46;site#46;com"),
            ("ﬂ°°34¶ß", "ﬂ#176;#176;34#182;ß"),
            ("日本 🦀", "日本 🦀"),
            ("$$5 $", "#36;\u{200b}#36;5 #36;"),
            ("%%{init}%%", "#37;#37;#123;init#125;#37;#37;"),
        ] {
            assert_eq!(escape(text), expected);
        }
    }

    #[test]
    fn each_step_type_has_its_shape() {
        let steps = StepType::ALL
            .into_iter()
            .map(|step_type| PlanStep { step_type, ..PlanStep::new("x", "echo") })
            .collect();
        let plan = Plan { steps, ..Plan::default() };
        let drawn = mermaid(&PlanView::new(&plan));
        let nodes: Vec<_> = drawn.lines().skip(1).take(5).map(str::trim).collect();
        assert_eq!(
            nodes,
            [
                "s0[\"x<br/>echo\"]",
                "s1{{\"x<br/>echo\"}}",
                "s2[[\"x<br/>echo\"]]",
                "s3[/\"x<br/>echo\"/]",
                "s4([\"x<br/>echo\"])",
            ]
        );
    }

    #[test]
    fn only_the_fallback_that_stood_in_is_highlighted() {
        let spare = |id: &str| PlanStep {
            step_type: StepType::Fallback,
            fallback_for: Some(StepId::new("a")),
            ..PlanStep::new(id, "echo")
        };
        let mut a = PlanStep::new("a", "echo");
        a.status = StepStatus::Failed;
        a.recovered_by = Some("second".into());
        let plan = Plan { steps: vec![a, spare("first"), spare("second")], ..Plan::default() };
        let drawn = mermaid(&PlanView::new(&plan));
        assert!(drawn.contains("s0 -.->|on failure| s1\n    s0 -.->|on failure| s2\n"), "{drawn}");
        assert!(drawn.contains("linkStyle 1 stroke:"), "{drawn}");
        assert_eq!(drawn.matches("linkStyle").count(), 1, "{drawn}");
        assert!(drawn.contains("class s0 recovered"), "{drawn}");
    }

    #[test]
    fn an_empty_plan_is_still_a_diagram() {
        let plan = Plan::default();
        assert_eq!(mermaid(&PlanView::new(&plan)), "flowchart TD\n    none[\"no steps\"]\n");
    }
}
