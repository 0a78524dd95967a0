//! `pe prompt`: what a model would be asked for a plan, for any chat.

use std::fmt::Write as _;

use pe_model::{AnswerFormat, ModelRequest, Speaker};
use pe_orchestrator::PlanExecuteOrchestrator;

use super::Context;
use super::goal::parameters;
use super::plan::not_empty;
use crate::args::{PlannerArgs, PromptVerb};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::model::Model;
use crate::settings::Flags;
use crate::tooling::Tooling;

pub(super) fn run(verb: &PromptVerb, context: &mut Context) -> Result<Exit, Failure> {
    not_empty(&verb.goal)?;
    let settings = context.settings(Flags::default())?;
    let tooling = Tooling::new(&settings, None)?;
    let model = Model::new(&settings, &PlannerArgs::default())?;
    let orchestrator = model
        .give_to(PlanExecuteOrchestrator::builder().prompts(model.prompts()?))
        .tools(&tooling.tools)
        .config(settings.orchestrator)
        .build();
    let request = orchestrator.plan_request(&verb.goal, &parameters(&verb.parameters));
    if verb.json {
        context.output.json(&request)?;
    } else {
        context.output.lines(&text(&request))?;
        context.console.inform(
            "hint: paste this into any chat, save the answer, and turn it into a plan with \
             `pe plan GOAL --from ANSWER -o plan.yaml`",
        );
    }
    Ok(Exit::Success)
}

/// All messages as one text, with the schema of the answer at its end.
fn text(request: &ModelRequest) -> String {
    let mut text = String::new();
    for message in &request.messages {
        if message.role != Speaker::Assistant {
            let _ = writeln!(text, "{}\n", message.content.trim_end());
        }
    }
    if let AnswerFormat::Schema { schema, .. } = &request.format {
        let _ = writeln!(text, "Answer with JSON that fits this JSON Schema:\n{schema}");
    }
    text
}
