//! Adaptation: a plan that failed or went astray is changed by one patch of the model's.
//!
//! The model sees the goal, the plan, what failed and what was done. Its patch is applied to a
//! copy, judged like any plan, and refused whole when it touches a step in doubt or brings back
//! a plan that has failed before. `docs/adaptation.md` describes all of it.
//!
//! What is deliberately absent: when to adapt (the score is here, the decision is not), and
//! putting a plan in force.

use minijinja::Value;
use pe_model::{
    AnswerFormat, Catalog, ChatMessage, ModelError, ModelRequest, PatchError, PatchReadError, Plan,
    PlanPatch, Purpose, RunState, StepId, Strictness,
};
use pe_validate::{Limits, ValidPlan, ValidationReport, check};

use crate::draft::{DraftError, extract_json};
use crate::notation::write_step;
use crate::planner::Planner;
use crate::planner::findings::for_the_model;
use crate::planner::request::{context_lines, goal_block, max_steps, notation_of, tools_beside};
use crate::prompts::data::{bounded, defused, excerpt, line};
use crate::prompts::secrets::secrets_of;
use crate::prompts::{DEFAULT_WINDOW, NOTATION, Prompt, Prompts, answer_room, of_messages};

mod analysis;
mod deviation;
mod fallbacks;
mod fingerprint;
mod gates;
mod patch;
mod schema;

pub use analysis::{FailedStep, FailureAnalysis, unrecovered_failures};
pub use deviation::{Deviation, deviation};
pub(crate) use deviation::{needs, reads_whole};
pub use fingerprint::{FailedPlan, PlanFingerprint};

/// The longest plan in a prompt, in bytes; a small window bounds it as well.
const MAX_PLAN: usize = 12 * 1024;
/// How many plans that failed earlier are told of.
const MOST_EARLIER: usize = 3;

/// What to adapt.
#[derive(Debug, Clone, Copy)]
pub struct AdaptTask<'a> {
    /// What is to be reached.
    pub goal: &'a str,
    /// The plan in force, with or without its state.
    pub plan: &'a Plan,
    /// Where its run stands.
    pub state: &'a RunState,
    /// The tools that there are.
    pub catalog: &'a Catalog,
    /// What the new plan is held to, unless the plan in force is larger already.
    pub limits: &'a Limits,
    /// Plans of this run that have failed, the one in force included or not.
    pub history: &'a [FailedPlan],
    /// The model's context window in tokens.
    pub context_tokens: Option<u64>,
}

/// A new version of a plan.
#[derive(Debug, Clone)]
pub struct Adapted {
    /// The plan, judged.
    pub plan: ValidPlan,
    /// What changed.
    pub patch: PlanPatch,
    /// Why, in the model's words; a sentence of ours where it gave none.
    pub reason: String,
    /// What was left out of the prompt, a sentence each; empty when nothing was.
    pub notes: Vec<String>,
}

/// Why a patch is not used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PatchProblem {
    /// The answer could not be read.
    #[error("the answer could not be read: {0}")]
    Unreadable(#[source] DraftError),
    /// The answer is no patch.
    #[error("the answer is no patch: {0}")]
    NoPatch(#[source] PatchReadError),
    /// The patch cannot be applied.
    #[error("{0}")]
    Patch(#[source] PatchError),
    /// The plan that comes out does not hold.
    #[error("the changed plan does not hold: {}", .0.errors.first().map_or("", String::as_str))]
    Invalid(Box<ValidationReport>),
    /// A step in doubt would be changed, removed, or run again.
    #[error("it touches step `{0}`, of which nobody knows whether it had its effect")]
    InDoubt(StepId),
    /// A step that a person has to approve would be removed.
    #[error("it removes step `{0}`, which a person has to approve; keep it, or change it")]
    Approval(StepId),
    /// The plan that comes out has failed before.
    #[error("it brings back a plan that has failed before")]
    FailedBefore,
}

/// Why a plan was not adapted; it is as it was.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AdaptError {
    /// The model gave no answer.
    #[error("the plan was not adapted: {0}")]
    Model(#[source] ModelError),
    /// The patch was not used, and neither was the second one.
    #[error(
        "the plan was not adapted, the model's patch is of no use: {problem}; change the plan by hand \
         and run it again, or use a larger model"
    )]
    Refused {
        /// What is wrong with the last one.
        #[source]
        problem: PatchProblem,
    },
}

impl AdaptError {
    /// Whether the model insists on a plan that has failed before.
    pub fn is_repetition(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                problem: PatchProblem::FailedBefore | PatchProblem::Patch(PatchError::NoChange)
            }
        )
    }
}

/// The request for a patch; with `back`, an answer and what is wrong with it.
fn request(
    prompts: &Prompts,
    task: &AdaptTask<'_>,
    temperature: Option<f64>,
    back: Option<(&str, &PatchProblem)>,
) -> (ModelRequest, Vec<String>) {
    let window = task.context_tokens.unwrap_or(DEFAULT_WINDOW);
    let analysis = FailureAnalysis::of(task.state);
    let secrets = secrets_of(&task.plan.context);
    // What was done may take a tenth of the window, at two bytes a token.
    let done_room = usize::try_from(window / 5).unwrap_or(usize::MAX).clamp(400, 8 * 1024);
    // A plan may take a third of it, at three bytes a token.
    let plan_room = usize::try_from(window).unwrap_or(usize::MAX).clamp(1_000, MAX_PLAN);
    let earlier: Vec<String> =
        task.history.iter().rev().take(MOST_EARLIER).map(FailedPlan::describe).collect();
    let in_doubt: Vec<String> = analysis.in_doubt.iter().map(|id| line(id.as_str(), 80)).collect();
    let mut values = vec![
        ("goal", Value::from(goal_block(task.goal))),
        ("notation", Value::from(NOTATION)),
        ("context", Value::from(context_lines(&task.plan.context))),
        ("plan", Value::from(plan_text(task.plan, plan_room))),
        ("failures", Value::from(analysis.failures_text(&secrets))),
        ("done", Value::from(analysis.done_text(done_room, &secrets))),
        ("in_doubt", Value::from(in_doubt.join(", "))),
        ("earlier", Value::from(earlier.join("\n"))),
        ("max_steps", Value::from(max_steps(task.limits))),
    ];
    let follows = match back {
        None => Vec::new(),
        Some((answer, problem)) => sent_back(task, answer, problem),
    };
    let taken =
        of_messages(&prompts.rendered(Prompt::Adapt, values.clone())) + of_messages(&follows);
    let tools = tools_beside(task.catalog, &wanted(task, &analysis), task.context_tokens, taken);
    values.push(("tools", Value::from(tools.text.trim_end().to_owned())));
    let notes = if tools.note.is_empty() { Vec::new() } else { vec![tools.note.clone()] };
    values.push(("tools_note", Value::from(tools.note)));
    let mut messages = prompts.rendered(Prompt::Adapt, values);
    messages.extend(follows);
    let request = ModelRequest {
        max_tokens: Some(answer_room(task.context_tokens, of_messages(&messages))),
        temperature,
        format: AnswerFormat::Schema {
            name: "patch".to_owned(),
            schema: schema::patch_schema(task.catalog, max_steps(task.limits)),
            described: true,
        },
        ..ModelRequest::new(Purpose::Adapt, messages)
    };
    (request, notes)
}

/// A plan in at most about `room` bytes. Long arguments are shortened before steps are left out:
/// the model writes what changes, and need not repeat them.
fn plan_text(plan: &Plan, room: usize) -> String {
    let whole = notation_of(plan);
    if whole.len() <= room {
        return defused(&whole);
    }
    let each = (room / plan.steps.len().max(1)).max(60);
    let steps: Vec<String> =
        plan.steps.iter().map(|step| excerpt(&write_step(step), each)).collect();
    defused(&bounded(&format!("{{\"steps\":[{}]}}", steps.join(",")), 2 * room))
}

/// The words by which tools are ranked: those of the goal, and the tools that are in use.
fn wanted(task: &AdaptTask<'_>, analysis: &FailureAnalysis) -> String {
    let mut words = task.goal.to_owned();
    for step in &analysis.failed {
        words.push(' ');
        words.push_str(&step.tool);
    }
    words
}

/// An answer and what is wrong with it. The words are not those of the file for repairs, which
/// asks for a whole plan.
fn sent_back(task: &AdaptTask<'_>, answer: &str, problem: &PatchProblem) -> Vec<ChatMessage> {
    const LONGEST: usize = 2_000;
    let findings = match problem {
        PatchProblem::Invalid(report) => format!(
            "The plan with these modifications cannot be carried out:\n{}",
            for_the_model(report, task.limits.max_steps)
        ),
        PatchProblem::FailedBefore => "- The plan with these modifications has failed before. \
                                       Reach the goal in another way."
            .to_owned(),
        PatchProblem::Patch(PatchError::NoChange) => "- The modifications change nothing. \
                                                      `approval` and `expect` of a step cannot be \
                                                      taken away."
            .to_owned(),
        other => format!("- {}", line(&other.to_string(), 600)),
    };
    let answer = if answer.trim().is_empty() { "(nothing)" } else { answer };
    let text = format!(
        "These modifications cannot be used. What was found:\n{findings}\n\nWrite all \
         modifications again as one JSON object, without any other text."
    );
    vec![
        ChatMessage::assistant(defused(&bounded(answer, LONGEST))),
        ChatMessage::user(defused(&text)),
    ]
}

/// What a changed plan is held to: the limits of plans that a model wrote, or what the plan in
/// force is already, which a person may have written without any.
fn limits_beside(task: &AdaptTask<'_>) -> Limits {
    let plan = task.plan;
    let deep = || {
        let any = Limits { strictness: Strictness::Lenient, ..Limits::default() };
        let checked = check(plan.definition(), task.catalog, &any);
        checked.plan.map_or(0, |plan| plan.graph().depth())
    };
    let retries = || {
        let asked = plan.steps.iter().filter_map(|step| step.retry.as_ref());
        asked.map(|retry| retry.max_retries).max().unwrap_or(0)
    };
    Limits {
        strictness: task.limits.strictness,
        max_steps: task.limits.max_steps.map(|most| most.max(plan.steps.len())),
        max_depth: task.limits.max_depth.map(|most| most.max(deep())),
        max_retries: task.limits.max_retries.map(|most| most.max(retries())),
    }
}

/// The request for the first patch.
pub(crate) fn first_request(
    prompts: &Prompts,
    task: &AdaptTask<'_>,
    temperature: Option<f64>,
) -> ModelRequest {
    request(prompts, &AdaptTask { limits: &limits_beside(task), ..*task }, temperature, None).0
}

/// Asks for a patch, and once more when the first one cannot be used.
pub(crate) async fn adapt(planner: &Planner, task: &AdaptTask<'_>) -> Result<Adapted, AdaptError> {
    let task = &AdaptTask { limits: &limits_beside(task), ..*task };
    let (mut request, notes) = request(planner.prompts(), task, planner.temperature(), None);
    let mut asked_again = false;
    loop {
        let answer = planner.client().ask(&request, None).await.map_err(AdaptError::Model)?;
        let problem = match adapted(task, &answer.content, answer.finish) {
            Ok(adapted) => return Ok(Adapted { notes, ..adapted }),
            Err(problem) => problem,
        };
        if asked_again {
            return Err(AdaptError::Refused { problem });
        }
        asked_again = true;
        let back = Some((answer.content.as_str(), &problem));
        (request, _) = self::request(planner.prompts(), task, planner.temperature(), back);
    }
}

/// The new plan that an answer asks for, if it may be used.
fn adapted(
    task: &AdaptTask<'_>,
    answer: &str,
    finish: pe_model::FinishReason,
) -> Result<Adapted, PatchProblem> {
    let value = extract_json(answer, finish).map_err(PatchProblem::Unreadable)?;
    let patch = patch::read(&value, task.plan, task.state)?;
    let patch = gates::kept(patch, task.plan);
    let plan = patch.apply(task.plan).map_err(PatchProblem::Patch)?;
    if let Some(removed) = gates::removed(&plan, task.plan, task.state) {
        return Err(PatchProblem::Approval(removed));
    }
    let fingerprint = PlanFingerprint::of(&plan);
    let failed_before = task.history.iter().any(|failed| failed.fingerprint == fingerprint)
        || fingerprint == PlanFingerprint::of(task.plan);
    if failed_before {
        return Err(PatchProblem::FailedBefore);
    }
    let checked = check(plan, task.catalog, task.limits);
    let Some(plan) = checked.plan else {
        return Err(PatchProblem::Invalid(Box::new(checked.report)));
    };
    if let Some(touched) = patch::touched_in_doubt(&plan, task.plan, task.state) {
        return Err(PatchProblem::InDoubt(touched));
    }
    let reason = match patch.reason.trim() {
        "" => format!("the model changed {} steps without saying why", patch.modifications.len()),
        reason => line(reason, 500),
    };
    Ok(Adapted { plan, patch, reason, notes: Vec::new() })
}
