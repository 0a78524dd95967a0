//! Checking a plan: every finding at once, and the valid plan when there is no error.

use std::sync::Arc;

use pe_model::{Catalog, Format, PLAN_FORMAT, Plan, PlanFile, ReadError, StepId, UnknownField};

use crate::compile::compile;
use crate::graph::{AllNeeds, Needs, NoGraph, StepGraph, build};
use crate::{Code, Limits, ValidPlan, ValidStep, ValidationReport};

mod collect;
mod dependencies;
mod expressions;
mod facts;
mod fields;
mod kinds;
mod outline;
mod parameters;
mod quality;
mod shape;
mod size;
mod tools;

use collect::Checker;
use facts::Facts;
pub use outline::{Outline, outline};
use quality::{Reads, Whole};

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
    match size::refusal(plan.steps.len(), limits) {
        Some(report) => report,
        None => check(plan.clone(), catalog, limits).report,
    }
}

/// Judges a plan and compiles it.
pub fn check(plan: Plan, catalog: &Catalog, limits: &Limits) -> Checked {
    match size::refusal(plan.steps.len(), limits) {
        Some(report) => Checked { report, written: Some(Arc::new(plan)), plan: None },
        None => Checker::new(limits.strictness).run(plan, catalog, limits, None),
    }
}

/// Reads, judges and compiles a plan file; every finding carries a line and a column.
pub fn check_file(bytes: &[u8], format: Format, catalog: &Catalog, limits: &Limits) -> Checked {
    let mut checker = Checker::new(limits.strictness);
    match PlanFile::parse_at_most(bytes, format, size::most_read(limits)) {
        Ok(file) => {
            for field in &file.unknown {
                checker.unknown_field(&file.plan, field);
            }
            checker.wrapper = file.wrapper;
            checker.run(file.plan, catalog, limits, Some((bytes, format)))
        }
        Err(error) => {
            match error {
                ReadError::TooManySteps { .. } => checker.far_too_many(None, limits),
                _ => checker.unreadable(&error, format),
            }
            let report = checker.into_report(Some((bytes, format)));
            Checked { report, written: None, plan: None }
        }
    }
}

/// The place of the step that a pointer leads into.
pub(crate) fn place_of(pointer: &str) -> Option<usize> {
    pointer.strip_prefix("/steps/")?.split('/').next()?.parse().ok()
}

impl Checker {
    fn run(
        mut self,
        plan: Plan,
        catalog: &Catalog,
        limits: &Limits,
        file: Option<(&[u8], Format)>,
    ) -> Checked {
        let plan = Arc::new(plan);
        self.format(&plan);
        self.size(&plan, limits);
        let facts = Facts::new(&plan, catalog, &mut self);
        let mut tools = tools::ToolChecks::new(catalog);
        let mut needs = AllNeeds::with_capacity(plan.steps.len());
        let mut need = Needs::default();
        let count = plan.steps.len();
        let mut noted =
            (count <= quality::MOST_STEPS).then(|| (Reads::new(count), Vec::with_capacity(count)));
        let mut steps: Vec<Option<ValidStep>> = Vec::with_capacity(plan.steps.len());
        for (place, step) in plan.steps.iter().enumerate() {
            need.fallback_for = facts.target(place);
            self.fields(place, step, limits);
            self.dependencies(place, &facts, &mut need);
            let declared = need.triggers.len();
            let parameters = parameters::parse(&step.parameters);
            let compiled = self.expressions(place, &facts, parameters, &mut need);
            let spec = tools.check(&mut self, place, step, compiled.as_ref());
            if let Some((reads, specs)) = &mut noted {
                reads.push(&need, declared);
                specs.push(spec);
            }
            steps.push(compiled.and_then(|expressions| compile(step, expressions, &need)));
            needs.push(&mut need);
        }
        // Large plans: what is of no more use makes room for the graph.
        drop(tools);
        let noted = noted.map(|(reads, specs)| (facts, reads, specs));
        let graph = self.graph(&plan, needs, limits);
        if let (Some(graph), Some((facts, reads, specs))) = (&graph, &noted) {
            self.quality(&Whole { plan: &plan, facts, graph, reads, specs });
        }
        drop(noted);
        let report = self.into_report(file);
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

    fn unknown_field(&mut self, plan: &Plan, field: &UnknownField) {
        let place = place_of(&field.pointer);
        let message = format!("plans have no field `{}`; it is ignored", field.name);
        let finding = self.add(Code::UnknownField, place, field.pointer.clone(), message);
        finding.step_id =
            place.and_then(|place| plan.steps.get(place)).map(|step| step.step_id.clone());
        finding.suggestion = field.nearest.map(|known| format!("did you mean `{known}`?"));
    }

    fn format(&mut self, plan: &Plan) {
        if plan.format > PLAN_FORMAT {
            let message = format!(
                "format {} is newer than {PLAN_FORMAT}, the newest known here",
                plan.format
            );
            self.add(Code::NewerFormat, None, "/format".to_owned(), message).suggestion =
                Some("use a newer `pe`".to_owned());
        }
    }

    fn graph(&mut self, plan: &Plan, needs: AllNeeds, limits: &Limits) -> Option<StepGraph> {
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
                    let message = "there may be more circles of dependencies than are listed";
                    self.add(Code::More, None, "/steps".to_owned(), message.to_owned())
                        .suggestion = Some("mend those that are listed first".to_owned());
                }
                None
            }
            Err(NoGraph::TooTangled) => {
                let message = "too many steps read all results while others are listed out of \
                               order: it was not found out who waits for whom";
                self.add(Code::Cycle, None, "/steps".to_owned(), message.to_owned()).suggestion =
                    Some("list each step after those that it waits for".to_owned());
                None
            }
        }
    }

    fn circle(&mut self, plan: &Plan, circle: &[usize]) {
        const SHOWN: usize = 8;
        let ids: Vec<StepId> = circle.iter().map(|&at| plan.steps[at].step_id.clone()).collect();
        let Some(&first) = circle.first() else { return };
        let mut shown: Vec<String> = ids.iter().take(SHOWN).map(|id| format!("`{id}`")).collect();
        if ids.len() > SHOWN {
            shown.push(format!("… ({} more)", ids.len() - SHOWN));
        }
        shown.push(format!("`{}`", ids[0]));
        let mut message = format!("steps wait for each other: {}", shown.join(" → "));
        // Whoever waits for a step waits for its fallbacks too, which is not to be seen in the file.
        let stand_ins = circle.iter().take(SHOWN).map(|&at| &plan.steps[at]);
        for (step, target) in
            stand_ins.filter_map(|step| step.fallback_for.as_ref().map(|target| (step, target)))
        {
            message.push_str(&format!(
                "; `{}` is a fallback, and whoever waits for `{target}` waits for it too",
                step.step_id
            ));
        }
        self.at_step(Code::Cycle, (first, &ids[0]), "", message).suggestion =
            Some("remove one of these dependencies".to_owned());
        self.report.circular_dependencies.push(ids);
    }
}
