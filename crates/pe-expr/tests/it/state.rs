//! A scope over a run state that is held elsewhere: nothing is copied to read one output.

use std::cell::Cell;

use pe_expr::{Binding, Entries, ErrorKind, Expr, Limits, Scope};
use serde_json::{Value, json};

struct Step {
    id: String,
    status: Value,
    output: Value,
}

#[derive(Default)]
struct State {
    steps: Vec<Step>,
    asked: Cell<usize>,
}

struct Results<'a>(&'a State);
struct Steps<'a>(&'a State);
struct OneStep<'a>(&'a Step);

impl State {
    fn step(&self, id: &str) -> Option<&Step> {
        self.asked.set(self.asked.get() + 1);
        self.steps.iter().find(|step| step.id == id)
    }
}

impl<'a> Entries<'a> for Results<'a> {
    fn len(&self) -> usize {
        self.0.steps.len()
    }
    fn get(&self, key: &str) -> Option<Binding<'a>> {
        self.0.step(key).map(|step| Binding::from(&step.output))
    }
    fn keys(&self) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        Box::new(self.0.steps.iter().map(|step| step.id.as_str()))
    }
}

impl<'a> Entries<'a> for Steps<'a> {
    fn len(&self) -> usize {
        self.0.steps.len()
    }
    fn get(&self, key: &str) -> Option<Binding<'a>> {
        self.0.step(key).map(|step| Binding::Map(Box::new(OneStep(step))))
    }
    fn keys(&self) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        Box::new(self.0.steps.iter().map(|step| step.id.as_str()))
    }
}

impl<'a> Entries<'a> for OneStep<'a> {
    fn len(&self) -> usize {
        2
    }
    fn get(&self, key: &str) -> Option<Binding<'a>> {
        match key {
            "status" => Some(Binding::from(&self.0.status)),
            "output" => Some(Binding::from(&self.0.output)),
            _ => None,
        }
    }
    fn keys(&self) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        Box::new(["status", "output"].into_iter())
    }
}

impl Scope for State {
    fn variable(&self, name: &str) -> Option<Binding<'_>> {
        match name {
            "results" => Some(Binding::Map(Box::new(Results(self)))),
            "steps" => Some(Binding::Map(Box::new(Steps(self)))),
            "goal" => Some(json!("made on the spot").into()),
            _ => None,
        }
    }
}

fn state() -> State {
    let step = |id: &str, output: Value| Step { id: id.into(), status: json!("completed"), output };
    State {
        steps: vec![
            step("a", json!({"n": 1})),
            step("b-c", json!(["x"])),
            step("large", json!("x".repeat(3 << 20))),
        ],
        asked: Cell::new(0),
    }
}

fn check(source: &str, expected: Value) {
    let value = Expr::parse(source).and_then(|expr| expr.evaluate(&state(), &Limits::default()));
    assert_eq!(value, Ok(expected), "{source}");
}

#[test]
fn views_are_maps() {
    check("len(results)", json!(3));
    check("'a' in results and 'z' not in steps", json!(true));
    check("keys(steps)", json!(["a", "b-c", "large"]));
    check("results.a.n + 1", json!(2));
    check("results['b-c'][0]", json!("x"));
    check("steps.a.status", json!("completed"));
    check("steps.a", json!({"status": "completed", "output": {"n": 1}}));
    check("steps.a == {'output': {'n': 1}, 'status': 'completed'}", json!(true));
    check("[steps.a, 1]", json!([{"status": "completed", "output": {"n": 1}}, 1]));
    check("values(steps.a)", json!(["completed", {"n": 1}]));
    check("json(steps.a)", json!(r#"{"status":"completed","output":{"n":1}}"#));
    check("exists(steps.z.output)", json!(false));
    check("exists(steps.a.outputs)", json!(false));
    check("upper(goal)", json!("MADE ON THE SPOT"));
}

#[test]
fn reading_one_output_asks_for_one_step() {
    let state = state();
    let expr = Expr::parse("steps.a.output.n").expect("an expression");
    assert_eq!(expr.evaluate(&state, &Limits::default()), Ok(json!(1)));
    assert_eq!(state.asked.get(), 1);
}

#[test]
fn a_value_that_is_read_is_free_and_a_built_one_is_not() {
    let limits = Limits::default();
    let evaluate =
        |source: &str| Expr::parse(source).and_then(|expr| expr.evaluate(&state(), &limits));
    for source in [
        "results.large",
        "steps.large.output",
        "results.large if true else 1",
        "default(results.large, 1)",
    ] {
        assert_eq!(evaluate(source).expect(source).as_str().map(str::len), Some(3 << 20));
    }
    for source in [
        "[results.large]",
        "results.large + ''",
        "results",
        "results == {}",
        "upper(results.large)",
    ] {
        let error = evaluate(source).expect_err(source);
        assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{source}: {error}");
    }
}

#[test]
fn missing_keys_of_views_are_suggested() {
    let error =
        Expr::parse("steps.a.outptu").and_then(|expr| expr.evaluate(&state(), &Limits::default()));
    let text = error.expect_err("a typo").to_string();
    assert!(text.contains("did you mean `steps.a.output`?"), "{text}");
    let error =
        Expr::parse("result.a").and_then(|expr| expr.evaluate(&state(), &Limits::default()));
    let text = error.expect_err("a typo").to_string();
    assert!(text.contains("did you mean `results`?"), "{text}");
}
