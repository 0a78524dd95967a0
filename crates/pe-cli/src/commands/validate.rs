//! `pe validate`: every finding about one or several plan files.

use serde::Serialize;

use pe_validate::ValidationReport;

use super::Context;
use crate::args::ValidateVerb;
use crate::document::{Document, Source};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::loading::{Loaded, catalog};
use crate::settings::Flags;
use crate::words::printable;

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
        for one in &loaded {
            context.output.text(&printable(&one.report.render(&one.name)))?;
            context.output.lines(&one.verdict())?;
        }
    }
    let valid = loaded.iter().all(|one| one.report.is_valid);
    Ok(if valid { Exit::Success } else { Exit::Invalid })
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
