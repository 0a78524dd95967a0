//! Where configuration files lie, and the database.

use std::path::{Path, PathBuf};

use super::origin::Origin;
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
pub(crate) enum Owner {
    /// The user's own.
    User,
    /// The project's: it came with a checkout.
    Project,
    /// Named on the command line.
    Named,
}

/// A place where a configuration file may lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file.
    pub(crate) path: PathBuf,
    /// Whose it is: `named`, `project` or `user`.
    pub(crate) owner: Owner,
    /// What is done with it.
    pub(crate) fate: Fate,
}

/// What is done with a place where a configuration file may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The file is read.
    Read,
    /// There is no file.
    Missing,
    /// There is a file, and one that wins over it as a whole.
    PassedOver,
}

/// Every place that is looked at, the one that wins over the others first.
pub(crate) fn places(surroundings: &Surroundings) -> Vec<Place> {
    let place = |path: PathBuf, owner, is_wanted: bool| {
        let fate = match (is_wanted, path.exists()) {
            (_, false) => Fate::Missing,
            (true, true) => Fate::Read,
            (false, true) => Fate::PassedOver,
        };
        Place { path, owner, fate }
    };
    let mut places = Vec::new();
    let mut is_wanted = true;
    if let Some(path) = &surroundings.file {
        places.push(place(path.clone(), Owner::Named, true));
        is_wanted = false;
    }
    for path in of_project(&surroundings.directory) {
        let place = place(path, Owner::Project, is_wanted);
        is_wanted &= place.fate != Fate::Read;
        places.push(place);
    }
    places.extend(user(surroundings).map(|path| place(path, Owner::User, true)));
    places
}

/// The files to read, the one that yields to the other first. One that was named is among them
/// also where there is none.
pub(super) fn files(surroundings: &Surroundings) -> Vec<Found> {
    let is_read = |place: &Place| place.fate == Fate::Read || place.owner == Owner::Named;
    let name = |path: &Path| shown(path, &surroundings.directory);
    let found =
        |place: Place| Found { name: name(&place.path), path: place.path, owner: place.owner };
    places(surroundings).into_iter().rev().filter(is_read).map(found).collect()
}

/// `$XDG_CONFIG_HOME/pe/config.toml`, else the same in `~/.config`.
fn user(surroundings: &Surroundings) -> Option<PathBuf> {
    let folder = base(surroundings, "XDG_CONFIG_HOME", ".config")?;
    Some(folder.join("pe").join("config.toml"))
}

/// `--db`, else `PE_DB`, else `pe/pe.db` in `$XDG_DATA_HOME` or `~/.local/share`.
pub(super) fn database(surroundings: &Surroundings) -> (Option<PathBuf>, Origin) {
    let named = surroundings.environment.get(DATABASE).filter(|path| !path.is_empty());
    if let Some(path) = &surroundings.database {
        (Some(path.clone()), Origin::Flag("--db"))
    } else if let Some(path) = named {
        (Some(PathBuf::from(path)), Origin::Variable(DATABASE.to_owned()))
    } else {
        let folder = base(surroundings, "XDG_DATA_HOME", ".local/share");
        (folder.map(|folder| folder.join("pe/pe.db")), Origin::Default)
    }
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

/// Where a `.pe/config.toml` may lie, the nearest first: upwards to the root of the git
/// repository. Outside of a repository only the directory itself is looked at: what lies above
/// is nobody's project.
fn of_project(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let root = directory.ancestors().find(|folder| folder.join(".git").exists());
    let root = root.unwrap_or(directory);
    directory
        .ancestors()
        .take_while(move |folder| folder.starts_with(root))
        .map(|folder| folder.join(".pe").join("config.toml"))
}
