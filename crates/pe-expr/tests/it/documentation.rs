//! `docs/expressions.md` says what is so: its tables are run.

use pe_expr::{Expr, Limits, MapScope, Template, function_names};
use serde_json::Value;

const TEXT: &str = include_str!("../../../../docs/expressions.md");

/// The values that the document's examples read, from its JSON block.
fn scope() -> MapScope {
    let block = TEXT.split("```json\n").nth(1).and_then(|rest| rest.split("```").next());
    let values: Value = serde_json::from_str(block.expect("a block")).expect("JSON");
    let Value::Object(values) = values else {
        panic!("not a map");
    };
    values.into_iter().collect()
}

/// The rows of all tables with that head: their first two cells.
fn rows(head: &str) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    let mut inside = false;
    for line in TEXT.lines() {
        if !line.starts_with('|') {
            inside = false;
        } else if line.starts_with(head) {
            inside = true;
        } else if inside && !line.starts_with("|--") {
            let line = line.replace("\\|", "\0");
            let mut cells = line.split('|').skip(1).map(|cell| cell.trim().replace('\0', "|"));
            let (first, second) = (cells.next().expect("a cell"), cells.next().expect("two cells"));
            rows.push((first.trim_matches('`').to_owned(), second));
        }
    }
    rows
}

fn result(cell: &str) -> Value {
    serde_json::from_str(cell.trim_matches('`')).unwrap_or_else(|error| panic!("{cell}: {error}"))
}

#[test]
fn expressions_have_the_results_given() {
    let rows = rows("| Expression | Result |");
    assert!(rows.len() > 70, "{} rows", rows.len());
    for (source, expected) in &rows {
        let value =
            Expr::parse(source).and_then(|expr| expr.evaluate(&scope(), &Limits::default()));
        assert_eq!(value, Ok(result(expected)), "{source}");
    }
    for name in function_names() {
        assert!(
            rows.iter().any(|(source, _)| source.contains(&format!("{name}("))),
            "no example of `{name}`"
        );
    }
}

#[test]
fn templates_become_what_is_given() {
    let rows = rows("| Template | Becomes |");
    assert!(rows.len() >= 7);
    for (text, expected) in rows {
        let value = Template::parse(&text)
            .and_then(|template| template.render(&scope(), &Limits::default()));
        assert_eq!(value, Ok(result(&expected)), "{text}");
    }
}

#[test]
fn errors_read_as_given() {
    let rows = rows("| Expression | Error |");
    assert!(rows.len() >= 6);
    for (source, expected) in rows {
        let value =
            Expr::parse(&source).and_then(|expr| expr.evaluate(&scope(), &Limits::default()));
        assert_eq!(value.expect_err(&source).to_string(), expected);
    }
}

#[test]
fn the_bounds_are_the_defaults() {
    let bounds: Vec<String> =
        rows("| Bound | Default |").into_iter().map(|(_, value)| value).collect();
    let limits = Limits::default();
    assert_eq!(
        (limits.source_bytes, limits.nesting, limits.bytes, limits.steps),
        (4096, 32, 1 << 20, 100_000)
    );
    assert_eq!(bounds, ["4 KiB", "32", "1 MiB", "100,000", "1,000", "128", "4 KiB"]);
}
