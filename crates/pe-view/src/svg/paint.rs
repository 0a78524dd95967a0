//! Writes the picture down as XML.
//!
//! Invariant: text from a plan goes through [`escape`], and stands only between tags.

use pe_model::StepType;

use super::card::{BAR, Card, Words};
use super::graph::{Direction, Link, Outline, Style};
use super::heading::Heading;
use super::route::{Layout, Leg, Point, Rect, Route, has_words};
use super::scene::Scene;
use super::theme;
use crate::view::EdgeKind;

/// Around the picture.
const MARGIN: f64 = 24.0;
/// The length and half the width of an arrow's head.
const TIP: (f64, f64) = (8.0, 4.0);
/// How far the mark of the critical path reaches out of a box.
const HALO: f64 = 4.5;

/// The whole document.
pub(super) fn paint(scene: &Scene, layout: &Layout, heading: &Heading) -> String {
    let top = MARGIN + heading.height;
    let width = layout.size.width.max(heading.width) + 2.0 * MARGIN;
    let height = top + layout.size.height + MARGIN;
    let aside = (width - layout.size.width) / 2.0;
    let mut canvas = Canvas { out: String::with_capacity(512 * scene.cards.len() + 8_192) };
    let used = |name: &str| {
        scene
            .cards
            .iter()
            .any(|card| card.look == name || card.bar.iter().any(|(look, _)| *look == name))
    };
    canvas.out += &format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"{}\" role=\"img\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\">\n",
        theme::CLASS,
        w = width.ceil(),
        h = height.ceil(),
    );
    canvas.element("title", "", &heading.goal);
    canvas.element("desc", "", &heading.description());
    canvas.out += &format!("<style>\n{}</style>\n", theme::sheet(used));
    canvas.out += "<rect class=\"page\" width=\"100%\" height=\"100%\"/>\n";
    canvas.heading(heading);
    canvas.out += &format!("<g transform=\"translate({} {})\">\n", number(aside), number(top));
    canvas.routes(scene, layout);
    for (card, rect) in scene.cards.iter().zip(&layout.boxes) {
        canvas.node(card, *rect);
    }
    canvas.words(scene, layout);
    canvas.out += "</g>\n</svg>\n";
    canvas.out
}

struct Canvas {
    out: String,
}

impl Canvas {
    fn element(&mut self, name: &str, attributes: &str, text: &str) {
        self.out += &format!("<{name}{attributes}>{}</{name}>\n", escape(text));
    }

    fn heading(&mut self, heading: &Heading) {
        for line in &heading.lines {
            let Heading { swatch, .. } = heading;
            let mut x = MARGIN;
            let y = MARGIN + line.baseline;
            if line.swatch {
                self.out += &format!(
                    "<path class=\"edge critical\" d=\"M{} {}h{swatch}\"/>\n",
                    number(x),
                    // The middle of small letters.
                    number(y - 4.5)
                );
                x += swatch + 8.0;
            }
            let attributes =
                format!(" class=\"{}\" x=\"{}\" y=\"{}\"", line.class, number(x), number(y));
            self.element("text", &attributes, &line.text);
        }
    }

    /// What matters more is painted later, and so lies above.
    fn routes(&mut self, scene: &Scene, layout: &Layout) {
        let style = |route: &Route| scene.graph.links[route.link].style;
        let rank = |route: &&Route| {
            let style = style(route);
            (style.critical, style.recovered, style.backward)
        };
        let mut routes: Vec<&Route> = layout.routes.iter().collect();
        routes.sort_by_key(rank);
        for route in &routes {
            let Link { style, weight, .. } = scene.graph.links[route.link];
            let thick = match weight {
                0 | 1 => String::new(),
                _ => {
                    let width =
                        1.5 + (weight as f64).log2() * 0.5 + f64::from(style.critical) * 2.0;
                    format!(" style=\"stroke-width:{}px\"", number(width.min(9.0)))
                }
            };
            let drawn = path(route);
            self.out += &format!("<path class=\"edge{}\"{thick} d=\"{drawn}\"/>\n", class(style));
        }
        for route in routes {
            if let Some((tip, to)) = route.arrow {
                let style = style(route);
                let link = scene.graph.links[route.link];
                let (mut long, mut half) = TIP;
                if style.critical {
                    (long, half) = (long * 1.4, half * 1.5);
                }
                let tip = if scene.cards[link.to].critical {
                    Point { x: tip.x - to.x * HALO, y: tip.y - to.y * HALO }
                } else {
                    tip
                };
                let (x, y) = (tip.x - to.x * long, tip.y - to.y * long);
                self.out += &format!(
                    "<path class=\"tip{}\" d=\"M{} {}L{} {} {} {}z\"/>\n",
                    class(style),
                    number(tip.x),
                    number(tip.y),
                    number(x - to.y * half),
                    number(y + to.x * half),
                    number(x + to.y * half),
                    number(y - to.x * half),
                );
            }
        }
    }

    /// The words on links, beside their arrows.
    fn words(&mut self, scene: &Scene, layout: &Layout) {
        for route in &layout.routes {
            let style = scene.graph.links[route.link].style;
            let looped = scene.graph.links[route.link].from == scene.graph.links[route.link].to;
            let (Some((tip, to)), true) = (route.arrow, has_words(style) && !looped) else {
                continue;
            };
            let from_right = comes_from_right(route, tip);
            let text = if style.backward { "cycle" } else { "on failure" };
            // Behind the arrow's head, on the side where its own box is.
            let (x, y, anchor) = match layout.direction {
                Direction::Down if from_right => (tip.x - 8.0, tip.y - to.y * 13.0 + 3.5, "end"),
                Direction::Down => (tip.x + 8.0, tip.y - to.y * 13.0 + 3.5, "start"),
                Direction::Right if to.x > 0.0 => (tip.x - 12.0, tip.y - 4.5, "end"),
                Direction::Right => (tip.x + 12.0, tip.y + 13.0, "start"),
            };
            let attributes = format!(
                " class=\"word{}\" x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\"",
                class(style),
                number(x),
                number(y)
            );
            self.element("text", &attributes, text);
        }
    }

    fn node(&mut self, card: &Card, rect: Rect) {
        self.out += &format!("<g class=\"node {}\">\n", card.look);
        self.element("title", "", &card.title);
        if card.critical {
            let drawn = outline(card.outline, grown(rect, HALO - 1.5));
            self.out += &format!("<path class=\"halo\" d=\"{drawn}\"/>\n");
        }
        self.out += &format!("<path class=\"box\" d=\"{}\"/>\n", outline(card.outline, rect));
        if card.outline == Outline::Step(StepType::Loop) {
            let inner = outline(card.outline, grown(rect, -4.0));
            self.out += &format!("<path class=\"box\" d=\"{inner}\"/>\n");
        }
        let middle = rect.x + rect.width / 2.0;
        // Boxes of a column may be wider than their words, but never higher.
        for Words { text, bold, baseline, squeeze } in &card.words {
            let class = if *bold { " class=\"id\"" } else { "" };
            let squeeze = squeeze.map_or_else(String::new, |width| {
                format!(" textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\"", number(width))
            });
            let attributes = format!(
                "{class} x=\"{}\" y=\"{}\"{squeeze}",
                number(middle),
                number(rect.y + baseline)
            );
            self.element("text", &attributes, text);
        }
        self.bar(card, rect);
        self.out += "</g>\n";
    }

    fn bar(&mut self, card: &Card, rect: Rect) {
        if card.bar.is_empty() {
            return;
        }
        let length: f64 = card.bar.iter().map(|(_, length)| length).sum();
        let mut x = rect.x + (rect.width - length) / 2.0;
        let y = rect.y + card.bar_top();
        self.out += "<g class=\"bar\">";
        for (look, length) in &card.bar {
            self.out += &format!(
                "<rect class=\"{look}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>",
                number(x),
                number(y),
                // A few among many are still seen.
                number(length.max(2.0)),
                BAR.height
            );
            x += length;
        }
        self.out += "</g>\n";
    }
}

/// Whether a link comes to its arrow from the right.
fn comes_from_right(route: &Route, tip: Point) -> bool {
    let mut at = route.start;
    let mut from = at;
    for leg in &route.legs {
        let (Leg::Line(end) | Leg::Curve(_, _, end)) = *leg;
        if end.x != at.x {
            from = at;
        }
        at = end;
    }
    tip == at && from.x > tip.x
}

/// The classes of a link beside its own.
fn class(style: Style) -> String {
    let mut class = String::new();
    match style.kind {
        EdgeKind::Success => {}
        EdgeKind::Ordering => class += " ordering",
        EdgeKind::Fallback => class += " fallback",
    }
    for (name, holds) in [
        (" recovered", style.recovered),
        (" backward", style.backward),
        (" critical", style.critical),
    ] {
        if holds {
            class += name;
        }
    }
    class
}

fn grown(rect: Rect, by: f64) -> Rect {
    Rect {
        x: rect.x - by,
        y: rect.y - by,
        width: rect.width + 2.0 * by,
        height: rect.height + 2.0 * by,
    }
}

/// The shapes are those of the other diagrams: hexagon, parallelogram, rounded ends.
fn outline(outline: Outline, rect: Rect) -> String {
    let Rect { x, y, width, height } = rect;
    let (right, bottom) = (x + width, y + height);
    let corners: Vec<(f64, f64)> = match outline {
        Outline::Step(StepType::Conditional) => {
            let (cut, middle) = (14.0, y + height / 2.0);
            vec![
                (x + cut, y),
                (right - cut, y),
                (right, middle),
                (right - cut, bottom),
                (x + cut, bottom),
                (x, middle),
            ]
        }
        Outline::Step(StepType::Parallel) => {
            vec![(x + 14.0, y), (right, y), (right - 14.0, bottom), (x, bottom)]
        }
        Outline::Step(StepType::Fallback) => return rounded(rect, (height / 2.0).min(22.0)),
        Outline::Step(StepType::Normal | StepType::Loop) | Outline::Missing => {
            return rounded(rect, 4.0);
        }
        Outline::Group => return rounded(rect, 8.0),
    };
    let mut path = String::from("M");
    for (place, (x, y)) in corners.into_iter().enumerate() {
        path += if place == 0 { "" } else { "L" };
        path += &format!("{} {}", number(x), number(y));
    }
    path + "z"
}

fn rounded(Rect { x, y, width, height }: Rect, radius: f64) -> String {
    let r = number(radius);
    let (across, down) = (number(width - 2.0 * radius), number(height - 2.0 * radius));
    format!(
        "M{} {}h{across}a{r} {r} 0 0 1 {r} {r}v{down}a{r} {r} 0 0 1 -{r} {r}h-{across}\
         a{r} {r} 0 0 1 -{r} -{r}v-{down}a{r} {r} 0 0 1 {r} -{r}z",
        number(x + radius),
        number(y)
    )
}

fn path(route: &Route) -> String {
    let pair = |point: Point| format!("{} {}", number(point.x), number(point.y));
    let mut path = format!("M{}", pair(route.start));
    for leg in &route.legs {
        match *leg {
            Leg::Line(end) => path += &format!("L{}", pair(end)),
            Leg::Curve(a, b, end) => path += &format!("C{} {} {}", pair(a), pair(b), pair(end)),
        }
    }
    path
}

/// A coordinate to a tenth of a pixel.
fn number(value: f64) -> String {
    let tenths = (value * 10.0).round() as i64;
    if tenths % 10 == 0 {
        (tenths / 10).to_string()
    } else {
        format!("{:.1}", tenths as f64 / 10.0)
    }
}

/// Text between tags: no markup, and no character that XML does not know.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_markup() {
        assert_eq!(escape("a<b>&\"'\u{0}\u{ffff}\u{85}é"), "a&lt;b&gt;&amp;&quot;&#39;é");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([1.0, 1.04, 1.05, -0.04, 12.96].map(number), ["1", "1", "1.1", "0", "13"]);
    }
}
