//! Steps whose failure takes much of the plan down, and that nothing stands in for.

use pe_model::{Effect, TriggerRule};

use super::{Checker, WORK, Whole};
use crate::Code;
use crate::graph::Reach;

/// Fewer lost steps than this are no reason to warn.
const FEWEST_LOST: usize = 3;

impl Checker {
    pub(super) fn risky_steps(&mut self, whole: &Whole<'_>) {
        let risky = risky(whole);
        let others = whole.plan.steps.len().saturating_sub(1);
        self.listed(Code::RiskyStep, risky, |checker, (place, lost)| {
            let step = whole.step(place);
            let id = &step.step_id;
            let message = format!(
                "if step `{id}` fails, {lost} of {others} other steps are skipped, and nothing \
                 stands in for it"
            );
            checker.at_step(Code::RiskyStep, (place, id), "", message).suggestion =
                Some(format!("add a step of type `fallback` with `fallback_for: {id}`"));
        });
    }
}

/// Risky steps in plan order, and how many others each takes down. Of several on one path the
/// first is told: what comes after it is lost with it.
fn risky(whole: &Whole<'_>) -> Vec<(usize, usize)> {
    let steps = whole.plan.steps.len();
    let is_candidate = |place: usize| {
        whole.facts.catalog.stated_effect(&whole.step(place).tool) == Some(Effect::Once)
            && !whole.has_stand_in(place)
            && !whole.step(place).approval
            && !whole.graph.links(place).is_empty()
    };
    let mut candidates: Vec<usize> = (0..steps).filter(|&place| is_candidate(place)).collect();
    if candidates.is_empty() || steps <= FEWEST_LOST {
        return Vec::new();
    }
    let reach = Reach::new(whole.graph, 0);
    candidates.sort_by_key(|&place| reach.level(place));
    let mut risky = Vec::new();
    // Who is lost with an earlier one takes fewer down than that one does.
    let mut passed = vec![false; steps];
    let mut search = Search { seen: vec![usize::MAX; steps], work: WORK };
    for place in candidates {
        if passed[place] {
            continue;
        }
        let Some(lost) = search.lost_with(whole, place) else { break };
        if lost.len() >= FEWEST_LOST && 2 * lost.len() >= steps - 1 {
            risky.push((place, lost.len()));
        }
        lost.into_iter().for_each(|place| passed[place] = true);
    }
    risky.sort_unstable();
    risky
}

struct Search {
    /// The failed step whose search came by last.
    seen: Vec<usize>,
    /// Edges that may still be looked at.
    work: usize,
}

impl Search {
    /// The steps that are skipped when one fails; `None` when out of work.
    fn lost_with(&mut self, whole: &Whole<'_>, failed: usize) -> Option<Vec<usize>> {
        let mut lost = Vec::new();
        let mut open = vec![failed];
        while let Some(place) = open.pop() {
            for link in whole.graph.links(place) {
                self.work = self.work.checked_sub(1)?;
                let next = link.to as usize;
                if link.is_trigger
                    && is_lost(whole, next, place == failed)
                    && self.seen[next] != failed
                {
                    self.seen[next] = failed;
                    lost.push(next);
                    open.push(next);
                }
            }
        }
        Some(lost)
    }
}

/// Whether a step is skipped because one that it waits for has failed, or was skipped.
fn is_lost(whole: &Whole<'_>, place: usize, after_failure: bool) -> bool {
    let rule = whole.step(place).trigger_rule.unwrap_or_default();
    let needs = rule == TriggerRule::AllSuccess || after_failure && rule == TriggerRule::NoneFailed;
    needs && !whole.graph.is_fallback(place)
}
