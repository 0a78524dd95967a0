//! From the wire form of a step and its compiled expressions to the checked form.

use pe_expr::{Expr, ParameterTemplate};
use pe_model::{PlanStep, StepType};

use crate::graph::Needs;
use crate::{LoopKind, StepKind, ValidStep};

/// The expressions of one step, compiled.
#[derive(Debug, Clone)]
pub(crate) struct Expressions {
    pub(crate) parameters: ParameterTemplate,
    pub(crate) condition: Option<Expr>,
    pub(crate) expect: Option<Expr>,
    pub(crate) loop_over: Option<Expr>,
    pub(crate) loop_until: Option<Expr>,
}

/// The checked form, or `None` where something that the type needs is missing or out of
/// range; each such case has a finding of its own.
pub(crate) fn compile(
    step: &PlanStep,
    expressions: Expressions,
    need: &Needs,
) -> Option<ValidStep> {
    let count = || step.loop_count.and_then(|count| u32::try_from(count).ok());
    let kind = match step.step_type {
        StepType::Normal => StepKind::Normal,
        StepType::Parallel => StepKind::Parallel,
        StepType::Conditional => StepKind::Conditional { condition: expressions.condition? },
        StepType::Fallback => StepKind::Fallback { target: need.fallback_for? as usize },
        StepType::Loop => StepKind::Loop(match (expressions.loop_over, expressions.loop_until) {
            (Some(items), None) => LoopKind::Over {
                items,
                parallelism: usize::try_from(step.loop_parallelism.unwrap_or(1)).ok()?.max(1),
            },
            (None, Some(condition)) => LoopKind::Until { condition, cap: count()? },
            (None, None) => LoopKind::Count { count: count()? },
            (Some(_), Some(_)) => return None,
        }),
    };
    Some(ValidStep {
        id: step.step_id.clone(),
        kind,
        tool: step.tool.clone(),
        parameters: expressions.parameters,
        expect: expressions.expect,
        trigger_rule: step.trigger_rule.unwrap_or_default(),
        timeout_ms: step.timeout_ms,
        retry: step.retry.clone().unwrap_or_default(),
        approval: step.approval,
    })
}
