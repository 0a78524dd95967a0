//! Results that nobody reads, and waiting that nothing needs.
//!
//! A step is *quiet* when it changes nothing, checks nothing, and waits for quiet steps only: it
//! might have run at any time. A stated dependency of such a step on such a step is *idle* when
//! the one does not read the other: then the order of the two is all the same.
//! A stated dependency is *implied* when the step waits for the other one anyway, by way of a third.

use std::collections::HashSet;

use super::super::dependencies::Seen;
use super::{Checker, WORK, Whole, list};
use crate::Code;
use crate::graph::Reach;

/// A stated dependency: the step, the number in its list, and the step that it names.
#[derive(Clone, Copy)]
struct Stated {
    step: usize,
    number: usize,
    on: usize,
}

impl Checker {
    pub(super) fn needless_waiting(&mut self, whole: &Whole<'_>) {
        let idle = idle(whole);
        let chains = chains(whole, &idle);
        let chained: HashSet<usize> = chains.iter().flatten().copied().collect();
        let unread = unread(whole, &chained);
        self.unread_results(whole, &unread);
        self.needless_chains(whole, &chains);
        let read = read(whole);
        let mut single: Vec<(Stated, Option<usize>)> = idle
            .into_iter()
            .filter(|one| !(chained.contains(&one.step) && chained.contains(&one.on)))
            // Waited for by nobody, it would be part of the answer.
            .filter(|one| read[one.on])
            .map(|one| (one, None))
            .collect();
        single.extend(implied(whole).into_iter().map(|(one, by)| (one, Some(by))));
        single.sort_by_key(|(one, _)| (one.step, one.number));
        single.dedup_by_key(|(one, _)| (one.step, one.number));
        self.needless_dependencies(whole, &single);
    }

    fn unread_results(&mut self, whole: &Whole<'_>, unread: &[usize]) {
        self.listed(Code::UnreadResult, unread, |checker, &place| {
            let step = whole.step(place);
            let id = &step.step_id;
            let message = format!(
                "nobody reads the result of step `{id}`, and tool `{}` changes nothing",
                step.tool
            );
            checker.at_step(Code::UnreadResult, (place, id), "", message).suggestion =
                Some(format!(
                    "read `results.{id}`, say with `expect` what is checked, or remove the step"
                ));
        });
    }

    fn needless_chains(&mut self, whole: &Whole<'_>, chains: &[Vec<usize>]) {
        self.listed(Code::NeedlessChain, chains, |checker, chain| {
            let ids = chain.iter().map(|&place| &whole.step(place).step_id);
            let message = format!(
                "steps {} wait for one another, but none reads the one before it and none \
                 changes anything",
                list(ids)
            );
            let place = chain[1];
            let at = (place, &whole.step(place).step_id);
            checker.at_step(Code::NeedlessChain, at, "dependencies", message).suggestion =
                Some("remove their `dependencies`: then they run side by side".to_owned());
        });
    }

    fn needless_dependencies(&mut self, whole: &Whole<'_>, single: &[(Stated, Option<usize>)]) {
        self.listed(Code::NeedlessDependency, single, |checker, (one, by)| {
            let id = &whole.step(one.step).step_id;
            let on = &whole.step(one.on).step_id;
            let message = match by {
                Some(by) => format!(
                    "step `{id}` waits for `{on}` anyway, by way of `{}`",
                    whole.step(*by).step_id
                ),
                None => format!(
                    "step `{id}` does not read `{on}`, and neither of them changes anything"
                ),
            };
            let field = format!("dependencies/{}", one.number);
            checker.at_step(Code::NeedlessDependency, (one.step, id), &field, message).suggestion =
                Some(match by {
                    Some(_) => "it can be left out".to_owned(),
                    None => "without it the two run side by side".to_owned(),
                });
        });
    }
}

/// The stated dependencies of a step that it does not read itself.
fn unread_dependencies<'w>(whole: &'w Whole<'_>, step: usize) -> impl Iterator<Item = Stated> + 'w {
    let reads = whole.reads.of(step);
    let stated = &whole.step(step).dependencies;
    let mut seen = Seen::new(stated);
    stated.iter().enumerate().filter_map(move |(number, id)| {
        if seen.before(number) {
            return None;
        }
        let on = whole.facts.place(id.as_str())?;
        let is_read = reads.contains(&(on as u32)) || !whole.graph.is_trigger(step, on);
        (!is_read).then_some(Stated { step, number, on })
    })
}

/// Which steps might have run at any time.
fn quiet(whole: &Whole<'_>) -> Vec<bool> {
    let mut quiet = vec![false; whole.plan.steps.len()];
    for place in whole.graph.in_order() {
        quiet[place] = whole.is_safe(place)
            && !whole.is_gate(place)
            && whole.needs_all(place)
            && !whole.graph.reads_whole(place)
            && whole.graph.ordering_waits(place) == 0
            && whole.graph.triggers(place).iter().all(|&on| quiet[on as usize]);
    }
    quiet
}

fn idle(whole: &Whole<'_>) -> Vec<Stated> {
    let quiet = quiet(whole);
    // Whoever waits may check something: it is not quiet itself, and its order does not matter.
    let waits_for_nothing = |step: usize| {
        whole.is_safe(step)
            && whole.needs_all(step)
            && !whole.graph.reads_whole(step)
            && !whole.step(step).approval
            && whole.step(step).tool != "sleep"
    };
    (0..whole.plan.steps.len())
        .filter(|&step| !whole.step(step).dependencies.is_empty() && waits_for_nothing(step))
        .flat_map(|step| unread_dependencies(whole, step))
        .filter(|one| quiet[one.on])
        .collect()
}

/// Which steps' results or outcomes some other step looks at.
fn read(whole: &Whole<'_>) -> Vec<bool> {
    let steps = whole.plan.steps.len();
    let mut read = vec![false; steps];
    for step in 0..steps {
        for &on in whole.reads.of(step) {
            read[on as usize] = true;
        }
        if !whole.needs_all(step) {
            for &on in whole.graph.triggers(step) {
                read[on as usize] = true;
            }
        }
    }
    read
}

/// Chains of at least three steps that could all start at once, by plan order of their heads.
fn chains(whole: &Whole<'_>, idle: &[Stated]) -> Vec<Vec<usize>> {
    const SHORTEST: usize = 3;
    let steps = whole.plan.steps.len();
    // Whoever waits for one step only, and for nothing.
    let mut next: Vec<Option<usize>> = vec![None; steps];
    let mut has_before = vec![false; steps];
    for one in idle {
        let is_only = whole.graph.triggers(one.step).len() == 1
            && whole.graph.ordering_waits(one.step) == 0
            && whole.step(one.step).dependencies.len() == 1;
        if is_only && next[one.on].is_none() {
            next[one.on] = Some(one.step);
            has_before[one.step] = true;
        }
    }
    let chain =
        |head: usize| -> Vec<usize> { std::iter::successors(Some(head), |&at| next[at]).collect() };
    (0..steps)
        .filter(|&head| next[head].is_some() && !has_before[head])
        .map(chain)
        .filter(|chain| chain.len() >= SHORTEST)
        .collect()
}

/// Steps that change nothing, whose result nobody reads, and that others wait for: without
/// anybody waiting, the result is part of the answer.
fn unread(whole: &Whole<'_>, chained: &HashSet<usize>) -> Vec<usize> {
    let steps = whole.plan.steps.len();
    if (0..steps).any(|step| whole.graph.reads_whole(step)) {
        return Vec::new();
    }
    let mut waited_for = vec![false; steps];
    for step in 0..steps {
        for &on in whole.graph.triggers(step) {
            waited_for[on as usize] = true;
        }
    }
    let read = read(whole);
    (0..steps)
        .filter(|&place| waited_for[place] && !read[place] && !chained.contains(&place))
        .filter(|&place| whole.is_safe(place) && !whole.is_gate(place))
        .filter(|&place| !whole.has_stand_in(place))
        .collect()
}

/// Stated dependencies that another dependency of the same step implies, and which one.
fn implied(whole: &Whole<'_>) -> Vec<(Stated, usize)> {
    let steps = whole.plan.steps.len();
    let mut reach = Reach::new(whole.graph, WORK);
    // The step whose dependency each one is, as far as it was come to.
    let mut dependency_of = vec![usize::MAX; steps];
    let mut found = Vec::new();
    for step in 0..steps {
        let triggers = whole.graph.triggers(step);
        if triggers.len() < 2 || !whole.needs_all(step) {
            continue;
        }
        let mut deepest = 0;
        for &on in triggers {
            dependency_of[on as usize] = step;
            deepest = deepest.max(reach.level(on as usize));
        }
        for one in unread_dependencies(whole, step) {
            if whole.has_stand_in(one.on) {
                continue;
            }
            let needs = |place| whole.needs_all(place);
            let is_other = |place: usize| place < steps && dependency_of[place] == step;
            match reach.needing(one.on, deepest, needs, is_other) {
                Some(Some(by)) => found.push((one, by)),
                Some(None) => {}
                None => return found,
            }
        }
    }
    found
}
