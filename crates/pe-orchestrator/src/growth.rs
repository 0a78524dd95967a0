//! Growth: a plan that is executed while the model still writes it.
//!
//! Each step that arrives lengthens a prefix. A prefix that holds by itself is put in force as
//! a draft, of which the scheduler starts only what is safe. One that does not hold yet, say
//! because a step names one that is still to come, waits for the next step.

use pe_exec::{Controller, Revision};
use pe_model::{Catalog, Plan, PlanStage, PlanStep, RevisionCause};
use pe_validate::{Limits, check};
use serde_json::Value;
use tokio::sync::mpsc;

/// What arrives while the model writes.
pub(crate) enum Arrival {
    /// A step.
    Step(Box<PlanStep>),
    /// What came so far is void: nothing more starts before the whole is there.
    Void,
}

/// Puts each prefix in force that holds, until nothing more arrives.
///
/// `written` is how much of the plan is in force already: a process before this one may have
/// come as far.
pub(crate) async fn grow(
    mut arrivals: mpsc::UnboundedReceiver<Arrival>,
    mut draft: Plan,
    written: usize,
    catalog: &Catalog,
    limits: &Limits,
    controller: &Controller,
) {
    let mut in_force = written;
    draft.steps.clear();
    let mut next = arrivals.recv().await;
    while let Some(arrival) = next {
        // Everything that waits is taken at once.
        let mut is_void = false;
        let mut taken = Some(arrival);
        while let Some(arrival) = taken {
            match arrival {
                Arrival::Step(step) => draft.steps.push(*step),
                Arrival::Void => is_void = true,
            }
            taken = arrivals.try_recv().ok();
        }
        if is_void {
            controller.suspend().await.ok();
            return;
        }
        let fits = limits.max_steps.is_none_or(|most| draft.steps.len() <= most);
        if fits
            && draft.steps.len() > in_force
            && let Some(plan) = check(draft.clone(), catalog, limits).plan
        {
            let revision = Revision {
                plan,
                weights: Vec::new(),
                cause: RevisionCause::Extension,
                reason: "the plan is being written".to_owned(),
                patch: Value::Null,
                stage: PlanStage::Draft,
            };
            // A run that is being stopped takes no more steps.
            if controller.revise(revision).await.is_err() {
                return;
            }
            in_force = draft.steps.len();
        }
        next = arrivals.recv().await;
    }
}
