//! From a document to a judged plan, and how a verdict is shown.

use std::path::Path;
use std::sync::Arc;

use pe_model::{Catalog, JsonMap, Plan, ReadError, read_value};
use pe_tools::{CommandPolicy, HttpPolicy, ToolConfig};
use pe_validate::{Checked, Code, Finding, Limits, Severity, ValidPlan, ValidationReport};

use crate::args::{Parameter, ReadArgs};
use crate::commands::Context;
use crate::console::Console;
use crate::document::{Document, Source};
use crate::failure::Failure;
use crate::findings::{self, Canvas};
use crate::settings::Settings;
use crate::tooling::Tooling;
use crate::words::one_line;

/// A plan file and what was found in it.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The document's name.
    pub(crate) name: String,
    /// Every finding, with lines and columns.
    pub(crate) report: ValidationReport,
    /// The plan as written, when it could be read.
    pub(crate) written: Option<Arc<Plan>>,
    /// The plan that can be executed, when there is no error.
    pub(crate) plan: Option<ValidPlan>,
    /// The file, when there is something to show in it.
    source: Option<Vec<u8>>,
}

impl Loaded {
    /// Judges a document; `parameters` are set in the plan's context.
    pub(crate) fn check(
        document: Document,
        catalog: &Catalog,
        limits: &Limits,
        parameters: &[Parameter],
    ) -> Self {
        let name = document.name;
        let bytes = match document.bytes {
            Ok(bytes) => bytes,
            Err(error) => {
                let report = unreadable(&error);
                return Self { name, report, written: None, plan: None, source: None };
            }
        };
        let mut checked =
            Self::of(name, pe_validate::check_file(&bytes, document.format, catalog, limits));
        checked.source = Some(bytes).filter(|_| !checked.report.findings.is_empty());
        if parameters.is_empty() { checked } else { checked.with(catalog, limits, parameters) }
    }

    /// Judges a plan that is no file.
    pub(crate) fn check_plan(name: String, plan: Plan, catalog: &Catalog, limits: &Limits) -> Self {
        Self::of(name, pe_validate::check(plan, catalog, limits))
    }

    fn of(name: String, Checked { report, written, plan }: Checked) -> Self {
        Self { name, report, written, plan, source: None }
    }

    /// The same with values in the plan's context. They cannot make a plan more or less valid:
    /// what `context` holds is looked at only when an expression is evaluated.
    fn with(self, catalog: &Catalog, limits: &Limits, parameters: &[Parameter]) -> Self {
        let Some(written) = &self.written else { return self };
        let mut plan = Plan::clone(written);
        let entries = parameters.iter().map(|entry| (entry.key.clone(), entry.value.clone()));
        plan.context.extend::<JsonMap>(entries.collect());
        // Unknown fields are errors when strict and known only to the first check.
        let Checked { plan, written, .. } = pe_validate::check(plan, catalog, limits);
        let plan = plan.filter(|_| self.report.is_valid);
        Self { plan, written, ..self }
    }

    /// The plan, after its findings were said; else the report, and the failure that it is.
    ///
    /// # Errors
    /// When the plan is invalid.
    pub(crate) fn plan_or_verdict(
        self,
        context: &Context,
    ) -> Result<ValidPlan, Box<(ValidationReport, Failure)>> {
        self.say_findings(&context.console);
        let verdict = self.verdict();
        self.plan.ok_or_else(|| {
            let failure = Failure::invalid(format!("{verdict}; nothing was executed"));
            Box::new((self.report, failure))
        })
    }

    /// Says the findings on stderr: drawn for a person, a line each for a program.
    pub(crate) fn say_findings(&self, console: &Console) {
        // Hints are for whoever writes the plan, not for whoever runs it.
        let least = if console.quiet { Severity::Error } else { Severity::Warning };
        let findings = findings::told(&self.report, least);
        if findings.is_empty() {
            return;
        }
        console.say(&match (console.stderr_canvas(), &self.source) {
            (Some(canvas), Some(source)) => {
                findings::drawn(&findings, &self.name, source, canvas) + "\n"
            }
            _ => findings::lines(&findings, &self.name),
        });
    }

    /// The findings drawn in the file.
    pub(crate) fn drawn(&self, canvas: Canvas, quiet: bool) -> String {
        let findings = findings::told(&self.report, least(quiet));
        findings::drawn(&findings, &self.name, self.source.as_deref().unwrap_or_default(), canvas)
    }

    /// The findings, a line each.
    pub(crate) fn lines(&self, quiet: bool) -> String {
        findings::lines(&findings::told(&self.report, least(quiet)), &self.name)
    }

    /// The verdict in one line: `plan.json: valid, 2 warnings`.
    pub(crate) fn verdict(&self) -> String {
        let valid = if self.report.is_valid { "valid" } else { "invalid" };
        let numbers = findings::numbers([&self.report]);
        let words = std::iter::once(valid.to_owned()).chain(numbers);
        format!("{}: {}", one_line(&self.name), words.collect::<Vec<_>>().join(", "))
    }
}

/// The least that is told of a plan that is judged and no more.
fn least(quiet: bool) -> Severity {
    if quiet { Severity::Error } else { Severity::Hint }
}

/// The report on a document that was not even looked at.
fn unreadable(error: &ReadError) -> ValidationReport {
    let message = error.to_string();
    ValidationReport {
        errors: vec![message.clone()],
        findings: vec![Finding {
            code: Code::Unreadable,
            severity: Severity::Error,
            message,
            pointer: String::new(),
            step_id: None,
            line: None,
            column: None,
            end_line: None,
            end_column: None,
            suggestion: None,
        }],
        ..ValidationReport::default()
    }
}

/// How the built-in tools are set up.
pub(crate) fn tool_config(settings: &Settings, root: Option<&Path>) -> ToolConfig {
    let http = HttpPolicy { hosts: settings.hosts.clone() };
    let command = match &settings.pass_env {
        Some(names) => CommandPolicy { pass_env: names.clone() },
        None => CommandPolicy::default(),
    };
    ToolConfig { http, command, ..ToolConfig::new(root.unwrap_or(Path::new("."))) }
}

/// The catalog that plans are judged against: that of `--tools`, else the built-in tools'.
pub(crate) fn catalog(read: &ReadArgs, settings: &Settings) -> Result<Catalog, Failure> {
    let Some(path) = &read.tools else {
        return Ok(Tooling::new(settings, None)?.catalog);
    };
    let source = Source::new(path);
    let document = Document::read(&source, None)?;
    let cannot = |error: anyhow::Error| {
        Failure::usage(error.context(format!("cannot use `{}` as a tool catalog", document.name)))
    };
    let bytes = document.bytes.as_deref().map_err(|error| cannot(error.clone().into()))?;
    let value = read_value(bytes, document.format).map_err(|error| cannot(error.into()))?;
    Catalog::from_value(&value).map_err(|error| cannot(error.into()))
}
