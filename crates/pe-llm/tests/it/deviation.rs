//! How far a run has gone astray.

use pe_llm::{deviation, unrecovered_failures};
use pe_model::{ErrorClass, Plan};
use pe_testkit::{plan, step};
use proptest::prelude::*;
use serde_json::json;

use crate::support::Scene;

const SENSITIVITY: f64 = 0.7;

fn chain() -> Plan {
    plan([step("a"), step("b").reads("a"), step("c").reads("b"), step("d").reads("c")])
}

fn score(scene: &Scene) -> f64 {
    deviation(&scene.state).score
}

#[test]
fn a_run_as_planned_does_not_deviate() {
    assert_eq!(score(&Scene::new(chain())), 0.0);
    assert_eq!(
        score(&Scene::new(chain()).completes("a", json!(1)).completes("b", json!("x"))),
        0.0
    );
}

#[test]
fn a5_a_failure_that_blocks_others_is_enough_and_a_retry_is_not() {
    let failed = Scene::new(chain())
        .completes("a", json!(1))
        .completes("b", json!(1))
        .fails("c", ErrorClass::Execution, "no")
        .skips("d");
    assert!(score(&failed) >= SENSITIVITY, "{}", score(&failed));
    let retried = Scene::new(chain()).retries("a");
    assert!((score(&retried) - 0.05).abs() < 1e-9, "{}", score(&retried));
    let alone = Scene::new(plan([step("a"), step("b")])).fails("a", ErrorClass::Execution, "no");
    assert!((score(&alone) - 0.6).abs() < 1e-9, "{}", score(&alone));
}

#[test]
fn the_worked_example_of_the_documentation() {
    let plan = plan([
        step("search"),
        step("page").reads("search"),
        step("spare").instead_of("page"),
        step("mail").after(["page"]),
    ]);
    let scene = Scene::new(plan)
        .retries("search")
        .completes("search", json!([]))
        .fails("page", ErrorClass::NotFound, "404")
        .completes("spare", json!("text"))
        .recovers("page", "spare");
    let deviation = deviation(&scene.state);
    let value = |name: &str| deviation.parts.iter().find(|part| part.0 == name).unwrap().1;
    assert!((value("failures") - 0.15).abs() < 1e-9);
    assert!((value("retries") - 0.1).abs() < 1e-9);
    assert_eq!(value("time"), 0.0);
    assert!((value("outputs") - 0.4).abs() < 1e-9, "empty, and `page` reads it");
    assert!((deviation.score - 0.3863).abs() < 1e-4, "{}", deviation.score);
}

#[test]
fn a_fallback_that_may_still_help_keeps_a_failure_small() {
    let plan = plan([step("a"), step("b").instead_of("a"), step("c").reads("a")]);
    let failed = Scene::new(plan).fails("a", ErrorClass::Execution, "no");
    assert!((score(&failed) - 0.15).abs() < 1e-9, "{}", score(&failed));
    let both = failed.fails("b", ErrorClass::Execution, "no").skips("c");
    assert!(score(&both) > SENSITIVITY);
}

#[test]
fn a_failure_is_unrecovered_when_no_fallback_is_left() {
    let plan = plan([step("a"), step("b").instead_of("a"), step("c").instead_of("b"), step("d")]);
    let of = |scene: &Scene| unrecovered_failures(&scene.state);
    let failed = Scene::new(plan).fails("a", ErrorClass::Execution, "no").fails(
        "d",
        ErrorClass::NotFound,
        "none\nthere",
    );
    assert_eq!(of(&failed), ["d: not_found: none there"], "`b` may still help `a`");
    let both = failed.fails("b", ErrorClass::Network, "down");
    assert_eq!(of(&both), ["d: not_found: none there"], "`c` may still help `b`, and so `a`");
    let all = both.fails("c", ErrorClass::Network, "down");
    assert_eq!(
        of(&all),
        ["a: execution: no", "b: network: down", "c: network: down", "d: not_found: none there"]
    );
    let made_good = Scene::new(all.state.plan.definition())
        .fails("a", ErrorClass::Execution, "no")
        .completes("b", json!(1))
        .recovers("a", "b");
    assert_eq!(of(&made_good), Vec::<String>::new());
}

#[test]
fn empty_outputs_count_where_something_reads_them() {
    for empty in [json!(null), json!(""), json!([]), json!({})] {
        let read = Scene::new(chain()).completes("a", empty.clone());
        assert!((score(&read) - 0.24).abs() < 1e-9, "{empty}");
        let unread = Scene::new(plan([step("a"), step("b")])).completes("a", empty);
        assert_eq!(score(&unread), 0.0);
    }
    assert_eq!(score(&Scene::new(chain()).completes("a", json!(0))), 0.0);
    assert_eq!(score(&Scene::new(chain()).completes("a", json!(false))), 0.0);
}

#[test]
fn an_output_that_is_not_as_expected_counts_beside_its_failure() {
    let broken = |expect: bool| {
        let mut plan = plan([step("a"), step("b")]);
        plan.steps[0].expect = expect.then(|| "result > 1".to_owned());
        score(&Scene::new(plan).fails("a", ErrorClass::Validation, "not as expected"))
    };
    assert!(broken(true) > broken(false));
}

#[test]
fn time_counts_only_against_an_estimate() {
    let two = || plan([step("a"), step("b")]);
    let unknown = Scene::new(two()).completes_after("a", json!(1), 900_000);
    assert_eq!(score(&unknown), 0.0, "complexity is no estimate");
    let late = |ms| {
        score(&Scene::weighted(two(), vec![1_000.0, 1_000.0]).completes_after("a", json!(1), ms))
    };
    assert_eq!(late(1_900), 0.0, "less than a second late");
    assert!((late(3_000) - 0.2).abs() < 1e-9, "as late as the estimate is long: half of 0.4");
    assert!(late(60_000) < 0.4, "it saturates");
}

/// What may go wrong with each of eight independent steps, from bad to worse.
fn wrong(scene: Scene, id: &str, how: u8) -> Scene {
    match how {
        0 => scene.completes(id, json!(1)),
        1 => scene.retries(id).completes(id, json!(1)),
        2 => scene.retries(id).retries(id).completes(id, json!(1)),
        _ => scene.retries(id).retries(id).fails(id, ErrorClass::Network, "no"),
    }
}

fn scene_of(ways: &[u8]) -> Scene {
    let ids: Vec<String> = (0..ways.len()).map(|n| format!("s{n}")).collect();
    let mut scene = Scene::new(plan(ids.iter().map(step)));
    for (id, how) in ids.iter().zip(ways) {
        scene = wrong(scene, id, *how);
    }
    scene
}

proptest! {
    #[test]
    fn the_score_is_bounded_and_never_falls_when_more_goes_wrong(
        ways in proptest::collection::vec(0..4_u8, 1..8),
        at in any::<proptest::sample::Index>(),
    ) {
        let before = deviation(&scene_of(&ways).state);
        prop_assert!((0.0..=1.0).contains(&before.score));
        for (_, value, weight) in &before.parts {
            prop_assert!((0.0..=1.0).contains(value) && (0.0..=1.0).contains(weight));
        }
        let mut worse = ways.clone();
        let at = at.index(ways.len());
        worse[at] = (worse[at] + 1).min(3);
        let after = deviation(&scene_of(&worse).state);
        prop_assert!(after.score >= before.score);
        for (before, after) in before.parts.iter().zip(&after.parts) {
            prop_assert!(after.1 >= before.1);
        }
    }
}
