//! The history of runs: one row each, listed, searched and found by what people type.

use jiff::Timestamp;
use pe_model::{Plan, PlanId, PlanStatus, RunId, RunState, StepStatus};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use serde::{Deserialize, Serialize};

use crate::clock::timestamp;
use crate::lock::Census;
use crate::memo::Standing;
use crate::store::Failure;
use crate::{SqliteStore, StoreError};

/// One run of the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSummary {
    /// The run.
    pub run_id: RunId,
    /// What people call it.
    pub name: String,
    /// The plan.
    pub plan_id: PlanId,
    /// The plan's version in force.
    pub plan_version: u32,
    /// What the plan is to achieve.
    pub goal: String,
    /// Where the run stood when something was last recorded of it.
    pub status: PlanStatus,
    /// Whether a process owns the run now. A run that is `running` and not live was broken
    /// off and can be resumed.
    pub is_live: bool,
    /// Counts the processes that have owned the run, from 1.
    pub epoch: u64,
    /// The last of them, as in "process 4711".
    pub owner: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When its row was last changed: begin, resume, revision, end.
    pub changed_at: Timestamp,
    /// When it ended, or paused until a person decides.
    pub finished_at: Option<Timestamp>,
    /// How many steps the plan has.
    pub steps_total: u32,
    /// Completed steps, at the end of the run.
    pub steps_completed: Option<u32>,
    /// Failures that nothing recovered, at the end of the run.
    pub steps_failed: Option<u32>,
    /// Skipped steps, at the end of the run.
    pub steps_skipped: Option<u32>,
    /// Failed steps that another one stands in for, at the end of the run.
    pub steps_recovered: Option<u32>,
    /// The run whose finished work this one took over.
    pub from_run: Option<RunId>,
    /// The session that it belongs to.
    pub session_id: Option<i64>,
    /// Whether it was brought here from another database.
    pub imported: bool,
}

/// Which runs are asked for; all of them by default.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunQuery {
    /// Only these statuses; any where empty.
    pub statuses: Vec<PlanStatus>,
    /// Begun then or later.
    pub since: Option<Timestamp>,
    /// Begun before then.
    pub until: Option<Timestamp>,
    /// Occurs in the goal, the name or the plan id, whatever the case of ASCII letters.
    pub text: Option<String>,
    /// Of this plan.
    pub plan_id: Option<PlanId>,
    /// Of this session.
    pub session_id: Option<i64>,
    /// The most to list.
    pub limit: Option<u32>,
}

pub(crate) const COLUMNS: &str = "SELECT run_id, name, plan_id, plan_version, goal, status, epoch,
    owner, started_at, changed_at, finished_at, steps_total, steps_completed, steps_failed,
    steps_skipped, steps_recovered, from_run, session_id, imported FROM runs";

/// A row of [`COLUMNS`].
pub(crate) fn summary(row: &Row<'_>, census: &Census) -> rusqlite::Result<RunSummary> {
    let run_id = RunId::new(row.get::<_, String>(0)?);
    let finished_at: Option<i64> = row.get(10)?;
    Ok(RunSummary {
        is_live: census.is_live(&run_id),
        run_id,
        name: row.get(1)?,
        plan_id: PlanId::new(row.get::<_, String>(2)?),
        plan_version: row.get(3)?,
        goal: row.get(4)?,
        status: status(&row.get::<_, String>(5)?),
        epoch: row.get(6)?,
        owner: row.get(7)?,
        started_at: timestamp(row.get(8)?),
        changed_at: timestamp(row.get(9)?),
        finished_at: finished_at.map(timestamp),
        steps_total: row.get(11)?,
        steps_completed: row.get(12)?,
        steps_failed: row.get(13)?,
        steps_skipped: row.get(14)?,
        steps_recovered: row.get(15)?,
        from_run: row.get::<_, Option<String>>(16)?.map(RunId::new),
        session_id: row.get(17)?,
        imported: row.get(18)?,
    })
}

/// A status as it is written; what is none is a run that has only begun.
fn status(text: &str) -> PlanStatus {
    serde_json::from_value(text.into()).unwrap_or_default()
}

/// The key of a run's rows.
pub(crate) fn key(connection: &Connection, run_id: &RunId) -> Result<i64, Failure> {
    connection
        .prepare_cached("SELECT key FROM runs WHERE run_id = ?1")?
        .query_row([run_id.as_str()], |row| row.get(0))
        .optional()?
        .ok_or_else(|| Failure::NotFound("run", run_id.to_string()))
}

/// The run goes on; how many steps ended how is known again when it ends. Where it ended last
/// stays, as a witness of events that a torn end would lack.
pub(crate) fn set_running(connection: &Connection, key: i64, now_ms: i64) -> rusqlite::Result<()> {
    let sql = "UPDATE runs SET status = 'running', finished_at = NULL, changed_at = ?2,
            steps_completed = NULL, steps_failed = NULL, steps_skipped = NULL,
            steps_recovered = NULL
        WHERE key = ?1";
    connection.execute(sql, [key, now_ms]).map(drop)
}

/// Another version of the plan is in force.
pub(crate) fn set_plan(
    connection: &Connection,
    standing: &Standing,
    plan: &Plan,
    now_ms: i64,
) -> rusqlite::Result<()> {
    let sql = "UPDATE runs SET plan_version = ?2, goal = ?3, steps_total = ?4, changed_at = ?5
        WHERE key = ?1";
    let steps = plan.steps.len();
    connection
        .execute(sql, params![standing.key, standing.plan_version, plan.goal, steps, now_ms])
        .map(drop)
}

/// The run ended or paused.
pub(crate) fn set_finished(
    connection: &Connection,
    standing: &Standing,
    status: PlanStatus,
    seq: u64,
    now_ms: i64,
) -> rusqlite::Result<()> {
    let steps = standing.state.as_ref().map(RunState::steps);
    let count = |status: StepStatus, recovered: bool| {
        steps.map(|steps| {
            let counted = steps.iter().filter(|step| step.status == status);
            counted.filter(|step| step.is_recovered() == recovered).count()
        })
    };
    connection
        .execute(
            "UPDATE runs SET status = ?2, finished_at = ?3, changed_at = ?3, ended_seq = ?4,
                steps_completed = ?5, steps_failed = ?6, steps_skipped = ?7, steps_recovered = ?8
            WHERE key = ?1",
            params![
                standing.key,
                status.as_str(),
                now_ms,
                seq,
                count(StepStatus::Completed, false),
                count(StepStatus::Failed, false),
                count(StepStatus::Skipped, false),
                count(StepStatus::Failed, true),
            ],
        )
        .map(drop)
}

/// Text for `LIKE … ESCAPE '\'` that stands for itself.
pub(crate) fn escape_like(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

impl SqliteStore {
    /// The runs that a query asks for, the newest first.
    ///
    /// # Errors
    /// A [`StoreError`] when the database cannot be read.
    pub fn runs(&self, query: &RunQuery) -> Result<Vec<RunSummary>, StoreError> {
        let mut sql = format!("{COLUMNS} WHERE true");
        let mut values: Vec<Box<dyn ToSql>> = Vec::new();
        let mut add = |condition: &str, value: Box<dyn ToSql>| {
            sql.push_str(condition);
            values.push(value);
        };
        if let Some(since) = query.since {
            add(" AND started_at >= ?", Box::new(since.as_millisecond()));
        }
        if let Some(until) = query.until {
            add(" AND started_at < ?", Box::new(until.as_millisecond()));
        }
        if let Some(plan_id) = &query.plan_id {
            add(" AND plan_id = ?", Box::new(plan_id.to_string()));
        }
        if let Some(session_id) = query.session_id {
            add(" AND session_id = ?", Box::new(session_id));
        }
        if let Some(text) = &query.text {
            add(
                " AND goal || char(10) || name || char(10) || plan_id LIKE ? ESCAPE '\\'",
                Box::new(format!("%{}%", escape_like(text))),
            );
        }
        if !query.statuses.is_empty() {
            let marks = vec!["?"; query.statuses.len()].join(", ");
            sql.push_str(&format!(" AND status IN ({marks})"));
            for status in &query.statuses {
                values.push(Box::new(status.as_str()));
            }
        }
        sql.push_str(" ORDER BY started_at DESC, key DESC LIMIT ?");
        values.push(Box::new(query.limit.map_or(-1, i64::from)));
        let census = self.census();
        self.read("list runs", |connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let values = rusqlite::params_from_iter(&values);
            let rows = statement.query_map(values, |row| summary(row, &census))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// One run, by its exact id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or another when the database cannot be read.
    pub fn run(&self, run_id: &RunId) -> Result<RunSummary, StoreError> {
        let census = self.census();
        self.read("read a run", |connection| {
            connection
                .prepare_cached(&format!("{COLUMNS} WHERE run_id = ?1"))?
                .query_row([run_id.as_str()], |row| summary(row, &census))
                .optional()?
                .ok_or_else(|| Failure::NotFound("run", run_id.to_string()))
        })
    }
}
