//! A plan too large to be drawn step by step: a box for each layer, or for a run of layers.
//!
//! The picture's size does not depend on the plan's: at most [`BOXES`] boxes, and between two
//! boxes one link for each kind of edge. Every step is counted in exactly one box.

use std::collections::HashMap;

use pe_model::StepStatus;

use super::card::{BAR, Card};
use super::graph::{Graph, Link, Outline, Style};
use super::layers::layers;
use super::scene::{Scene, style};
use crate::drawing::{Drawing, LOOKS, Node};
use crate::label::{duration, fold, glyph, shorten};

/// The most boxes.
pub(super) const BOXES: usize = 20;
/// How many steps a box names.
const NAMED: usize = 3;
/// The longest id in such a list, in characters.
const MAX_ID: usize = 16;

/// Layers `first..=last` and the steps in them.
struct Group {
    first: usize,
    last: usize,
    steps: Vec<usize>,
    inside: usize,
}

/// The picture in which layers are collapsed.
pub(super) fn groups(drawing: &Drawing<'_>) -> Scene {
    let steps = drawing.steps.len();
    let inner: Vec<(usize, usize, Style)> = drawing
        .lines
        .iter()
        .filter_map(|line| Some((line.from.step()?, line.to, style(line))))
        .collect();
    let ends: Vec<(usize, usize)> = inner.iter().map(|&(from, to, _)| (from, to)).collect();
    let found = layers(steps, &ends);
    let depth = found.of.iter().max().map_or(0, |last| last + 1);
    let run = depth.div_ceil(BOXES).max(1);
    let mut groups: Vec<Group> = (0..depth.div_ceil(run))
        .map(|group| Group {
            first: group * run,
            last: (group * run + run - 1).min(depth - 1),
            steps: Vec::new(),
            inside: 0,
        })
        .collect();
    for (step, layer) in found.of.iter().enumerate() {
        groups[layer / run].steps.push(step);
    }
    let mut bundles: HashMap<(usize, usize, Style), usize> = HashMap::new();
    let mut links: Vec<Link> = Vec::new();
    for (&(from, to, style), &backward) in inner.iter().zip(&found.backward) {
        let style = Style { backward, ..style };
        let (from, to) = (found.of[from] / run, found.of[to] / run);
        if from == to {
            groups[from].inside += 1;
            continue;
        }
        let place = *bundles.entry((from, to, style)).or_insert_with(|| {
            let spine = to == from + 1;
            links.push(Link { from, to, style, weight: 0, spine });
            links.len() - 1
        });
        links[place].weight += 1;
    }
    let most = groups.iter().map(|group| group.steps.len()).max().unwrap_or(0);
    let mut cards: Vec<Card> = groups.iter().map(|group| card(drawing, group, most)).collect();
    let mut notes = vec![match run {
        1 => format!("{} layers; a box stands for a layer", count(depth)),
        _ => format!("{} layers; a box stands for {} of them", count(depth), count(run)),
    }];
    let mut layer: Vec<usize> = (0..groups.len()).collect();
    if let Some(missing) = missing(drawing) {
        let mut named: Vec<usize> = drawing
            .lines
            .iter()
            .filter(|line| matches!(line.from, Node::Missing(_)))
            .map(|line| found.of[line.to] / run)
            .collect();
        named.sort_unstable();
        // Above the first box that needs one of them; all others move down by one.
        let first = named.first().copied().unwrap_or(0);
        layer.iter_mut().skip(first).for_each(|layer| *layer += 1);
        layer.push(first);
        let plain = Style {
            kind: crate::view::EdgeKind::Success,
            recovered: false,
            critical: false,
            backward: false,
        };
        for same in named.chunk_by(|a, b| a == b) {
            let (from, to, weight) = (cards.len(), same[0], same.len());
            links.push(Link { from, to, style: plain, weight, spine: false });
        }
        cards.push(missing);
    }
    let backward = found.backward.iter().filter(|&&backward| backward).count();
    match backward {
        0 => {}
        1 => notes.push("1 edge leads back and closes a cycle".to_owned()),
        number => notes.push(format!("{} edges lead back and close cycles", count(number))),
    }
    let sizes = cards.iter().map(|card| card.size).collect();
    Scene { cards, graph: Graph { sizes, layer, links }, notes }
}

fn card(drawing: &Drawing<'_>, group: &Group, most: usize) -> Card {
    if let [step] = group.steps[..] {
        return Card::step(drawing, step);
    }
    let layers = match group.last - group.first {
        0 => format!("layer {}", count(group.first + 1)),
        _ => format!("layers {} to {}", count(group.first + 1), count(group.last + 1)),
    };
    let layers = match group.inside {
        0 => layers,
        inside => format!("{layers} · {} inside", edges(inside)),
    };
    let statuses = statuses(drawing, group)
        .iter()
        .map(|&(status, number)| format!("{} {} {status}", glyph(status), count(number)))
        .collect::<Vec<_>>();
    let mut lines =
        vec![format!("{} steps", count(group.steps.len())), layers, statuses.join(" · ")];
    let known = group.steps.iter().filter_map(|&step| drawing.steps[step].execution_time_ms);
    let total = known.fold(0_u64, u64::saturating_add);
    let mut facts = Vec::new();
    if total > 0 {
        facts.push(format!("{} of work", duration(total)));
    }
    let critical = group.steps.iter().filter(|&&step| drawing.is_critical(step)).count();
    // A layer has one such step at most.
    if critical > 1 {
        facts.push(format!("{} on the critical path", count(critical)));
    }
    lines.extend((!facts.is_empty()).then(|| facts.join(" · ")));
    lines.push(named(drawing, group));
    let title = lines.join("; ");
    // The bar's area says how many steps there are, next to the largest group.
    let length = BAR.width * (group.steps.len() as f64 / most as f64).sqrt().max(0.06);
    Card { title, ..Card::new(Outline::Group, "group", &lines) }
        .with_bar(bar(drawing, group, length))
}

/// How many steps have each status that occurs.
fn statuses(drawing: &Drawing<'_>, group: &Group) -> Vec<(StepStatus, usize)> {
    use StepStatus::{Completed, Failed, InDoubt, Pending, Ready, Running, Skipped, Waiting};
    [Completed, Failed, Skipped, Running, Waiting, InDoubt, Ready, Pending]
        .into_iter()
        .map(|status| {
            let same = group.steps.iter().filter(|&&step| drawing.status(step) == status);
            (status, same.count())
        })
        .filter(|(_, number)| *number > 0)
        .collect()
}

/// The looks of the steps, each as long as its share.
fn bar(drawing: &Drawing<'_>, group: &Group, length: f64) -> Vec<(&'static str, f64)> {
    let mut counts = [0_usize; LOOKS.len()];
    for &step in &group.steps {
        let look = drawing.look(step);
        if let Some(place) = LOOKS.iter().position(|known| known.name == look) {
            counts[place] += 1;
        }
    }
    let order = ["completed", "recovered", "failed", "in_doubt", "waiting", "running", "skipped"];
    let rank = |name: &str| order.iter().position(|known| *known == name).unwrap_or(order.len());
    let mut parts: Vec<(&'static str, f64)> = LOOKS
        .iter()
        .zip(counts)
        .filter(|(_, number)| *number > 0)
        .map(|(look, number)| (look.name, length * number as f64 / group.steps.len() as f64))
        .collect();
    parts.sort_by_key(|(name, _)| rank(name));
    parts
}

/// The steps that somebody has to look at, or else the first ones.
fn named(drawing: &Drawing<'_>, group: &Group) -> String {
    use StepStatus::{Failed, InDoubt, Running, Waiting};
    let urgent = |step: &usize| {
        let status = drawing.status(*step);
        matches!(status, InDoubt | Waiting | Running)
            || (status == Failed && !drawing.steps[*step].is_recovered())
    };
    let mut chosen: Vec<usize> = group.steps.iter().copied().filter(urgent).collect();
    let marked = !chosen.is_empty();
    if !marked {
        chosen.clone_from(&group.steps);
    }
    let names = chosen.iter().take(NAMED).map(|&step| {
        let id = shorten(drawing.steps[step].step_id.as_str(), MAX_ID);
        if marked { format!("{} {id}", glyph(drawing.status(step))) } else { id }
    });
    let mut text = names.collect::<Vec<_>>().join(", ");
    if chosen.len() > NAMED {
        text += ", …";
    }
    fold(&text)
}

/// One box for all ids that no step has.
fn missing(drawing: &Drawing<'_>) -> Option<Card> {
    let names = match drawing.missing.len() {
        0 => return None,
        1 => return Some(Card::missing(drawing, 0)),
        number => number,
    };
    let first = drawing.missing.iter().take(NAMED).map(|id| shorten(id.as_str(), MAX_ID));
    let mut text = first.collect::<Vec<_>>().join(", ");
    if names > NAMED {
        text += ", …";
    }
    let lines = [format!("{} ids", count(names)), "missing".to_owned(), fold(&text)];
    let title = lines.join("; ");
    Some(Card { title, ..Card::new(Outline::Missing, "missing", &lines) })
}

fn edges(number: usize) -> String {
    if number == 1 { "1 edge".to_owned() } else { format!("{} edges", count(number)) }
}

/// A number with its thousands apart: `12,000`.
pub(super) fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
