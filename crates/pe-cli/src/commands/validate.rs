//! `pe validate`: every finding about one or several plan files.

use serde::Serialize;

use pe_validate::ValidationReport;

use super::Context;
use crate::args::ValidateVerb;
use crate::document::{Document, Source};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::findings::numbers;
use crate::loading::{Loaded, catalog};
use crate::settings::Flags;
use crate::words::count;

/// One entry of the document that several files give.
#[derive(Serialize)]
struct Entry<'a> {
    file: &'a str,
    report: &'a ValidationReport,
}

pub(super) fn run(verb: &ValidateVerb, context: &mut Context) -> Result<Exit, Failure> {
    let settings = context.settings(Flags::judging(&verb.read))?;
    let catalog = catalog(&verb.read, &settings)?;
    // A path that cannot be read is a usage error, and then nothing is judged.
    let documents = documents(verb, context)?;
    let loaded: Vec<Loaded> = documents
        .into_iter()
        .map(|document| Loaded::check(document, &catalog, &settings.limits, &[]))
        .collect();
    if verb.json {
        let entries = loaded.iter().map(|one| Entry { file: &one.name, report: &one.report });
        match &loaded[..] {
            [only] => context.output.json(&only.report)?,
            _ => context.output.json(&entries.collect::<Vec<_>>())?,
        }
    } else {
        show(verb, &loaded, context)?;
    }
    let valid = loaded.iter().all(|one| one.report.is_valid);
    Ok(if valid { Exit::Success } else { Exit::Invalid })
}

/// The findings and the verdict of each file, and of several a summary. What is said quietly
/// leaves out whatever is no error.
fn show(verb: &ValidateVerb, loaded: &[Loaded], context: &mut Context) -> anyhow::Result<()> {
    let quiet = context.console.quiet;
    let canvas = context.console.stdout_canvas();
    for one in loaded.iter().filter(|one| !quiet || !one.report.is_valid) {
        match verb.short {
            true => context.output.text(&one.lines(quiet))?,
            false => context.output.drawing(&one.drawn(canvas, quiet))?,
        }
        context.output.lines(&one.verdict())?;
        // What is drawn of the next file begins like a verdict.
        if !verb.short && loaded.len() > 1 && !one.report.findings.is_empty() {
            context.output.text("\n")?;
        }
    }
    let valid = loaded.iter().filter(|one| one.report.is_valid).count();
    if loaded.len() > 1 && (!quiet || valid < loaded.len()) {
        let files = count(loaded.len(), "file");
        let mut words = vec![format!("{valid} valid, {} invalid", loaded.len() - valid)];
        words.extend(numbers(loaded.iter().map(|one| &one.report)));
        context.output.lines(&format!("{files}: {}", words.join(", ")))?;
    }
    Ok(())
}

/// Reads all files; every one that cannot be read is named.
fn documents(verb: &ValidateVerb, context: &Context) -> Result<Vec<Document>, Failure> {
    let sources: Vec<Source> = verb.files.iter().map(|file| Source::new(file)).collect();
    if sources.iter().filter(|source| **source == Source::Stdin).count() > 1 {
        return Err(Failure::usage_message("cannot read stdin twice: `-` is given twice"));
    }
    let mut documents = Vec::with_capacity(sources.len());
    let mut last = None;
    for source in &sources {
        match Document::read(source, verb.format.map(Into::into)) {
            Ok(document) => documents.push(document),
            Err(failure) => {
                if let Some(earlier) = last.replace(failure) {
                    context.console.fail(&earlier);
                }
            }
        }
    }
    last.map_or(Ok(documents), Err)
}
