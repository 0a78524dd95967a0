//! SVG pictures with a layout of our own.
//!
//! A plan is drawn in layers: each step below the longest path that leads to it, so that a row
//! holds what can run side by side. Pages scroll down, not sideways, so layers are rows; only
//! where they would be wider than a page, and columns narrower, are they columns, which
//! turns a wide fan-out into a list. Up to [`LARGEST`] steps have a box each; above that a box
//! stands for a layer or a run of layers, and the picture's size is bounded whatever the
//! plan's.
//!
//! `layers` says how deep a step is, `order` where in its row, `coordinates` how far aside,
//! `route` makes boxes and curves of it; `scene`, `groups`, `card` and `heading` say what is
//! in the picture, `theme` and `paint` write it down. Nothing depends on chance, on a font or
//! on the order of a hash map: the same plan gives the same bytes.
//!
//! What it does not do: scripts, references to other files, animation.

mod card;
mod coordinates;
mod graph;
mod groups;
mod heading;
mod layers;
mod measure;
mod order;
mod paint;
mod route;
mod scene;
mod theme;

use crate::drawing::Drawing;
use crate::view::PlanView;

/// The most steps that are drawn one by one.
const LARGEST: usize = 150;

/// Renders a plan as one SVG document, for light and dark pages alike.
///
/// Shapes: rectangle for `normal`, hexagon for `conditional`, double box for `loop`,
/// parallelogram for `parallel`, rounded ends for `fallback`. Solid arrows are dependencies,
/// dotted ones only wait, dashed ones lead to a fallback, red ones close a cycle; the critical
/// path is thick. Above 150 steps a box stands for a layer or a run of layers, and says how
/// many steps it holds, where they stand and which want attention.
pub fn svg(view: &PlanView<'_>) -> String {
    let drawing = Drawing::new(view);
    let collapsed = drawing.steps.len() > LARGEST;
    let scene = if collapsed { groups::groups(&drawing) } else { scene::scene(&drawing) };
    let layout = route::layout(&scene.graph);
    let heading = heading::Heading::new(view, &scene.notes, layout.size.width);
    paint::paint(&scene, &layout, &heading)
}
