//! Where configuration files lie, and the database.

use std::path::{Path, PathBuf};

use super::{Surroundings, shown};

/// The variable that names the database.
pub(super) const DATABASE: &str = "PE_DB";

/// A configuration file, and how far it is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Where it lies.
    pub(super) path: PathBuf,
    /// Its name for messages.
    pub(super) name: String,
    /// Whose it is.
    pub(super) owner: Owner,
}

/// Whose a configuration file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The user's own.
    User,
    /// The project's: it came with a checkout.
    Project,
    /// Named on the command line.
    Named,
}

/// The files to read, the one that yields to the other first.
pub(super) fn files(surroundings: &Surroundings) -> Vec<Found> {
    let directory = &surroundings.directory;
    let found = |path: PathBuf, owner| Found { name: shown(&path, directory), path, owner };
    let mut files = Vec::new();
    if let Some(path) = user(surroundings).filter(|path| path.exists()) {
        files.push(found(path, Owner::User));
    }
    if let Some(path) = &surroundings.file {
        files.push(found(path.clone(), Owner::Named));
    } else if let Some(path) = project(directory) {
        files.push(found(path, Owner::Project));
    }
    files
}

/// `$XDG_CONFIG_HOME/pe/config.toml`, else the same in `~/.config`.
fn user(surroundings: &Surroundings) -> Option<PathBuf> {
    let folder = base(surroundings, "XDG_CONFIG_HOME", ".config")?;
    Some(folder.join("pe").join("config.toml"))
}

/// `--db`, else `PE_DB`, else `pe/pe.db` in `$XDG_DATA_HOME` or `~/.local/share`.
pub(super) fn database(surroundings: &Surroundings) -> Option<PathBuf> {
    let named = surroundings.environment.get(DATABASE).filter(|path| !path.is_empty());
    let usual = || Some(base(surroundings, "XDG_DATA_HOME", ".local/share")?.join("pe/pe.db"));
    surroundings.database.clone().or_else(|| named.map(PathBuf::from)).or_else(usual)
}

/// A base directory of the XDG specification, which says that a path that is not absolute is
/// to be ignored.
fn base(surroundings: &Surroundings, variable: &str, in_home: &str) -> Option<PathBuf> {
    let absolute = |name: &str| {
        let path = PathBuf::from(surroundings.environment.get(name)?);
        path.is_absolute().then_some(path)
    };
    absolute(variable).or_else(|| Some(absolute("HOME")?.join(in_home)))
}

/// The nearest `.pe/config.toml`, upwards to the root of the git repository. Outside of a
/// repository only the directory itself is looked at: what lies above is nobody's project.
fn project(directory: &Path) -> Option<PathBuf> {
    let root = directory.ancestors().find(|folder| folder.join(".git").exists());
    let root = root.unwrap_or(directory);
    directory
        .ancestors()
        .take_while(|folder| folder.starts_with(root))
        .map(|folder| folder.join(".pe").join("config.toml"))
        .find(|path| path.exists())
}
