//! The planner against the server: its answers hold, or go back until the rounds are used up.

use std::sync::Arc;

use pe_llm::{
    DraftError, Meter, Metered, Patient, PlanProgress, PlanTask, Planned, Planner, PlanningError,
    Prompts,
};
use pe_model::{Budget, Catalog, JsonMap, OrchestratorConfig};
use pe_testkit::{InferenceServer, realistic_catalog};
use pe_validate::{Limits, check};
use serde_json::{Value, json};

use super::{client, only_now};

const ROUNDS: u32 = 2;

/// What came of a planning, and what was seen on the way.
struct Seen {
    outcome: Result<Planned, PlanningError>,
    calls: u32,
    asked: u32,
    sent_back: u32,
    steps: usize,
}

async fn planned(server: &InferenceServer, catalog: &Catalog, extra: Value) -> Seen {
    let budget = Budget { llm_calls: Some(u64::from(1 + ROUNDS)), ..Budget::default() };
    let meter = Arc::new(Meter::new(budget, None));
    let client = Patient::new(Metered::new(client(server, extra), Arc::clone(&meter)));
    let planner =
        Planner::new(Arc::new(client), Arc::new(Prompts::builtin())).with_temperature(Some(0.8));
    let limits = Limits::from_config(&OrchestratorConfig::default());
    let context = JsonMap::new();
    let task = PlanTask {
        goal: "Do I need an umbrella in Vienna tomorrow?",
        context: &context,
        catalog,
        limits: &limits,
        examples: &[],
        max_repair_rounds: ROUNDS,
        context_tokens: None,
    };
    let (mut asked, mut sent_back, mut steps) = (0, 0, 0);
    let mut on = |progress: PlanProgress<'_>| match progress {
        PlanProgress::Asking { round } => {
            assert_eq!(round, asked);
            asked += 1;
        }
        PlanProgress::Findings { round, report } => {
            assert_eq!(round + 1, asked);
            assert!(!report.is_valid && !report.findings.is_empty());
            sent_back += 1;
        }
        PlanProgress::Unreadable { round, .. } => {
            assert_eq!(round + 1, asked);
            sent_back += 1;
        }
        PlanProgress::Step(_) => steps += 1,
        _ => {}
    };
    let outcome = planner.plan(&task, &mut on).await;
    let calls = meter.usage().llm_calls.unwrap();
    Seen { outcome, calls: calls.try_into().unwrap(), asked, sent_back, steps }
}

#[tokio::test]
async fn a_plan_comes_out_or_the_rounds_are_used_up() {
    let Some(server) = InferenceServer::shared() else { return };
    let mut plans = 0;
    for (catalog, seeds) in [(only_now(), 0..6), (realistic_catalog(), 0..2)] {
        for seed in seeds {
            let seen = planned(server, &catalog, json!({"seed": seed})).await;
            assert_eq!(seen.calls, seen.asked);
            match seen.outcome {
                Ok(planned) => {
                    assert_eq!((seen.calls, seen.sent_back), (planned.rounds + 1, planned.rounds));
                    assert!(planned.report.is_valid);
                    let limits = Limits::from_config(&OrchestratorConfig::default());
                    let plan = (**planned.plan.plan()).clone();
                    assert!(seen.steps >= plan.steps.len());
                    assert_eq!(plan.goal, "Do I need an umbrella in Vienna tomorrow?");
                    assert!(check(plan, &catalog, &limits).plan.is_some());
                    plans += 1;
                }
                Err(PlanningError::Invalid { report, rounds, .. }) => {
                    assert!(!report.is_valid);
                    assert_eq!((seen.calls, rounds), (1 + ROUNDS, ROUNDS));
                    assert_eq!(seen.sent_back, 1 + ROUNDS);
                }
                Err(PlanningError::Unreadable { error, rounds }) => {
                    assert_eq!((seen.calls, rounds), (1 + ROUNDS, ROUNDS), "{error}");
                }
                Err(error @ PlanningError::Model(_)) => panic!("{error}"),
            }
        }
    }
    assert!(plans > 0, "the model could do no wrong, and no plan came out");
}

#[tokio::test]
async fn what_never_holds_is_asked_for_so_often_and_no_more() {
    let Some(server) = InferenceServer::shared() else { return };
    // Nothing is both; constrained decoding does not know.
    let never = json!({"allOf": [{"const": "this"}, {"const": "that"}]});
    let parameters = json!({"type": "object", "properties": {"it": never}, "required": ["it"]});
    let tools = json!([{"name": "be", "parameters": parameters}]);
    let catalog = Catalog::from_value(&tools).unwrap();
    let seen = planned(server, &catalog, json!({"seed": 1})).await;
    match seen.outcome {
        Err(PlanningError::Invalid { plan, report, .. }) => {
            assert_eq!(plan.steps.first().map(|step| step.tool.as_str()), Some("be"));
            assert!(!report.is_valid);
        }
        Err(PlanningError::Unreadable { .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!((seen.calls, seen.asked, seen.sent_back), (3, 3, 3));
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_asked_for_again_and_never_used() {
    let Some(server) = InferenceServer::shared() else { return };
    let seen = planned(server, &only_now(), json!({"max_tokens": 20})).await;
    match seen.outcome {
        Err(PlanningError::Unreadable { error: DraftError::Truncated { .. }, rounds: ROUNDS }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!((seen.calls, seen.sent_back, seen.steps), (3, 3, 0));
}
