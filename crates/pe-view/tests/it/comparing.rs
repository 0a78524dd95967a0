//! Comparing plans: the documented example, the JSON, and properties over any plans.

use pe_model::{Plan, PlanStep, StepId, StepType};
use pe_view::{BetterPlan, PlanDiff, PlanTiming, diff, diff_text};
use proptest::prelude::*;
use serde_json::{Value, json};

/// The documented example; its times are those that `pe simulate` finds.
fn example() -> PlanDiff {
    let timing = |critical_path: &[&str]| {
        let ms = critical_path.len() as u64 * 1_000;
        let critical_path = critical_path.iter().map(StepId::new).collect();
        Some(PlanTiming { makespan_ms: ms, critical_path, critical_path_ms: ms })
    };
    diff(&super::plan("before"), &super::plan("after")).with_timing(
        3,
        timing(&["news", "weather", "digest", "mail"]),
        timing(&["news", "digest", "mail"]),
    )
}

#[test]
fn times_that_are_not_known_are_not_made_up() {
    let unknown = diff(&super::plan("before"), &super::plan("after"));
    assert!(!diff_text(&unknown, "a", "b").contains("Makespan"));
    let value = serde_json::to_value(&unknown).unwrap();
    for field in ["workers", "makespan1_ms", "critical_path2", "critical_path2_ms"] {
        assert_eq!(value.get(field), Some(&Value::Null), "{field}");
    }
    let half = unknown.with_timing(
        1,
        None,
        Some(PlanTiming {
            makespan_ms: 2_000,
            critical_path: (0..20).map(|n| StepId::new(format!("s{n}"))).collect(),
            critical_path_ms: 1_000,
        }),
    );
    let text = diff_text(&half, "a", "b");
    assert!(text.contains("Makespan: unknown → 2.0 s (1 worker)\n"), "{text}");
    assert!(text.contains("Critical path: unknown → 1.0 s\n  a: cannot run as it is\n"), "{text}");
    assert!(text.contains("→ s11 → … (8 more)\n"), "{text}");
}

#[test]
fn s2_the_documented_example_is_true() {
    let review = diff_text(&example(), "before.json", "after.json");
    insta::assert_snapshot!("review", review);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/comparison.md");
    let docs = std::fs::read_to_string(path).unwrap();
    for shown in [super::data("before"), super::data("after"), review] {
        assert!(docs.contains(shown.trim()), "docs/comparison.md does not hold:\n{shown}");
    }
}

#[test]
fn s2_the_json_of_a_diff() {
    insta::assert_snapshot!("json", serde_json::to_string_pretty(&example()).unwrap());
    let better = [BetterPlan::Plan1, BetterPlan::Plan2, BetterPlan::Tie];
    assert_eq!(serde_json::to_value(better).unwrap(), json!(["plan1", "plan2", "tie"]));
}

#[test]
fn s2_identical_plans_tie() {
    let plan = super::plan("after");
    let diff = diff(&plan, &plan.clone());
    assert!(diff.is_same() && diff.goal_same);
    assert_eq!((diff.score1, diff.better_plan), (diff.score2, BetterPlan::Tie));
    let review = diff_text(&diff, "a", "b");
    assert!(review.contains("No differences.") && review.contains("scores are equal"), "{review}");
}

#[test]
fn s2_a_sound_plan_beats_a_cyclic_one() {
    let sound = super::plan("before");
    let mut cyclic = super::plan("after");
    cyclic.steps[0].dependencies.push("mail".into());
    let forth = diff(&sound, &cyclic);
    assert!(forth.score1 >= 60.0 && forth.score2 <= 55.0, "{forth:?}");
    assert_eq!(forth.better_plan, BetterPlan::Plan1);
    assert_eq!(diff(&cyclic, &sound).better_plan, BetterPlan::Plan2);
}

#[test]
fn a_review_is_one_line_a_change_whatever_the_texts_hold() {
    let mut a = super::plan("broken");
    let b = a.clone();
    a.goal = "two\nlines".to_owned();
    a.steps[1].action = "\u{1b}[2J\n+ forged".to_owned();
    a.steps.remove(4);
    let review = diff_text(&diff(&a, &b), "a\n--- x", "b");
    insta::assert_snapshot!("hostile_review", review);
}

#[test]
fn long_chains_are_compared_without_recursion() {
    let chain = |count: usize| {
        let step = |index: usize| PlanStep {
            dependencies: index
                .checked_sub(1)
                .map(|i| StepId::new(format!("s{i}")))
                .into_iter()
                .collect(),
            ..PlanStep::new(format!("s{index}").as_str(), "echo")
        };
        Plan { steps: (0..count).map(step).collect(), ..Plan::default() }
    };
    let diff = diff(&chain(100_000), &chain(99_999));
    assert_eq!(diff.removed_steps, ["s99999".into()]);
    assert_eq!((diff.steps_count_diff, diff.added_edges.len()), (-1, 0));
    assert_eq!(diff.score1_parts[1].why, "100000 steps, critical path 100000");
}

/// Few ids, so that duplicates, cycles and dangling ids are common.
fn any_plan() -> impl Strategy<Value = Plan> {
    let id = || prop::sample::select(vec!["a", "b", "c", "d", "", "gone"]).prop_map(StepId::new);
    let step = (
        id(),
        prop::sample::select(StepType::ALL.to_vec()),
        prop::collection::vec(id(), 0..3),
        prop::option::of(id()),
        (".{0,2}", prop::option::of(".{0,2}"), prop::option::of(0..3_i64)),
    )
        .prop_map(|(step_id, step_type, dependencies, fallback_for, (action, text, count))| {
            PlanStep {
                step_id,
                step_type,
                dependencies,
                fallback_for,
                action,
                condition: text.clone(),
                loop_until: text,
                loop_count: count,
                ..PlanStep::default()
            }
        });
    (".{0,2}", prop::collection::vec(step, 0..7)).prop_map(|(goal, steps)| Plan {
        goal,
        steps,
        ..Plan::default()
    })
}

/// Whether every step could settle, worked out the slow way: run what can run until
/// nothing more can.
fn is_sound(plan: &Plan) -> bool {
    let mut done: Vec<&StepId> = Vec::new();
    for _ in &plan.steps {
        for step in &plan.steps {
            let target = step.fallback_for.iter().filter(|_| step.step_type == StepType::Fallback);
            let complete = match step.step_type {
                StepType::Conditional => step.condition.is_some(),
                StepType::Loop => step.loop_until.is_some() || step.loop_count.is_some(),
                StepType::Fallback => step.fallback_for.is_some(),
                StepType::Normal | StepType::Parallel => true,
            };
            let met = step.dependencies.iter().chain(target).all(|id| done.contains(&id));
            let named = !step.step_id.as_str().trim().is_empty();
            if complete && met && named && !done.contains(&&step.step_id) {
                done.push(&step.step_id);
            }
        }
    }
    !plan.steps.is_empty() && done.len() == plan.steps.len()
}

proptest! {
    #[test]
    fn a_plan_ties_with_itself(plan in any_plan()) {
        let diff = diff(&plan, &plan.clone());
        prop_assert!(diff.is_same() && diff.goal_same, "{:?}", diff);
        prop_assert!(diff.added_edges.is_empty() && diff.removed_edges.is_empty());
        prop_assert_eq!(diff.better_plan, BetterPlan::Tie);
    }

    #[test]
    fn scores_are_explained_and_within_bounds(a in any_plan(), b in any_plan()) {
        let diff = diff(&a, &b);
        for (plan, score, parts) in
            [(&a, diff.score1, &diff.score1_parts), (&b, diff.score2, &diff.score2_parts)]
        {
            prop_assert!((0.0..=100.0).contains(&score), "{}", score);
            let sum: f64 = parts.iter().map(|part| part.points).sum();
            prop_assert!((sum - score).abs() < 0.001, "{} is not {}", sum, score);
            prop_assert!(parts.iter().all(|p| (0.0..=p.max).contains(&p.points) && !p.why.is_empty()));
            prop_assert_eq!(parts.iter().map(|part| part.max).sum::<f64>(), 100.0);
            prop_assert_eq!(score >= 60.0, is_sound(plan), "{}: {:?}", score, parts);
            prop_assert!(score >= 60.0 || score <= 55.0, "{}", score);
        }
    }

    #[test]
    fn a_diff_backwards_is_the_mirror_image(a in any_plan(), b in any_plan()) {
        let (forth, back) = (diff(&a, &b), diff(&b, &a));
        prop_assert_eq!(forth.steps_count_diff, -back.steps_count_diff);
        prop_assert_eq!(forth.added_steps, back.removed_steps);
        prop_assert_eq!(forth.added_edges, back.removed_edges);
        prop_assert_eq!(forth.modified_steps.len(), back.modified_steps.len());
        prop_assert_eq!((forth.score1, forth.score2), (back.score2, back.score1));
        prop_assert_eq!(forth.order_same, back.order_same);
    }

    #[test]
    fn a_review_can_be_read_and_the_json_has_every_field(a in any_plan(), b in any_plan()) {
        let diff = diff(&a, &b);
        let review = diff_text(&diff, "a", "b");
        prop_assert!(review.lines().last().is_some_and(|line| line.starts_with("Better: ")));
        let Value::Object(json) = serde_json::to_value(&diff).unwrap() else {
            return Err(TestCaseError::fail("not an object"));
        };
        for field in [
            "goal_same", "steps_count_diff", "added_steps", "removed_steps", "modified_steps",
            "score1", "score2", "better_plan",
        ] {
            prop_assert!(json.contains_key(field), "{}", field);
        }
    }
}
