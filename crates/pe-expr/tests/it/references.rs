//! What an expression is known to read.

use pe_expr::{Expr, Root, Segment, Template};

/// Each reference as text: `a.x.0` (steps: `steps:`, guarded: `?`), whole ones as `*`, variables as `$name`.
fn check(source: &str, expected: &str) {
    let expr = Expr::parse(source).expect(source);
    let references = expr.references();
    let root = |root: Root| match root {
        Root::Results => "",
        Root::Steps => "steps:",
    };
    let guard = |guarded: bool| if guarded { "?" } else { "" };
    let mut found = Vec::new();
    for step in &references.steps {
        let mut text = format!("{}{}{}", root(step.root), step.step, guard(step.guarded));
        for segment in &step.path {
            match segment {
                Segment::Key(key) => text += &format!(".{key}"),
                Segment::Index(index) => text += &format!("[{index}]"),
            }
        }
        text += &format!(" `{}`", &source[step.span.start..step.span.end]);
        found.push(text);
    }
    for whole in &references.whole {
        found.push(format!("{}*{}", root(whole.root), guard(whole.guarded)));
    }
    for (name, span) in &references.variables {
        assert_eq!(name, &source[span.start..span.end]);
        found.push(format!("${name}"));
    }
    assert_eq!(found.join(", "), expected, "{source}");
}

#[test]
fn steps_by_name() {
    check("results.a", "a `results.a`");
    check("results.a.url", "a.url `results.a.url`");
    check("results['a']", "a `results['a']`");
    check(
        "results[\"a-b\"].x[0]['y'][-1].2",
        "a-b.x[0].y[-1][2] `results[\"a-b\"].x[0]['y'][-1].2`",
    );
    check("steps.a.status == 'failed'", "steps:a.status `steps.a.status`");
    check(
        "results.a.x + results.b + results.a.y",
        "a.x `results.a.x`, b `results.b`, a.y `results.a.y`",
    );
    check("results.1", "1 `results.1`");
    check("results . a", "a `results . a`");
}

#[test]
fn paths_are_cut_where_they_are_dynamic() {
    check("results.a.x[index].y", "a.x `results.a.x`, $index");
    check("results.a[results.b.i].z", "a `results.a`, b.i `results.b.i`");
    check("(results.a).x", "a `results.a`");
}

#[test]
fn whole_references() {
    check("results", "*");
    check("len(results) > 0", "*");
    check("'a' in steps", "steps:*");
    check("results[goal]", "*, $goal");
    check("results['a' + 'b']", "*");
    check("(results).a", "*");
    check("results[-1]", "*");
    check("[results, results.a]", "a `results.a`, *");
}

#[test]
fn guards() {
    check("exists(results.a.x)", "a?.x `results.a.x`");
    check(
        "default(results.a, results.b) + results.c",
        "a? `results.a`, b `results.b`, c `results.c`",
    );
    check("default(upper(results.a), 1)", "a? `results.a`");
    check(
        "default(default(results.a, results.b), results.c)",
        "a? `results.a`, b? `results.b`, c `results.c`",
    );
    check("exists(results[goal])", "*?, $goal");
    check("exists(results.a) and results.a.x", "a? `results.a`, a.x `results.a.x`");
    check("exists(results.a,) and results.b", "a? `results.a`, b `results.b`");
    check("[default(1, 2), results.a]", "a `results.a`");
}

#[test]
fn other_variables() {
    check("item.x + index + context.results.a", "$item, $index, $context");
    check("item + item", "$item, $item");
    check("{results: 1, 'steps': item}", "$item");
    check("'results.a'", "");
}

#[test]
fn of_a_template_in_its_text() {
    let text = "a {{ results.a }} b {{ steps.b.status + goal }}";
    let template = Template::parse(text).expect("a template");
    let references = template.references();
    let spans: Vec<&str> =
        references.steps.iter().map(|step| &text[step.span.start..step.span.end]).collect();
    assert_eq!(spans, ["results.a", "steps.b.status"]);
    assert_eq!(references.variables[0].0, "goal");
}
