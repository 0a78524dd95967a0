//! `pe graph`: a plan, the JSON of a run or a recorded run, as text, Mermaid, DOT or SVG.
//!
//! Whatever can be read is drawn, however invalid: a drawing shows a cycle better than words.

use super::Context;
use crate::args::{Drawing, GraphVerb};
use crate::drawn::{Drawn, Runs};
use crate::exit::Exit;
use crate::failure::Failure;

pub(super) fn run(verb: &GraphVerb, context: &mut Context) -> Result<Exit, Failure> {
    let drawn = Drawn::named(&verb.file, &Runs::new(context))?;
    let view = drawn.view_with_critical_path();
    let drawing = match verb.format {
        Drawing::Text => pe_view::text(&view),
        Drawing::Mermaid => pe_view::mermaid(&view),
        Drawing::Dot => pe_view::dot(&view),
        Drawing::Svg => pe_view::svg(&view),
    };
    context.output.lines(&drawing)?;
    Ok(Exit::Success)
}
