//! Checking a plan: every finding at once, and the valid plan when there is no error.

use std::collections::HashMap;
use std::sync::Arc;

use pe_model::{
    Catalog, Format, PLAN_FORMAT, Plan, PlanFile, ReadError, StepId, Strictness, nearest,
};

use crate::compile::compile;
use crate::graph::{Needs, NoGraph, StepGraph, build};
use crate::locate::locate;
use crate::{Code, Finding, Limits, Severity, ValidPlan, ValidStep, ValidationReport};

mod dependencies;
mod expressions;
mod fields;
mod tools;

/// What checking gave.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Every finding.
    pub report: ValidationReport,
    /// The plan as it was read, when it could be read.
    pub written: Option<Arc<Plan>>,
    /// The plan that can be executed, when there is no error.
    pub plan: Option<ValidPlan>,
}

/// Judges a plan.
pub fn validate(plan: &Plan, catalog: &Catalog, limits: &Limits) -> ValidationReport {
    check(plan.clone(), catalog, limits).report
}

/// Judges a plan and compiles it.
pub fn check(plan: Plan, catalog: &Catalog, limits: &Limits) -> Checked {
    Checker::new(limits.strictness).run(Arc::new(plan), catalog, limits)
}

/// Reads, judges and compiles a plan file; findings carry lines and columns.
pub fn check_file(bytes: &[u8], format: Format, catalog: &Catalog, limits: &Limits) -> Checked {
    let mut checker = Checker::new(limits.strictness);
    let mut checked = match PlanFile::parse(bytes, format) {
        Ok(file) => {
            for field in &file.unknown {
                let step = place_of(&field.pointer);
                let finding = checker.add(
                    Code::UnknownField,
                    step,
                    field.pointer.clone(),
                    format!("plans have no field `{}`; it is ignored", field.name),
                );
                finding.suggestion = field.nearest.map(|known| format!("did you mean `{known}`?"));
            }
            checker.run(Arc::new(file.plan), catalog, limits)
        }
        Err(error) => checker.unreadable(&error),
    };
    let text = String::from_utf8_lossy(bytes);
    let findings = &mut checked.report.findings;
    let wanted: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.line.is_none())
        .map(|finding| finding.pointer.as_str())
        .collect();
    let places = if wanted.is_empty() { HashMap::new() } else { locate(&text, &wanted) };
    for finding in findings {
        if finding.line.is_none() {
            // A field that is not there has no place of its own: its parent's stands for it.
            let mut pointer = finding.pointer.as_str();
            while !places.contains_key(pointer) && !pointer.is_empty() {
                pointer = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
            }
            if let Some(&(line, column)) = places.get(pointer).or_else(|| places.get("")) {
                (finding.line, finding.column) = (Some(line), Some(column));
            }
        }
    }
    checked
}

/// The place of the step that a pointer leads into.
fn place_of(pointer: &str) -> Option<usize> {
    pointer.strip_prefix("/steps/")?.split('/').next()?.parse().ok()
}

/// Collects findings.
struct Checker {
    strictness: Strictness,
    /// With the place of the step that each belongs to, for the order of the report.
    found: Vec<(Option<usize>, Finding)>,
    report: ValidationReport,
}

impl Checker {
    fn new(strictness: Strictness) -> Self {
        Self { strictness, found: Vec::new(), report: ValidationReport::default() }
    }

    /// Notes a finding; step id and suggestion are filled in through the reference.
    fn add(
        &mut self,
        code: Code,
        place: Option<usize>,
        pointer: String,
        message: String,
    ) -> &mut Finding {
        let finding = Finding {
            code,
            severity: code.harm().severity(self.strictness),
            message,
            pointer,
            step_id: None,
            line: None,
            column: None,
            suggestion: None,
        };
        self.found.push((place, finding));
        &mut self.found.last_mut().expect("because it was just pushed").1
    }

    /// A finding at a field of a step.
    fn at_step(
        &mut self,
        code: Code,
        (place, step_id): (usize, &StepId),
        field: &str,
        message: String,
    ) -> &mut Finding {
        let pointer = if field.is_empty() {
            format!("/steps/{place}")
        } else {
            format!("/steps/{place}/{field}")
        };
        let finding = self.add(code, Some(place), pointer, message);
        finding.step_id = Some(step_id.clone());
        finding
    }

    fn run(mut self, plan: Arc<Plan>, catalog: &Catalog, limits: &Limits) -> Checked {
        if plan.format > PLAN_FORMAT {
            self.add(
                Code::NewerFormat,
                None,
                "/format".to_owned(),
                format!(
                    "format {} is newer than {PLAN_FORMAT}, the newest known here",
                    plan.format
                ),
            )
            .suggestion = Some("use a newer `pe`".to_owned());
        }
        if plan.steps.is_empty() {
            self.add(Code::NoSteps, None, "/steps".to_owned(), "the plan has no steps".to_owned());
        }
        let index = self.index(&plan);
        let mut tools = tools::ToolChecks::new(catalog);
        let mut needs = Vec::with_capacity(plan.steps.len());
        let mut steps: Vec<Option<ValidStep>> = Vec::with_capacity(plan.steps.len());
        for (place, step) in plan.steps.iter().enumerate() {
            let mut need = Needs::default();
            self.fields(place, step);
            self.dependencies(place, step, &index, &mut need);
            let compiled = self.expressions(place, step, &plan, &index, catalog, &mut need);
            tools.check(&mut self, place, step, compiled.as_ref());
            steps.push(compiled.and_then(|expressions| compile(step, expressions, &need)));
            needs.push(need);
        }
        let graph = self.graph(&plan, needs, limits);
        self.size(&plan, limits);
        self.finish(plan, steps, graph)
    }

    /// First places by id; blank and repeated ids are found.
    fn index(&mut self, plan: &Plan) -> HashMap<StepId, usize> {
        let mut index = HashMap::with_capacity(plan.steps.len());
        for (place, step) in plan.steps.iter().enumerate() {
            let id = &step.step_id;
            if id.as_str().trim().is_empty() {
                self.at_step(
                    Code::BlankId,
                    (place, id),
                    "step_id",
                    format!("step number {} has no `step_id`", place + 1),
                )
                .suggestion = Some("give it a short unique name".to_owned());
                continue;
            }
            if let Some(first) = index.get(id) {
                let message = format!("step id `{id}` is taken by step number {}", first + 1);
                self.at_step(Code::DuplicateId, (place, id), "step_id", message);
                continue;
            }
            index.insert(id.clone(), place);
        }
        index
    }

    fn graph(&mut self, plan: &Plan, needs: Vec<Needs>, limits: &Limits) -> Option<StepGraph> {
        match build(needs) {
            Ok(graph) => {
                let depth = graph.depth();
                if let Some(most) = limits.max_depth.filter(|&most| depth > most) {
                    let message = format!("the longest path has {depth} steps, more than {most}");
                    self.add(Code::TooDeep, None, "/steps".to_owned(), message).suggestion = Some(
                        "run independent steps side by side, or raise `max_plan_depth`".to_owned(),
                    );
                }
                Some(graph)
            }
            Err(NoGraph::Circles(found)) => {
                for circle in &found.circles {
                    self.circle(plan, circle);
                }
                if found.cut {
                    self.add(
                        Code::More,
                        None,
                        "/steps".to_owned(),
                        "there are more circles of dependencies than are listed".to_owned(),
                    );
                }
                None
            }
            Err(NoGraph::TooTangled) => {
                self.add(
                    Code::Cycle,
                    None,
                    "/steps".to_owned(),
                    "too many steps read all results while others are listed out of order"
                        .to_owned(),
                )
                .suggestion = Some("list each step after those that it waits for".to_owned());
                None
            }
        }
    }

    fn circle(&mut self, plan: &Plan, circle: &[usize]) {
        const SHOWN: usize = 8;
        let ids: Vec<StepId> = circle.iter().map(|&at| plan.steps[at].step_id.clone()).collect();
        let Some(&first) = circle.first() else { return };
        if circle.len() > 1 {
            let mut shown: Vec<String> =
                ids.iter().take(SHOWN).map(|id| format!("`{id}`")).collect();
            if ids.len() > SHOWN {
                shown.push(format!("… ({} more)", ids.len() - SHOWN));
            }
            shown.push(format!("`{}`", ids[0]));
            let message = format!("steps wait for each other: {}", shown.join(" → "));
            self.at_step(Code::Cycle, (first, &ids[0]), "", message).suggestion =
                Some("remove one of these dependencies".to_owned());
        }
        self.report.circular_dependencies.push(ids);
    }

    fn size(&mut self, plan: &Plan, limits: &Limits) {
        let count = plan.steps.len();
        if let Some(most) = limits.max_steps.filter(|&most| count > most) {
            let message = format!("the plan has {count} steps, more than {most}");
            self.add(Code::TooManySteps, None, "/steps".to_owned(), message).suggestion =
                Some("split the plan, or raise `max_plan_steps`".to_owned());
        }
    }

    fn unreadable(mut self, error: &ReadError) -> Checked {
        if let ReadError::Shape(issues) = error {
            for issue in issues {
                self.add(
                    Code::WrongType,
                    place_of(&issue.pointer),
                    issue.pointer.clone(),
                    issue.message.clone(),
                );
            }
        } else {
            let finding = self.add(Code::Unreadable, None, String::new(), error.to_string());
            if let Some((line, column)) = error.position() {
                (finding.line, finding.column) = (Some(line), Some(column));
            }
        }
        Checked { report: self.into_report(), written: None, plan: None }
    }

    fn finish(
        self,
        plan: Arc<Plan>,
        steps: Vec<Option<ValidStep>>,
        graph: Option<StepGraph>,
    ) -> Checked {
        let report = self.into_report();
        let steps: Option<Vec<ValidStep>> = steps.into_iter().collect();
        let valid = match (report.is_valid, steps, graph) {
            (true, Some(steps), Some(graph)) => {
                Some(ValidPlan { plan: Arc::clone(&plan), steps, graph })
            }
            _ => None,
        };
        debug_assert_eq!(valid.is_some(), report.is_valid, "what is no error must compile");
        Checked { report, written: Some(plan), plan: valid }
    }

    fn into_report(self) -> ValidationReport {
        let mut report = self.report;
        let mut found = self.found;
        found.sort_by_key(|(place, _)| place.map_or(0, |place| place + 1));
        report.findings = found.into_iter().map(|(_, finding)| finding).collect();
        let messages = |severity| {
            report
                .findings
                .iter()
                .filter(|f| f.severity == severity)
                .map(|f| f.message.clone())
                .collect()
        };
        report.errors = messages(Severity::Error);
        report.warnings = messages(Severity::Warning);
        report.is_valid = report.errors.is_empty();
        report
    }
}

/// "did you mean" for a step id.
fn near_step(name: &str, index: &HashMap<StepId, usize>, own: &StepId) -> Option<String> {
    let mut known: Vec<(&usize, &StepId)> =
        index.iter().filter(|(id, _)| *id != own).map(|(id, place)| (place, id)).collect();
    known.sort_unstable();
    nearest(name, known.into_iter().map(|(_, id)| id.as_str()))
        .map(|near| format!("did you mean `{near}`?"))
}
