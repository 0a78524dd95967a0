//! The model that a verb asks: from the settings and the command line to a client.

use std::sync::{Arc, OnceLock};

use pe_llm::{OpenAi, Prices, Prompts, Recorder, Replay};
use pe_model::{
    BoxFuture, Delta, DeltaSink, LlmClient, ModelAnswer, ModelError, ModelErrorKind, ModelName,
    ModelRequest, RetryPolicy,
};
use pe_orchestrator::Builder;

use crate::args::PlannerArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::{ApiKey, LlmSettings, ResponseFormat, Settings};
use crate::words::quoted;

/// A model and what goes with it.
pub(crate) struct Model {
    client: Arc<dyn LlmClient>,
    settings: Settings,
}

impl Model {
    /// The model of the settings, or what the command line puts in its place; nothing is asked
    /// yet, and no prompt is read.
    ///
    /// # Errors
    /// A usage failure that names the recording.
    pub(crate) fn new(settings: &Settings, args: &PlannerArgs) -> Result<Self, Failure> {
        let client = match &args.planner {
            None => Arc::new(Online::new(&settings.llm)) as Arc<dyn LlmClient>,
            Some(planner) => Arc::new(replay(planner)?),
        };
        let client = match &args.record {
            None => client,
            Some(path) => {
                let secrets = match &settings.llm.key {
                    ApiKey::None => Vec::new(),
                    ApiKey::Set { secret, .. } => vec![secret.clone()],
                };
                Arc::new(Recorder::create(client, path, secrets).map_err(Failure::usage)?)
            }
        };
        Ok(Self { client, settings: settings.clone() })
    }

    /// The prompts, those of the settings' files in the place of the built-in ones.
    ///
    /// # Errors
    /// A usage failure that names the file and what is wrong with it.
    pub(crate) fn prompts(&self) -> Result<Prompts, Failure> {
        let texts = self.settings.prompt_texts()?;
        Prompts::with_overrides(&texts).map_err(|error| {
            let is_to_blame = |text: &(String, String)| {
                Prompts::with_overrides(std::slice::from_ref(text)).is_err()
            };
            let name = texts.iter().find(|text| is_to_blame(text)).map(|(name, _)| name);
            let file = self
                .settings
                .prompts
                .iter()
                .find(|file| Some(file.name) == name.map(|n| n.as_str()));
            match file {
                None => Failure::usage(error),
                Some(file) => Failure::usage(anyhow::Error::from(error).context(file.in_words())),
            }
        })
    }

    /// Gives the model to an orchestrator.
    pub(crate) fn give_to(&self, builder: Builder) -> Builder {
        let table = &self.settings.llm.table;
        let retry = RetryPolicy { max_retries: table.max_retries, ..RetryPolicy::default() };
        let mut builder = builder.client(Arc::clone(&self.client)).retry(retry);
        builder = match table.response_format {
            ResponseFormat::Auto | ResponseFormat::JsonSchema => builder,
            ResponseFormat::JsonObject => builder.answer_formats(false, true),
            ResponseFormat::Text => builder.answer_formats(false, false),
        };
        if let Some(prices) = table.prices {
            builder = builder.prices(Prices {
                prompt_per_million: prices.prompt,
                completion_per_million: prices.completion,
            });
        }
        match table.context_tokens {
            Some(tokens) => builder.context_tokens(tokens),
            None => builder,
        }
    }
}

/// A recorded conversation.
fn replay(planner: &str) -> Result<Replay, Failure> {
    match planner.strip_prefix("replay:") {
        Some(path) if !path.is_empty() => Replay::open(path).map_err(Failure::usage),
        _ => Err(Failure::usage_message(format!(
            "`--planner` takes `replay:FILE`, found `{planner}`"
        ))
        .hint("`--model` names a model")),
    }
}

/// The model of an endpoint. The client is made when it is first asked: most runs of plan
/// files never do.
struct Online {
    llm: LlmSettings,
    client: OnceLock<Result<OpenAi, ModelError>>,
}

impl Online {
    fn new(llm: &LlmSettings) -> Self {
        Self { llm: llm.clone(), client: OnceLock::new() }
    }
}

impl LlmClient for Online {
    fn name(&self) -> ModelName {
        let table = &self.llm.table;
        ModelName { model: table.model.clone(), endpoint: table.base_url.clone() }
    }

    fn ask<'a>(
        &'a self,
        request: &'a ModelRequest,
        sink: Option<DeltaSink<'a>>,
    ) -> BoxFuture<'a, Result<ModelAnswer, ModelError>> {
        let client = match self.client.get_or_init(|| self.llm.client()) {
            Ok(client) => client,
            Err(error) => return Box::pin(std::future::ready(Err(error.clone()))),
        };
        let Some(temperature) = self.llm.table.temperature else {
            return client.ask(request, sink);
        };
        Box::pin(async move {
            let request = ModelRequest { temperature: Some(temperature), ..request.clone() };
            match sink {
                None => client.ask(&request, None).await,
                Some(sink) => {
                    let mut forward = |delta: Delta<'_>| sink(delta);
                    client.ask(&request, Some(&mut forward)).await
                }
            }
        })
    }
}

/// A model that gave no answer, and the ways out.
pub(crate) fn unreachable(error: &ModelError, goal: &str, run: Option<&str>) -> Failure {
    if error.kind == ModelErrorKind::NotRecorded {
        let on = run.map(|run| format!(" (`pe resume {run}`)")).unwrap_or_default();
        return Failure {
            exit: Exit::NoModel,
            error: anyhow::anyhow!("{error}"),
            hint: Some(format!("without `--planner` the model itself is asked{on}")),
        };
    }
    // A long goal would bury what is said.
    let is_short = goal.chars().count() <= 200 && !goal.contains(char::is_control);
    let goal = if is_short { quoted(goal) } else { "GOAL".into() };
    let again = match run {
        Some(run) => format!("`pe resume {run}` goes on"),
        None => "the same command works".to_owned(),
    };
    Failure {
        exit: Exit::NoModel,
        error: anyhow::anyhow!("{error}"),
        hint: Some(format!(
            "three ways out:\n  \
             1. `pe doctor` says what the model lacks; once it answers, {again}\n  \
             2. `pe prompt {goal}` prints what to ask in any chat; save the answer, then \
             `pe plan {goal} --from ANSWER -o plan.yaml`\n  \
             3. `pe init` writes a plan to start from; `pe run plan.yaml` needs no model"
        )),
    }
}
