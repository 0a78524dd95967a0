//! Weights, depth, the critical path and what remains from each step on.

use pe_testkit::{arbitrary_plan, plan, step, valid};
use proptest::prelude::*;
use proptest::test_runner::Config;

#[test]
fn a_known_duration_is_the_weight() {
    let steps = [
        step("a").tool("sleep").parameter("duration_ms", 40).lasts_ms(1),
        step("b").lasts_ms(10),
        step("c").tool("sleep").parameter("duration_ms", 20).times(3),
    ];
    assert_eq!(valid(&plan(steps)).weights(|_| None), [40.0, 10.0, 60.0]);
}

#[test]
fn else_complexity_times_the_mean_known_milliseconds_a_point() {
    // 60 ms over 3 points is 20 ms a point.
    let steps = [
        step("a").lasts_ms(50).complexity(2),
        step("b").lasts_ms(10),
        step("c").complexity(3),
        step("d"),
    ];
    assert_eq!(valid(&plan(steps)).weights(|_| None), [50.0, 10.0, 60.0, 20.0]);
}

#[test]
fn else_complexity() {
    let steps = [step("a").complexity(5), step("b")];
    assert_eq!(valid(&plan(steps)).weights(|_| None), [5.0, 1.0]);
}

#[test]
fn what_was_learned_counts_where_the_plan_says_nothing() {
    let steps = [step("a").lasts_ms(8), step("b").complexity(2), step("c").complexity(4)];
    let learned = |step: &pe_model::PlanStep| (step.step_id.as_str() == "b").then_some(16.0);
    assert_eq!(valid(&plan(steps)).weights(learned), [8.0, 16.0, 32.0]);
}

#[test]
fn a_template_for_a_duration_is_not_known() {
    let sleep = step("a").tool("sleep").parameter("duration_ms", "{{ context.n }}").complexity(3);
    assert_eq!(valid(&plan([sleep])).weights(|_| None), [3.0]);
}

#[test]
fn the_critical_path_is_the_heaviest() {
    let steps = [
        step("a").lasts_ms(1),
        step("b").after(["a"]).lasts_ms(10),
        step("c").reads("a").lasts_ms(3),
        step("d").looks_at("c").lasts_ms(9),
        step("e").after(["b", "d"]).lasts_ms(1),
    ];
    let valid = valid(&plan(steps));
    let weights = valid.weights(|_| None);
    assert_eq!(valid.graph().critical_path(&weights), (vec![0, 2, 3, 4], 14.0));
    assert_eq!(valid.graph().remaining_path(&weights), [14.0, 11.0, 13.0, 10.0, 1.0]);
    assert_eq!(valid.graph().depth(), 4);
}

#[test]
fn ties_go_to_the_step_listed_first() {
    let valid = valid(&plan([step("b"), step("a"), step("c").after(["a", "b"])]));
    assert_eq!(valid.graph().critical_path(&[1.0, 1.0, 1.0]), (vec![0, 2], 2.0));
}

#[test]
fn a_reader_of_everything_is_on_the_path() {
    let valid = valid(&plan([step("a"), step("b"), step("r").reads_whole()]));
    assert_eq!(valid.graph().critical_path(&[1.0, 5.0, 1.0]), (vec![1, 2], 6.0));
    assert_eq!(valid.graph().depth(), 2);
}

#[test]
fn fallbacks_are_left_out_of_the_critical_path_but_count_for_depth() {
    let steps =
        [step("a"), step("f").instead_of("a").after(["x"]), step("d").after(["a"]), step("x")];
    let valid = valid(&plan(steps));
    let weights = [1.0, 100.0, 1.0, 1.0];
    assert_eq!(valid.graph().critical_path(&weights), (vec![0, 2], 2.0));
    assert_eq!(valid.graph().remaining_path(&weights)[1], 101.0, "once it runs it is urgent");
    assert_eq!(valid.graph().depth(), 3);
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    /// The path is one of the graph, its weight is its own, and nothing remaining is heavier.
    #[test]
    fn the_critical_path_is_real(plan in arbitrary_plan()) {
        let valid = valid(&plan);
        let weights: Vec<f64> = valid.weights(|_| None).iter().map(|weight| weight + 1.0).collect();
        let graph = valid.graph();
        let (path, total) = graph.critical_path(&weights);
        let sum: f64 = path.iter().map(|&at| weights[at]).sum();
        prop_assert!((sum - total).abs() < 1e-6, "{sum} {total}");
        let before = pe_testkit::naive::settled_before(&plan).unwrap();
        for pair in path.windows(2) {
            prop_assert!(before[pair[1]].contains(&pair[0]), "{path:?}");
        }
        prop_assert!(path.iter().all(|&at| !graph.is_fallback(at)));
        let remaining = graph.remaining_path(&weights);
        let heaviest = (0..plan.steps.len())
            .filter(|&at| !graph.is_fallback(at))
            .map(|at| remaining[at]);
        prop_assert!(heaviest.fold(0.0, f64::max) <= total + 1e-6 || path.is_empty());
        prop_assert!(path.len() <= graph.depth());
    }
}
