//! What stands above the picture: the goal, where the plan stands, the critical path.

use pe_model::Plan;

use super::card::BASELINE;
use super::groups::count;
use super::measure::{width, wrap};
use crate::label::{duration, shorten};
use crate::text::critical_path;
use crate::view::PlanView;

/// The longest goal, in characters.
const MAX_GOAL: usize = 300;
/// The font sizes and line heights of the goal and of the facts.
const GOAL: (f64, f64) = (17.0, 24.0);
const FACT: (f64, f64) = (12.5, 19.0);
/// The least width of the text, in pixels, and the most.
const LEAST: f64 = 460.0;
const MOST: f64 = 900.0;
/// How long a piece of the critical path is shown beside its name, in pixels.
const SWATCH: f64 = 26.0;

/// A line above the picture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HeadLine {
    pub(super) class: &'static str,
    pub(super) text: String,
    /// The baseline, from the top.
    pub(super) baseline: f64,
    /// Whether it begins with a piece of the critical path.
    pub(super) swatch: bool,
}

/// All lines above the picture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Heading {
    pub(super) goal: String,
    pub(super) lines: Vec<HeadLine>,
    pub(super) swatch: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    facts: Vec<String>,
}

impl Heading {
    /// The lines for a picture of this width.
    pub(super) fn new(view: &PlanView<'_>, notes: &[String], picture: f64) -> Self {
        let plan = view.plan;
        let goal = match shorten(&plan.goal, MAX_GOAL) {
            goal if goal.is_empty() => "(no goal)".to_owned(),
            goal => goal,
        };
        let mut facts = vec![state(view, plan)];
        facts.extend(notes.iter().cloned());
        let path = critical_path(view);
        let room = picture.clamp(LEAST, MOST);
        let mut heading =
            Self { goal, lines: Vec::new(), swatch: SWATCH, width: 0.0, height: 0.0, facts };
        for text in wrap(&heading.goal.clone(), GOAL.0 * 1.08, room, 2) {
            heading.push("goal", text, GOAL, false);
        }
        for text in wrap(&heading.facts.join(" · "), FACT.0, room, 3) {
            heading.push("fact", text, FACT, false);
        }
        if let Some((path, time)) = path {
            let time = time.map_or_else(String::new, |time| format!(", {time}"));
            let text = format!("critical path{time}: {path}");
            let lines = wrap(&text, FACT.0, room - SWATCH - 8.0, 2);
            for (place, text) in lines.into_iter().enumerate() {
                heading.push("fact", text, FACT, place == 0);
            }
            heading.facts.push(text);
        }
        heading.height += 16.0;
        heading
    }

    /// Everything in words.
    pub(super) fn description(&self) -> String {
        self.facts.join("; ")
    }

    fn push(&mut self, class: &'static str, text: String, (size, high): (f64, f64), swatch: bool) {
        let aside = if swatch { SWATCH + 8.0 } else { 0.0 };
        self.width = self.width.max(width(&text, size) + aside);
        let baseline = self.height + high / 2.0 + BASELINE * size;
        self.lines.push(HeadLine { class, text, baseline, swatch });
        self.height += high;
    }
}

fn state(view: &PlanView<'_>, plan: &Plan) -> String {
    let mut facts = vec![match plan.steps.len() {
        0 => "no steps".to_owned(),
        1 => "1 step".to_owned(),
        number => format!("{} steps", count(number)),
    }];
    if view.is_executed() {
        facts.push(format!("{}, {:.1}% done", plan.status, plan.progress()));
        let times = plan.steps.iter().filter_map(|step| step.execution_time_ms);
        let work = times.fold(0_u64, u64::saturating_add);
        if work > 0 {
            facts.push(format!("{} of work", duration(work)));
        }
    }
    facts.join(" · ")
}
