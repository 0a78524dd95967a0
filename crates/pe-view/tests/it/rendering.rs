//! The text form, character by character, and snapshots of all three forms.

use pe_model::{Plan, PlanStatus, PlanStep, StepId, StepStatus};
use pe_view::{EdgeKind, PlanView, ViewEdge, dot, executed, glyph, mermaid, svg, text};

/// Snapshots all three forms of one plan.
fn check(name: &str, view: &PlanView<'_>) {
    insta::assert_snapshot!(format!("{name}.txt"), text(view));
    insta::assert_snapshot!(format!("{name}.mermaid"), mermaid(view));
    insta::assert_snapshot!(format!("{name}.dot"), dot(view));
}

#[test]
fn s1_the_designs_example_byte_for_byte() {
    let expected = "Plan: Research quantum computing\n\
                    Status: created\n\
                    Steps:\n  \
                      → [step_1] Search web (search)\n  \
                      ○ [step_2] Analyze results (analyze) (after: step_1)\n\
                    \n\
                    Progress: 0.0%\n";
    assert_eq!(text(&PlanView::new(&super::plan("design"))), expected);
}

#[test]
fn s1_every_glyph() {
    use StepStatus::{Completed, Failed, InDoubt, Pending, Ready, Running, Skipped, Waiting};
    let step = |id: &str, after: &str, status| PlanStep {
        action: format!("Do {id}"),
        dependencies: after.split_terminator(',').map(StepId::new).collect(),
        status,
        ..PlanStep::new(id, "echo")
    };
    let plan = Plan {
        goal: "Show every glyph".to_owned(),
        status: PlanStatus::Running,
        steps: vec![
            step("a", "", Completed),
            step("b", "a", Failed),
            step("c", "b", Skipped),
            step("d", "a", Running),
            step("e", "a", Waiting),
            step("f", "a", InDoubt),
            step("g", "a", Pending),
            step("h", "d,g", Pending),
        ],
        ..Plan::default()
    };
    let expected = "Plan: Show every glyph\n\
                    Status: running\n\
                    Steps:\n  \
                      ✓ [a] Do a (echo)\n  \
                      ✗ [b] Do b (echo) (after: a)\n  \
                      ⊘ [c] Do c (echo) (after: b)\n  \
                      ▶ [d] Do d (echo) (after: a)\n  \
                      ⏸ [e] Do e (echo) (after: a)\n  \
                      ? [f] Do f (echo) (after: a)\n  \
                      → [g] Do g (echo) (after: a)\n  \
                      ○ [h] Do h (echo) (after: d, g)\n\
                    \n\
                    Progress: 25.0%\n";
    assert_eq!(text(&PlanView::new(&plan)), expected);
    let all = [Pending, Ready, Running, Waiting, InDoubt, Completed, Failed, Skipped];
    assert_eq!(all.map(glyph).iter().collect::<String>(), "○→▶⏸?✓✗⊘");
}

#[test]
fn a_plan_of_every_step_type() {
    let plan = super::plan("shapes");
    let (success, ordering) = (EdgeKind::Success, EdgeKind::Ordering);
    let edges = [
        (0, 1, success),
        (1, 3, success),
        (2, 3, success),
        (3, 4, ordering),
        (3, 5, success),
        (5, 6, success),
        (0, 6, ordering),
    ];
    let edges = edges.map(|(from, to, kind)| ViewEdge { from, to, kind }).to_vec();
    check("shapes", &PlanView::new(&plan).with_edges(edges));
}

#[test]
fn a_run_with_a_failure_and_its_recovery() {
    let report = super::run("run");
    let plan = executed(&report);
    assert_eq!((&plan.goal, plan.status), (&report.goal, report.status));
    assert_eq!((&plan.plan_id, &plan.steps), (&report.plan_id, &report.steps));
    check("run", &PlanView::from(&plan));
}

#[test]
fn the_critical_path_is_in_every_form_if_it_is_given() {
    let plan = super::plan("shapes");
    let plain = PlanView::new(&plan);
    // The last place is in no plan, and a step alone is no path.
    for places in [vec![], vec![2], vec![2, 99]] {
        let view = plain.clone().with_critical_path(places, Some(5));
        for draw in [text, mermaid, dot, svg] {
            assert_eq!(draw(&view), draw(&plain));
        }
    }
    let edges = [(0, 1), (1, 3), (2, 3)];
    let edges = edges.map(|(from, to)| ViewEdge { from, to, kind: EdgeKind::Success }).to_vec();
    let plain = plain.with_edges(edges);
    let view = plain.clone().with_critical_path(vec![0, 1, 3], Some(1_500));
    let added = |draw: fn(&PlanView<'_>) -> String| {
        let (before, after) = (draw(&plain), draw(&view));
        let known: Vec<&str> = before.lines().collect();
        let new = after.lines().filter(|line| !known.contains(line)).map(str::to_owned);
        new.collect::<Vec<String>>()
    };
    insta::assert_snapshot!("critical.txt", added(text).join("\n"));
    insta::assert_snapshot!("critical.mermaid", added(mermaid).join("\n"));
    insta::assert_snapshot!("critical.dot", added(dot).join("\n"));
}

#[test]
fn a_long_critical_path_is_named_by_its_ends() {
    let steps = (0..1_000).map(|id: usize| PlanStep::new(format!("s{id}").as_str(), "echo"));
    let plan = Plan { steps: steps.collect(), ..Plan::default() };
    let drawn = text(&PlanView::new(&plan).with_critical_path((0..1_000).collect(), None));
    let expected = "Critical path: s0 → s1 → s2 → s3 → s4 → s5 → … 988 more … → \
                    s994 → s995 → s996 → s997 → s998 → s999\n";
    assert!(drawn.ends_with(expected), "{}", &drawn[drawn.len() - 200..]);
}

#[test]
fn a_broken_plan_renders_too() {
    check("broken", &PlanView::new(&super::plan("broken")));
}

#[test]
fn a_long_chain_renders() {
    let steps = (0..100_000)
        .map(|index: usize| {
            let mut step = PlanStep::new(format!("s{index}").as_str(), "echo");
            step.dependencies.extend(index.checked_sub(1).map(|i| StepId::new(format!("s{i}"))));
            step
        })
        .collect();
    let plan = Plan { steps, ..Plan::default() };
    let view = PlanView::new(&plan);
    assert_eq!(text(&view).lines().count(), 100_005);
    assert_eq!(mermaid(&view).matches("-->").count(), 99_999);
    assert_eq!(dot(&view).matches("->").count(), 99_999);
}
