//! Patches drawn by chance: what holds for every one that can be applied.

use std::collections::HashSet;

use pe_model::{JsonMap, Modification, PatchError, Plan, PlanPatch, PlanStep, StepId};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

fn id() -> impl Strategy<Value = StepId> {
    (0..8_u8).prop_map(|number| StepId::new(format!("s{number}")))
}

fn step() -> impl Strategy<Value = PlanStep> {
    (id(), vec(id(), 0..3), 0..3_u8).prop_map(|(id, dependencies, value)| PlanStep {
        dependencies,
        parameters: JsonMap::from_iter([("value".to_owned(), json!(value))]),
        ..PlanStep::new(id.as_str(), "echo")
    })
}

fn plan() -> impl Strategy<Value = Plan> {
    vec(step(), 1..6).prop_map(|steps| {
        let mut seen = HashSet::new();
        let steps: Vec<PlanStep> =
            steps.into_iter().filter(|step| seen.insert(step.step_id.clone())).collect();
        let mut plan = Plan { plan_id: Some("p".into()), steps, ..Plan::default() };
        for step in &mut plan.steps {
            step.dependencies.retain(|dependency| seen.contains(dependency));
        }
        plan
    })
}

fn modification() -> impl Strategy<Value = Modification> {
    let fields = prop_oneof![
        Just(json!({"timeout_ms": 5})),
        Just(json!({"parameters": null})),
        Just(json!({"action": "x", "status": "failed"})),
        Just(json!({"complexity": "many"})),
        Just(json!({"unheard_of": 1})),
    ];
    prop_oneof![
        (step(), proptest::option::of(id()), proptest::option::of(id()))
            .prop_map(|(step, before, after)| Modification::Add { step, before, after }),
        id().prop_map(|step_id| Modification::Remove { step_id }),
        (id(), fields).prop_map(|(step_id, fields)| Modification::Modify {
            step_id,
            fields: fields.as_object().unwrap().clone(),
        }),
    ]
}

fn patch() -> impl Strategy<Value = PlanPatch> {
    vec(modification(), 0..5)
        .prop_map(|modifications| PlanPatch { reason: "chance".to_owned(), modifications })
}

proptest! {
    #[test]
    fn a3_ids_stay_unique_and_no_removal_leaves_a_dangling_dependency(
        plan in plan(),
        patch in patch(),
    ) {
        let before = plan.clone();
        let result = patch.apply(&plan);
        prop_assert_eq!(&plan, &before, "the original is as it was");
        let Ok(new) = result else { return Ok(()) };
        prop_assert_eq!((new.version, &new.parent), (plan.version + 1, &plan.plan_id));
        prop_assert_ne!(&new.steps, &plan.steps);
        let ids: HashSet<&StepId> = new.steps.iter().map(|step| &step.step_id).collect();
        prop_assert_eq!(ids.len(), new.steps.len(), "unique ids");
        // A dependency dangles only where an added step brought it along.
        let brought: HashSet<&StepId> = patch.modifications.iter().filter_map(|it| match it {
            Modification::Add { step, .. } => Some(&step.dependencies),
            _ => None,
        }).flatten().collect();
        for step in &new.steps {
            for dependency in &step.dependencies {
                prop_assert!(ids.contains(dependency) || brought.contains(dependency));
            }
        }
        // What no modification names is as it was, removed dependencies aside.
        let touched: HashSet<&StepId> =
            patch.modifications.iter().map(Modification::step_id).collect();
        for step in plan.steps.iter().filter(|step| !touched.contains(&step.step_id)) {
            let now = new.step(&step.step_id).unwrap();
            let mut expected = step.clone();
            expected.dependencies.clone_from(&now.dependencies);
            prop_assert_eq!(now, &expected);
            prop_assert!(now.dependencies.iter().all(|it| step.dependencies.contains(it)));
        }
    }

    #[test]
    fn patches_survive_being_written(patch in patch()) {
        prop_assert_eq!(PlanPatch::from_value(&patch.to_value()).unwrap(), patch);
    }

    #[test]
    fn the_difference_makes_the_second_of_the_first(old in plan(), new in plan()) {
        let patch = PlanPatch::between(&old, &new.steps, "");
        match patch.apply(&old) {
            Err(error) => {
                prop_assert_eq!(error, PatchError::NoChange);
                prop_assert_eq!(sorted(&old), sorted(&new));
            }
            Ok(made) => prop_assert_eq!(sorted(&made), sorted(&new)),
        }
    }

    #[test]
    fn any_value_is_read_or_refused(text in "\\PC{0,40}", word in "(add|remove|modify|x)") {
        for value in [
            Value::String(text.clone()),
            json!([{"type": word, "step": text}]),
            json!({"modifications": [{"op": word, "id": text, "fields": [text]}]}),
            json!([{"action": word, "step": {"step_id": text, "tool": 3}}]),
        ] {
            let _ = PlanPatch::from_value(&value).map(|patch| patch.apply(&Plan::default()));
        }
    }
}

fn sorted(plan: &Plan) -> Vec<String> {
    let mut steps: Vec<String> =
        plan.steps.iter().map(|step| serde_json::to_string(step).unwrap()).collect();
    steps.sort();
    steps
}
