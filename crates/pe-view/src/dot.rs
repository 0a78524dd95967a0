//! Graphviz DOT.
//!
//! Invariant: text from a plan stands only inside double-quoted strings in which quotes,
//! backslashes and `&` are escaped, so that it can end no string, start no escape such as
//! `\N` and be no HTML entity. Nodes are named by place, never by step id.

use pe_model::StepType;

use crate::drawing::{Drawing, LOOKS, Line, Look, Node, RECOVERY};
use crate::label::fold;
use crate::view::{EdgeKind, PlanView};

/// How thick the critical path is, in points.
const CRITICAL: u8 = 4;

/// Renders a plan as a DOT `digraph`.
///
/// Shapes: box for `normal`, hexagon for `conditional`, double box for `loop`,
/// parallelogram for `parallel`, rounded box for `fallback`. Solid arrows are dependencies,
/// dotted ones only wait or, labelled `on failure`, lead to a fallback. The critical path is
/// bold.
pub fn dot(view: &PlanView<'_>) -> String {
    let drawing = Drawing::new(view);
    let goal = escape(&fold(&view.plan.goal));
    let mut out = format!(
        "digraph plan {{\n    graph [label=\"{goal}\", labelloc=t, fontname=\"Helvetica\"];\n    \
         node [shape=box, style=filled, fontname=\"Helvetica\", fontsize=11];\n    \
         edge [fontname=\"Helvetica\", fontsize=10, color=\"#6e7781\", fontcolor=\"#6e7781\"];\n"
    );
    for index in 0..drawing.steps.len() {
        let mut styles = vec!["filled"];
        let shape = shape(drawing.shape(index), &mut styles);
        out += &format!(
            "    s{index} [label=\"{}\"{shape}{}];\n",
            label(&drawing.words(index)),
            colours(drawing.look(index), styles, drawing.is_critical(index))
        );
    }
    for index in 0..drawing.missing.len() {
        out += &format!(
            "    m{index} [label=\"{}\"{}];\n",
            label(&drawing.missing_words(index)),
            colours("missing", vec!["filled"], false)
        );
    }
    for line in &drawing.lines {
        out += &edge(line);
    }
    out += "}\n";
    out
}

fn shape(kind: StepType, styles: &mut Vec<&'static str>) -> &'static str {
    match kind {
        StepType::Normal => "",
        StepType::Conditional => ", shape=hexagon",
        StepType::Loop => ", peripheries=2",
        StepType::Parallel => ", shape=parallelogram",
        StepType::Fallback => {
            styles.push("rounded");
            ""
        }
    }
}

fn colours(name: &str, mut styles: Vec<&'static str>, critical: bool) -> String {
    let Some(Look { fill, stroke, text, width, dashed, .. }) =
        LOOKS.iter().find(|look| look.name == name)
    else {
        return String::new();
    };
    if *dashed {
        styles.push("dashed");
    }
    let width = if critical { CRITICAL } else { *width };
    format!(
        ", style=\"{}\", fillcolor=\"{fill}\", color=\"{stroke}\", fontcolor=\"{text}\", penwidth={width}",
        styles.join(",")
    )
}

fn edge(line: &Line) -> String {
    let from = match line.from {
        Node::Step(index) => format!("s{index}"),
        Node::Missing(index) => format!("m{index}"),
    };
    let mut look = match line.kind {
        EdgeKind::Success => Vec::new(),
        EdgeKind::Ordering => vec!["style=dotted".to_owned()],
        EdgeKind::Fallback => vec!["style=dotted, label=\"on failure\"".to_owned()],
    };
    if line.recovered {
        look.push(format!("color=\"{RECOVERY}\", fontcolor=\"{RECOVERY}\", penwidth=2"));
    }
    if line.critical {
        look.push(format!("color=\"#24292f\", penwidth={CRITICAL}"));
    }
    let look = if look.is_empty() { String::new() } else { format!(" [{}]", look.join(", ")) };
    format!("    {from} -> s{}{look};\n", line.to)
}

fn label(lines: &[String]) -> String {
    lines.iter().map(|line| escape(line)).collect::<Vec<_>>().join("\\n")
}

fn escape(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            // Labels know HTML's entities even in plain strings.
            '&' => out += "&amp;",
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use pe_model::{Plan, PlanStep};

    use super::*;

    #[test]
    fn strings_cannot_be_left_and_hold_no_escapes_of_their_own() {
        for (text, expected) in [
            ("plain [x] -> {y};", "plain [x] -> {y};"),
            ("say \"hi\"", "say \\\"hi\\\""),
            ("\\N \\", "\\\\N \\\\"),
            ("\\\"", "\\\\\\\""),
            ("&lt;", "&amp;lt;"),
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
        let drawn = dot(&PlanView::new(&plan));
        let nodes: Vec<_> = drawn.lines().skip(4).take(5).collect();
        for (node, mark) in nodes.iter().zip([
            "label=\"x\\necho\", style=\"filled\"",
            "shape=hexagon",
            "peripheries=2",
            "shape=parallelogram",
            "style=\"filled,rounded\"",
        ]) {
            assert!(node.contains(mark), "{node} has no {mark}");
        }
    }

    #[test]
    fn the_goal_is_the_title() {
        let plan = Plan { goal: "say \"hi\"\nnow".to_owned(), ..Plan::default() };
        assert!(dot(&PlanView::new(&plan)).contains("label=\"say \\\"hi\\\" now\""));
    }
}
