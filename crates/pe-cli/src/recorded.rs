//! Recorded runs as people see them: how a run stands when its process may have died.

use pe_model::PlanStatus;
use pe_store::RunSummary;

/// Whether the run was under way when its process ended, and nobody has gone on with it.
pub(crate) fn is_stopped(run: &RunSummary) -> bool {
    !run.is_live && matches!(run.status, PlanStatus::Running | PlanStatus::Created)
}

/// Whether `pe resume` would go on with the run.
pub(crate) fn is_resumable(run: &RunSummary) -> bool {
    let pauses =
        matches!(run.status, PlanStatus::Cancelled | PlanStatus::Waiting | PlanStatus::InDoubt);
    is_stopped(run) || (pauses && !run.is_live)
}

/// How the run stands, in a word or two: `stopped` where the journal says running and nobody
/// runs it.
pub(crate) fn standing(run: &RunSummary) -> &'static str {
    match run.status {
        _ if is_stopped(run) => "stopped",
        PlanStatus::InDoubt => "in doubt",
        status => status.as_str(),
    }
}
