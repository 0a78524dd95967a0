//! Finds a run or a plan by what somebody typed.

use pe_model::{PlanId, nearest};
use rusqlite::Connection;

use crate::history::{COLUMNS, RunSummary, escape_like, summary};
use crate::lock::Census;
use crate::{SqliteStore, StoreError};

/// How many candidates an ambiguous text is answered with.
const MOST_CANDIDATES: usize = 10;

/// Why a text did not lead to one run or plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// Nothing is called that.
    #[error("there is no {kind} `{text}`{}", suggest(nearest.as_deref()))]
    NotFound {
        /// What was looked for: `run` or `plan`.
        kind: &'static str,
        /// What was typed.
        text: String,
        /// A name that may have been meant.
        nearest: Option<String>,
    },
    /// Several things are called that; more letters are needed.
    #[error("`{text}` may be any of these {kind}s: {}; type more of one", candidates.join(", "))]
    Ambiguous {
        /// What was looked for: `run` or `plan`.
        kind: &'static str,
        /// What was typed.
        text: String,
        /// The names of those that it may mean, ten at most, the newest first.
        candidates: Vec<String>,
    },
    /// The database could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn suggest(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

impl SqliteStore {
    /// A run by its name, its id, the unique beginning of either, or the word `last`.
    ///
    /// # Errors
    /// [`FindError::Ambiguous`] and [`FindError::NotFound`] name what may have been meant.
    pub fn find_run(&self, text: &str) -> Result<RunSummary, FindError> {
        let text = text.trim();
        let census = self.census();
        let found = self.read("find a run", |connection| {
            if text == "last" {
                return Ok(runs(connection, &census, "true", "", 1)?);
            }
            let exact = runs(connection, &census, "?1 IN (run_id, name)", text, 1)?;
            if !exact.is_empty() || text.is_empty() {
                return Ok(exact);
            }
            let begins = "(run_id LIKE ?1 || '%' ESCAPE '\\' OR name LIKE ?1 || '%' ESCAPE '\\')";
            let begin = escape_like(text);
            Ok(runs(connection, &census, begins, &begin, MOST_CANDIDATES)?)
        })?;
        if found.is_empty() {
            let names = self.names("SELECT name FROM runs ORDER BY started_at DESC LIMIT 10000")?;
            return Err(none("run", text, &names));
        }
        one("run", text, found, |run| format!("{} ({})", run.name, run.run_id))
    }

    /// A plan by its id, or the unique beginning of one.
    ///
    /// # Errors
    /// [`FindError::Ambiguous`] and [`FindError::NotFound`] name what may have been meant.
    pub fn find_plan(&self, text: &str) -> Result<PlanId, FindError> {
        let text = text.trim();
        let found = self.read("find a plan", |connection| {
            let exact = plans(connection, "plan_id = ?1", text)?;
            if !exact.is_empty() || text.is_empty() {
                return Ok(exact);
            }
            Ok(plans(connection, "plan_id LIKE ?1 || '%' ESCAPE '\\'", &escape_like(text))?)
        })?;
        if found.is_empty() {
            let names = self.names("SELECT plan_id FROM plans ORDER BY id DESC LIMIT 10000")?;
            return Err(none("plan", text, &names));
        }
        one("plan", text, found, Clone::clone).map(PlanId::new)
    }

    fn names(&self, sql: &str) -> Result<Vec<String>, StoreError> {
        self.read("list names", |connection| {
            let mut statement = connection.prepare(sql)?;
            let names = statement.query_map([], |row| row.get(0))?;
            Ok(names.collect::<rusqlite::Result<_>>()?)
        })
    }
}

fn runs(
    connection: &Connection,
    census: &Census,
    condition: &str,
    text: &str,
    limit: usize,
) -> rusqlite::Result<Vec<RunSummary>> {
    let sql = format!(
        "{COLUMNS} WHERE {condition} AND ?1 IS NOT NULL ORDER BY started_at DESC, key DESC LIMIT {limit}"
    );
    let mut statement = connection.prepare(&sql)?;
    statement.query_map([text], |row| summary(row, census))?.collect()
}

fn plans(connection: &Connection, condition: &str, text: &str) -> rusqlite::Result<Vec<String>> {
    let sql = format!(
        "SELECT plan_id FROM plans WHERE {condition} ORDER BY id DESC LIMIT {MOST_CANDIDATES}"
    );
    let mut statement = connection.prepare(&sql)?;
    statement.query_map([text], |row| row.get(0))?.collect()
}

fn none(kind: &'static str, text: &str, names: &[String]) -> FindError {
    let nearest = nearest(text, names.iter().map(String::as_str)).map(str::to_owned);
    FindError::NotFound { kind, text: text.to_owned(), nearest }
}

fn one<T>(
    kind: &'static str,
    text: &str,
    mut found: Vec<T>,
    shown: impl Fn(&T) -> String,
) -> Result<T, FindError> {
    if found.len() == 1 {
        return Ok(found.remove(0));
    }
    let candidates = found.iter().map(shown).collect();
    Err(FindError::Ambiguous { kind, text: text.to_owned(), candidates })
}
