//! What the command line sets, as a source of settings.

use std::num::NonZeroUsize;

use clap::ValueEnum as _;
use pe_model::OrchestratorConfig;
use serde_json::Value;

use super::key::Section;
use super::origin::Origin;
use super::{Allow, Layer, Setting};
use crate::args::{ExecuteArgs, ModelArgs, PlanVerb, ReadArgs, RunArgs, StrictnessArg};
use crate::failure::Failure;

/// What flags set; `None` where a flag was not given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    /// Values by the name of their key in `[orchestrator]`.
    pub(super) orchestrator: Vec<(&'static str, Value)>,
    /// Values by the name of their key in `[llm]`.
    pub(super) llm: Vec<(&'static str, Value)>,
    /// Every `--allow`.
    pub(super) allow: Vec<String>,
}

impl Flags {
    /// Those of a verb that reads and judges a plan.
    pub(crate) fn judging(read: &ReadArgs) -> Self {
        let mut flags = Self::default();
        flags.strictness(read.strictness);
        flags
    }

    /// Those of a verb that runs a plan.
    pub(crate) fn running(args: &RunArgs) -> Self {
        let mut flags = Self::executing(&args.execute);
        flags.strictness(args.strictness);
        let streaming = args.streaming.and_then(|mode| mode.to_possible_value());
        flags.set("streaming", streaming.map(|mode| mode.get_name().to_owned()));
        flags
    }

    /// Those of a verb that has a plan written.
    pub(crate) fn planning(verb: &PlanVerb) -> Self {
        let mut flags = Self::default().asking(&verb.planner.model);
        flags.strictness(verb.strictness);
        flags
    }

    /// Those of a verb that makes calls.
    pub(crate) fn executing(args: &ExecuteArgs) -> Self {
        let mut flags = Self { allow: args.allow.clone(), ..Self::default() };
        flags.parallel(args.parallel);
        flags.set("plan_timeout_ms", args.timeout.map(|timeout| timeout.ms));
        flags.set("step_timeout_ms", args.step_timeout.map(|timeout| timeout.ms));
        let budget: serde_json::Map<String, Value> =
            args.budget.iter().map(|part| (part.key.clone(), part.value.clone())).collect();
        flags.set("budget", (!budget.is_empty()).then_some(budget));
        flags.set("fail_fast", args.fail_fast.then_some(true));
        flags.set("max_iterations", args.max_iterations.map(std::num::NonZeroU32::get));
        flags.asking(&args.planner.model)
    }

    /// A recorded configuration with what the flags say over it.
    ///
    /// # Errors
    /// A usage failure that names the key.
    pub(crate) fn over(
        &self,
        recorded: &OrchestratorConfig,
    ) -> Result<OrchestratorConfig, Failure> {
        let mut config = serde_json::to_value(recorded).map_err(Failure::usage)?;
        for (name, value) in &self.orchestrator {
            Section::Orchestrator.check(name, value).map_err(|problem| {
                let place = Origin::Flag(flag(name)).in_words();
                Failure::usage_message(format!("{place}: {problem}"))
            })?;
            config[*name] = value.clone();
        }
        serde_json::from_value(config).map_err(Failure::usage)
    }

    /// `--parallel`; asking for more than one step at a time asks for parallelism too.
    pub(crate) fn parallel(&mut self, parallel: Option<NonZeroUsize>) {
        let parallel = parallel.map(NonZeroUsize::get);
        self.set("max_parallel_steps", parallel);
        self.set("enable_parallel", parallel.filter(|&steps| steps > 1).map(|_| true));
    }

    /// `--base-url` and `--model`.
    pub(crate) fn asking(mut self, model: &ModelArgs) -> Self {
        let mut set = |key, value: &Option<String>| {
            self.llm.extend(value.as_deref().map(|value| (key, value.into())));
        };
        set("base_url", &model.base_url);
        set("model", &model.model);
        self
    }

    /// Everything, as a source of settings.
    pub(super) fn into_layer(self) -> Layer {
        let values = |section, values: Vec<(&'static str, Value)>| {
            values.into_iter().map(move |(key, value)| Setting {
                section,
                key: key.to_owned(),
                value,
                origin: Origin::Flag(flag(key)),
            })
        };
        let orchestrator = values(Section::Orchestrator, self.orchestrator);
        let allow = |rule| Allow { rule, effect: None, origin: "--allow".to_owned() };
        Layer {
            values: orchestrator.chain(values(Section::Llm, self.llm)).collect(),
            allow: self.allow.into_iter().map(allow).collect(),
            place: Some(Origin::Flag("--allow")),
            ..Layer::default()
        }
    }

    fn strictness(&mut self, strictness: Option<StrictnessArg>) {
        let name = strictness.and_then(|level| level.to_possible_value());
        self.set("plan_validation_strictness", name.map(|name| name.get_name().to_owned()));
    }

    fn set(&mut self, key: &'static str, value: Option<impl Into<Value>>) {
        self.orchestrator.extend(value.map(|value| (key, value.into())));
    }
}

/// The flag that sets a key.
fn flag(key: &str) -> &'static str {
    match key {
        "plan_validation_strictness" => "--strictness",
        "max_parallel_steps" | "enable_parallel" => "--parallel",
        "plan_timeout_ms" => "--timeout",
        "step_timeout_ms" => "--step-timeout",
        "budget" => "--budget",
        "fail_fast" => "--fail-fast",
        "max_iterations" => "--max-iterations",
        "streaming" => "--streaming",
        "base_url" => "--base-url",
        "model" => "--model",
        _ => "a flag",
    }
}
