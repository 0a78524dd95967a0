//! Checking a plan: every finding at once, and the valid plan when there is no error.

use std::sync::Arc;

use pe_model::{Catalog, Format, PLAN_FORMAT, Plan, PlanFile, StepId, UnknownField};

use crate::compile::compile;
use crate::graph::{Needs, NoGraph, StepGraph, build};
use crate::{Code, Limits, ValidPlan, ValidStep, ValidationReport};

mod collect;
mod dependencies;
mod expressions;
mod facts;
mod fields;
mod kinds;
mod parameters;
mod quality;
mod shape;
mod tools;

use collect::Checker;
use facts::Facts;
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
    check(plan.clone(), catalog, limits).report
}

/// Judges a plan and compiles it.
pub fn check(plan: Plan, catalog: &Catalog, limits: &Limits) -> Checked {
    Checker::new(limits.strictness).run(plan, catalog, limits, None)
}

/// Reads, judges and compiles a plan file; every finding carries a line and a column.
pub fn check_file(bytes: &[u8], format: Format, catalog: &Catalog, limits: &Limits) -> Checked {
    let mut checker = Checker::new(limits.strictness);
    match PlanFile::parse(bytes, format) {
        Ok(file) => {
            for field in &file.unknown {
                checker.unknown_field(&file.plan, field);
            }
            checker.run(file.plan, catalog, limits, Some((bytes, format)))
        }
        Err(error) => {
            checker.unreadable(&error, format);
            let report = checker.into_report(Some((bytes, format)));
            Checked { report, written: None, plan: None }
        }
    }
}

/// The place of the step that a pointer leads into.
fn place_of(pointer: &str) -> Option<usize> {
    pointer.strip_prefix("/steps/")?.split('/').next()?.parse().ok()
}

impl Checker {
    fn run(
        mut self,
        mut plan: Plan,
        catalog: &Catalog,
        limits: &Limits,
        file: Option<(&[u8], Format)>,
    ) -> Checked {
        let mut parameters = parameters::parse_all(&mut plan).into_iter();
        let plan = Arc::new(plan);
        self.format(&plan);
        self.size(&plan, limits);
        let facts = Facts::new(&plan, catalog, &mut self);
        let mut tools = tools::ToolChecks::new(catalog);
        let mut needs = Vec::with_capacity(plan.steps.len());
        let mut reads = Reads::new(plan.steps.len());
        let mut specs = Vec::with_capacity(plan.steps.len());
        let mut steps: Vec<Option<ValidStep>> = Vec::with_capacity(plan.steps.len());
        for (place, (step, parameters)) in plan.steps.iter().zip(&mut parameters).enumerate() {
            let mut need = Needs { fallback_for: facts.target(place), ..Needs::default() };
            self.fields(place, step, limits);
            self.dependencies(place, &facts, &mut need);
            let declared = need.triggers.len();
            let compiled = self.expressions(place, &facts, parameters, &mut need);
            reads.push(&need, declared);
            specs.push(tools.check(&mut self, place, step, compiled.as_ref()));
            steps.push(compiled.and_then(|expressions| compile(step, expressions, &need)));
            needs.push(need);
        }
        let graph = self.graph(&plan, needs, limits);
        if let Some(graph) = &graph {
            let (facts, plan) = (&facts, &*plan);
            self.quality(&Whole { plan, facts, graph, reads: &reads, specs: &specs });
        }
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

    fn size(&mut self, plan: &Plan, limits: &Limits) {
        let count = plan.steps.len();
        if count == 0 {
            let message = "the plan has no steps".to_owned();
            self.add(Code::NoSteps, None, "/steps".to_owned(), message).suggestion =
                Some("add at least one step under `steps`".to_owned());
        }
        if let Some(most) = limits.max_steps.filter(|&most| count > most) {
            let message = format!("the plan has {count} steps, more than {most}");
            self.add(Code::TooManySteps, None, "/steps".to_owned(), message).suggestion =
                Some("split the plan, or raise `max_plan_steps`".to_owned());
        }
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
