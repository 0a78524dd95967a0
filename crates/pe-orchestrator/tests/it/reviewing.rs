//! Review: nothing runs that a person has not accepted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use pe_model::{BoxFuture, OrchestratorConfig, Streaming};
use pe_orchestrator::{Proposal, Reviewer, Trouble, Verdict};
use pe_testkit::Scripted;
use serde_json::json;

use crate::support::{Log, Scene, config, patch, plan, status};

type Reaction = Box<dyn Fn(&Proposal) -> Verdict + Send>;

/// Reacts to one proposal after the other.
struct Scribe {
    reactions: Mutex<VecDeque<Reaction>>,
    seen: Mutex<Vec<Proposal>>,
    log: Log,
    /// How many calls had been made when each proposal was seen.
    calls: Mutex<Vec<usize>>,
}

impl Scribe {
    fn new(log: &Log, reactions: impl IntoIterator<Item = Reaction>) -> Arc<Self> {
        let reactions = Mutex::new(reactions.into_iter().collect());
        let (seen, calls) = (Mutex::default(), Mutex::default());
        Arc::new(Self { reactions, seen, log: log.clone(), calls })
    }
}

impl Reviewer for Scribe {
    fn review(&self, proposal: Proposal) -> BoxFuture<'_, Verdict> {
        let reaction = self.reactions.lock().unwrap().pop_front().expect("one more reaction");
        let verdict = reaction(&proposal);
        self.calls.lock().unwrap().push(self.log.steps().len());
        self.seen.lock().unwrap().push(proposal);
        Box::pin(std::future::ready(verdict))
    }
}

fn accept() -> Reaction {
    Box::new(|_| Verdict::Accept)
}

fn reject() -> Reaction {
    Box::new(|_| Verdict::Reject)
}

fn one_step() -> Scripted {
    plan(json!([{"id": "a", "tool": "read", "args": {"value": 1}}]))
}

#[tokio::test(start_paused = true)]
async fn a_plan_runs_when_it_is_accepted_and_not_before_it_is_whole() {
    let scene = Scene::new([one_step().pieces_per_second(10.0), Scripted::text("One.")]);
    let scribe = Scribe::new(&scene.log, [accept()]);
    let config = OrchestratorConfig { streaming: Streaming::Execute, ..config() };
    let outcome = scene.run(scene.builder().config(config).reviewer(scribe.clone())).await;
    assert!(outcome.report.success);
    assert_eq!(*scribe.calls.lock().unwrap(), [0], "nothing had run when it was asked about");
    assert!(scribe.seen.lock().unwrap()[0].before.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_is_rejected_is_not_executed() {
    let scene = Scene::new([one_step()]);
    let scribe = Scribe::new(&scene.log, [reject()]);
    let outcome = scene.run(scene.builder().reviewer(scribe)).await;
    assert!(matches!(outcome.trouble, Some(Trouble::Rejected)));
    assert!(!outcome.report.success);
    assert!(scene.log.steps().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_edited_plan_is_judged_and_shown_again_until_it_holds() {
    let scene = Scene::new([one_step(), Scripted::text("done")]);
    let edit = |tool: &'static str| -> Reaction {
        Box::new(move |proposal| {
            let mut plan = proposal.plan.clone();
            plan.steps[0].tool = tool.to_owned();
            Verdict::Edited(Box::new(plan))
        })
    };
    // Accepting what does not hold is no way out.
    let scribe = Scribe::new(&scene.log, [edit("nowhere"), accept(), edit("write"), accept()]);
    let outcome = scene.run(scene.builder().reviewer(scribe.clone())).await;
    assert!(outcome.report.success);
    assert_eq!(outcome.state.plan.steps[0].tool, "write");
    let seen = scribe.seen.lock().unwrap();
    let problems: Vec<bool> = seen.iter().map(|proposal| proposal.findings.is_some()).collect();
    assert_eq!(problems, [false, true, true, false]);
}

#[tokio::test(start_paused = true)]
async fn a_changed_plan_is_reviewed_beside_the_one_before() {
    let scene = Scene::new([
        plan(json!([{"id": "a", "tool": "broken", "args": {"value": 1}}])),
        patch(json!([{"op": "modify", "id": "a", "fields": {"tool": "read"}}])),
    ]);
    let scribe = Scribe::new(&scene.log, [accept(), reject()]);
    let outcome = scene.run(scene.builder().reviewer(scribe.clone())).await;
    assert_eq!(status(&outcome, "a"), "failed");
    assert!(matches!(outcome.trouble, Some(Trouble::Rejected)));
    assert_eq!(scene.log.times("a"), 1);
    let seen = scribe.seen.lock().unwrap();
    assert_eq!(seen[1].before.as_ref().unwrap().steps[0].tool, "broken");
    assert_eq!(seen[1].plan.steps[0].tool, "read");
    assert_eq!(seen[1].reason, "it has to be otherwise");
}
