//! `pe init`: a configuration, a first plan and the schema that an editor holds plans against,
//! written into the current directory.
//!
//! Invariant: nothing that exists is written to, whatever it is.

use std::fs::{DirBuilder, File};
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;

use super::{Context, schema};
use crate::args::InitVerb;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::{Fate, Owner, Surroundings, places};

/// What is written, and where.
fn files() -> anyhow::Result<[(&'static str, String); 3]> {
    let schema = serde_json::to_string_pretty(&schema::plan())? + "\n";
    Ok([
        (".pe/config.toml", include_str!("init/config.toml").to_owned()),
        (".pe/plan.schema.json", schema),
        ("plan.yaml", include_str!("init/plan.yaml").to_owned()),
    ])
}

const NEXT: &str = "\
next: `pe run plan.yaml` runs the plan; it needs no model
next: `pe doctor` says whether a model can be reached, and what to do if not
next: `pe tools` lists what steps can call
";

pub(super) fn run(_: &InitVerb, context: &mut Context) -> Result<Exit, Failure> {
    let surroundings = Surroundings::of_process(&context.global);
    let shadowed = places(&surroundings)
        .into_iter()
        .find(|place| place.owner == Owner::Project && place.fate == Fate::Read);
    let mut said = String::new();
    for (name, text) in files()? {
        let path = Path::new(name);
        let written = write(path, &text).with_context(|| format!("cannot write `{name}`"));
        said += &match written.map_err(Failure::usage)? {
            true => format!("wrote {name}\n"),
            false => format!("{name} is there already; left as it is\n"),
        };
        if let Some(other) = shadowed.as_ref().filter(|_| name.ends_with(".toml"))
            && !same(&other.path, path)
        {
            let other = other.path.display();
            context.console.warn(&format!(
                "in this directory `{name}` is read instead of {other}, from which nothing is \
                 taken over"
            ));
        }
    }
    context.output.text(&(said + NEXT))?;
    Ok(Exit::Success)
}

/// Writes a new file, with its directory; says whether there was none.
fn write(path: &Path, text: &str) -> io::Result<bool> {
    // Also a link that leads nowhere is something that exists.
    if path.symlink_metadata().is_ok() {
        return Ok(false);
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).create(folder)?;
    }
    let mut file = match File::create_new(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        file => file?,
    };
    file.write_all(text.as_bytes()).inspect_err(|_| {
        // Half a file would be taken for one that somebody wrote.
        let _ = std::fs::remove_file(path);
    })?;
    Ok(true)
}

fn same(one: &Path, other: &Path) -> bool {
    let canonical = |path: &Path| path.canonicalize().ok();
    canonical(one).is_some() && canonical(one) == canonical(other)
}
