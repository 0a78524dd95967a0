//! A run as one JSON document, to be kept or brought elsewhere.
//!
//! Nothing is written before everything has been checked: formats, gaps, sizes, and that the
//! events fold into a state.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use pe_model::{EVENT_FORMAT, Plan, RunId, RunState};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use crate::event_log::{self, RecordedEvent};
use crate::ledger::{self, Author, Batch, Trouble};
use crate::memo::{Known, Memo};
use crate::record::{DEEPEST, decode_within, encode};
use crate::store::Failure;
use crate::{
    ModelCall, PlanVersion, Redaction, RunSummary, SqliteStore, StoreError, history, model_calls,
    stack, versions,
};

/// The version of the document that this program writes.
pub const EXPORT_FORMAT: u32 = 1;

/// How deep a document may be nested: what surrounds an event, a plan or a call to a model
/// adds to their own depth.
const DEEPEST_DOCUMENT: usize = DEEPEST + 8;

/// A run with everything that belongs to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportedRun {
    /// The version of this format.
    pub format: u32,
    /// The run's row.
    pub run: RunSummary,
    /// The versions of its plan.
    pub plan_versions: Vec<ExportedVersion>,
    /// Its events, from the first one on.
    pub events: Vec<RecordedEvent>,
    /// Its calls to models.
    pub model_calls: Vec<ModelCall>,
}

/// A version of a plan with its text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportedVersion {
    /// How it came about.
    pub version: PlanVersion,
    /// What it says.
    pub plan: Plan,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Imported {
    /// The run was written.
    Added {
        /// What it is called here.
        name: String,
    },
    /// The same run with the same events was here before; nothing was written.
    Identical {
        /// What it is called here.
        name: String,
    },
}

impl ExportedRun {
    /// Reads a document: whatever was exported, however deep its values are nested.
    ///
    /// # Errors
    /// [`StoreError::Invalid`]: it is newer than this program, nested deeper than anything that
    /// is exported, or it is none.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        stack::with_room(|| Self::read(text)).map_err(|error| invalid(error.to_string()))?
    }

    fn read(text: &str) -> Result<Self, StoreError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let head: Head = decode_within(text, DEEPEST_DOCUMENT).map_err(invalid)?;
        check_format(head.format)?;
        decode_within(text, DEEPEST_DOCUMENT).map_err(invalid)
    }

    /// The state that the events fold into, once everything has been checked.
    fn check(&self) -> Result<RunState, StoreError> {
        check_format(self.format)?;
        let run_id = &self.run.run_id;
        for (expected, recorded) in self.events.iter().enumerate() {
            let event = &recorded.event;
            if event.format > EVENT_FORMAT {
                let (seq, found) = (event.seq, event.format);
                return Err(invalid(format!(
                    "event {seq} has format {found}, newer than {EVENT_FORMAT}; use a newer program"
                )));
            }
            if event.seq != expected as u64 || expected > u32::MAX as usize {
                return Err(invalid(format!(
                    "event {} stands where {expected} is next",
                    event.seq
                )));
            }
            if event.run_id != *run_id {
                return Err(invalid(format!("event {expected} is of run {}", event.run_id)));
            }
        }
        let folded = RunState::fold(self.events.iter().map(|recorded| &recorded.event))
            .map_err(|error| invalid(error.to_string()))?;
        folded.ok_or_else(|| invalid("it has no events".to_owned()))
    }
}

fn check_format(found: u32) -> Result<(), StoreError> {
    if (1..=EXPORT_FORMAT).contains(&found) {
        return Ok(());
    }
    Err(invalid(format!(
        "it has format {found}, this program knows up to {EXPORT_FORMAT}; use a newer program"
    )))
}

fn invalid(problem: String) -> StoreError {
    StoreError::Invalid { attempted: "read an exported run".to_owned(), problem }
}

/// A run without its secrets, which still holds together.
fn redacted(whole: &ExportedRun, redaction: &Redaction) -> Result<ExportedRun, StoreError> {
    let made_of = |problem: String| StoreError::Invalid {
        attempted: "export a run without its secrets".to_owned(),
        problem: format!("a secret is part of what the run is made of ({problem})"),
    };
    let document = serde_json::to_value(whole).map_err(|error| made_of(error.to_string()))?;
    let without = |redaction: &Redaction| -> Result<ExportedRun, StoreError> {
        let mut document = document.clone();
        redaction.replace(&mut document);
        let clean =
            ExportedRun::deserialize(document).map_err(|error| made_of(error.to_string()))?;
        clean.check().map(|_| clean)
    };
    let mut learnt = redaction.learn(&document);
    let clean = without(&redaction.and(learnt.clone()));
    if clean.is_ok() || learnt.is_empty() {
        return clean;
    }
    // A word of the format itself, which stands in every document, is no secret to anybody.
    learnt.retain(|value| without(&redaction.and([value.clone()])).is_ok());
    without(&redaction.and(learnt))
}

impl SqliteStore {
    /// A run with everything that belongs to it, without the secrets that are named.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Corrupt`], [`StoreError::Invalid`] where a run
    /// makes no sense any more without its secrets, or another when it cannot be read.
    pub fn export(&self, run_id: &RunId, redaction: &Redaction) -> Result<ExportedRun, StoreError> {
        stack::with_room(|| self.export_here(run_id, redaction))
            .map_err(StoreError::io("read", self.path()))?
    }

    fn export_here(
        &self,
        run_id: &RunId,
        redaction: &Redaction,
    ) -> Result<ExportedRun, StoreError> {
        let mut run = self.run(run_id)?;
        run.is_live = false;
        run.session_id = None;
        let exported = self.read("export a run", |connection| {
            let listed = versions::list(connection, &run.plan_id)?;
            let plans = listed.into_iter().map(|version| {
                let plan =
                    versions::read_plan(connection, &version.plan_id, Some(version.version))?;
                Ok(ExportedVersion { version, plan })
            });
            Ok(ExportedRun {
                format: EXPORT_FORMAT,
                plan_versions: plans.collect::<Result<_, Failure>>()?,
                events: event_log::load(connection, run_id)?,
                model_calls: model_calls::list(connection, history::key(connection, run_id)?)?,
                run,
            })
        })?;
        redacted(&exported, redaction)
    }

    /// Writes an exported run, under its name where that is free.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when the document does not hold together,
    /// [`StoreError::Exists`] when there is another run of the same id, or another error when
    /// it cannot be written. Nothing has been written then.
    pub fn import(&self, exported: ExportedRun) -> Result<Imported, StoreError> {
        let state = exported.check()?;
        let run_id = exported.run.run_id.clone();
        match self.run(&run_id) {
            Ok(here) if self.recorded_events(&run_id)? == exported.events => {
                return Ok(Imported::Identical { name: here.name });
            }
            Ok(here) => {
                return Err(StoreError::Exists {
                    attempted: format!("import run {run_id}"),
                    existing: format!("another run of this id, {},", here.name),
                });
            }
            Err(StoreError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        let epoch = state.epoch.max(exported.run.epoch);
        let mut batches = Vec::with_capacity(exported.events.len());
        for recorded in exported.events {
            let events = vec![recorded.event];
            let (text, records) = encode(&events).map_err(invalid)?;
            let batch = Batch { run_id: run_id.clone(), events, text, records };
            batches.push((recorded.recorded_at.as_millisecond(), batch));
        }
        let (run, plans, calls) = (exported.run, exported.plan_versions, exported.model_calls);
        self.write("import a run", move |connection| {
            for ExportedVersion { version, plan } in &plans {
                versions::adopt(connection, version, plan)?;
            }
            let mut memo = Memo::new(epoch, Arc::new(AtomicBool::new(true)), Known::Nothing);
            for (now_ms, batch) in &batches {
                let author = Author { owner: &run.owner, now_ms: *now_ms, imports: true };
                ledger::write(connection, &mut memo, batch, author).map_err(failure)?;
            }
            ledger::catch_up(connection, &mut memo, &run_id).map_err(failure)?;
            let key = history::key(connection, &run_id)?;
            for call in &calls {
                model_calls::add(connection, key, call)?;
            }
            name(connection, key, &run.name)
        })
        .map(|name| Imported::Added { name })
    }
}

/// Marks the run as imported and gives it its name, where that is free.
fn name(connection: &Connection, key: i64, wanted: &str) -> Result<String, Failure> {
    connection.execute("UPDATE runs SET imported = 1 WHERE key = ?1", [key])?;
    if !wanted.is_empty() {
        let sql = "UPDATE OR IGNORE runs SET name = ?2 WHERE key = ?1";
        connection.execute(sql, params![key, wanted])?;
    }
    let sql = "SELECT name FROM runs WHERE key = ?1";
    Ok(connection.query_row(sql, [key], |row| row.get(0))?)
}

fn failure(trouble: Trouble) -> Failure {
    match trouble {
        Trouble::Refused(error) => Failure::Store(error.into()),
        Trouble::Failed(error) => Failure::Sql(error),
    }
}
