//! Plan versions: append-only, each with its parent, what changed and why.
//!
//! A plan's text is kept once, by its hash; going back to an old version writes a new one.

use jiff::Timestamp;
use pe_model::{Plan, PlanId, RevisionCause};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::{now_ms, timestamp};
use crate::record::{decode, hash};
use crate::store::Failure;
use crate::{SqliteStore, StoreError};

/// One version of a plan, without its text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanVersion {
    /// The plan.
    pub plan_id: PlanId,
    /// Counts the versions, from 1.
    pub version: u32,
    /// The version that this one was made from.
    pub parent_version: Option<u32>,
    /// The plan that this one was forked from.
    pub parent_plan: Option<PlanId>,
    /// What was asked to change, where it was said.
    pub patch: Option<Value>,
    /// Why there is this version.
    pub reason: String,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// The SHA-256 of the definition: the same for the same steps, goal and context.
    pub digest: String,
}

/// The highest number that a plan may bring along: there has to be room above.
const HIGHEST_OWN: u32 = 1_000_000_000;

/// How a new version came about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change<'a> {
    pub(crate) parent_version: Option<u32>,
    pub(crate) patch: Option<&'a Value>,
    pub(crate) reason: &'a str,
    /// No run made it: its plan outlives its runs.
    pub(crate) by_hand: bool,
}

/// The cause as the reason of a version.
pub(crate) fn cause_name(cause: RevisionCause) -> &'static str {
    match cause {
        RevisionCause::Adaptation => "adapted",
        RevisionCause::Extension => "extended",
        RevisionCause::Edit => "edited",
    }
}

/// Keeps a long text, once.
pub(crate) fn keep(connection: &Connection, hash: &str, content: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO blobs (hash, content) VALUES (?1, ?2)")?
        .execute([hash, content])
        .map(drop)
}

/// The version that has the plan's definition; a new one where none has.
pub(crate) fn find_or_add(
    connection: &Connection,
    plan_id: &PlanId,
    plan: &Plan,
    now_ms: i64,
) -> rusqlite::Result<u32> {
    let digest = digest(plan);
    let same: Option<u32> = connection.query_row(
        "SELECT max(version) FROM plan_versions WHERE plan_id = ?1 AND digest = ?2",
        [plan_id.as_str(), &digest],
        |row| row.get(0),
    )?;
    if let Some(version) = same {
        return Ok(version);
    }
    let parent_version = last(connection, plan_id)?;
    let reason = if parent_version.is_none() { "first" } else { "edited" };
    add(
        connection,
        plan_id,
        plan,
        Change { parent_version, patch: None, reason, by_hand: false },
        now_ms,
    )
}

/// Appends a version: the next number, or the plan's own when that is larger.
pub(crate) fn add(
    connection: &Connection,
    plan_id: &PlanId,
    plan: &Plan,
    change: Change<'_>,
    now_ms: i64,
) -> rusqlite::Result<u32> {
    let own = if plan.version <= HIGHEST_OWN { plan.version } else { 1 };
    let version = last(connection, plan_id)?.map_or(1, |last| last + 1).max(own);
    insert(connection, plan_id, version, plan, change, now_ms)?;
    Ok(version)
}

fn insert(
    connection: &Connection,
    plan_id: &PlanId,
    version: u32,
    plan: &Plan,
    change: Change<'_>,
    now_ms: i64,
) -> rusqlite::Result<()> {
    let content = serde_json::to_string(&plan.definition()).unwrap_or_default();
    let content_hash = hash(content.as_bytes());
    keep(connection, &content_hash, &content)?;
    connection.execute(
        "INSERT INTO plans (plan_id, goal, created_at, changed_at) VALUES (?1, ?2, ?3, ?3)
        ON CONFLICT (plan_id) DO UPDATE SET goal = excluded.goal, changed_at = excluded.changed_at",
        params![plan_id.as_str(), plan.goal, now_ms],
    )?;
    connection.execute(
        "INSERT INTO plan_versions (plan_id, version, parent_version, parent_plan, patch, reason,
            created_at, digest, content, by_hand)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            plan_id.as_str(),
            version,
            change.parent_version,
            plan.parent.as_ref().map(PlanId::as_str),
            change.patch.map(Value::to_string),
            change.reason,
            now_ms,
            digest(plan),
            content_hash,
            change.by_hand,
        ],
    )?;
    Ok(())
}

/// The newest version of a plan.
fn last(connection: &Connection, plan_id: &PlanId) -> rusqlite::Result<Option<u32>> {
    let sql = "SELECT max(version) FROM plan_versions WHERE plan_id = ?1";
    connection.query_row(sql, [plan_id.as_str()], |row| row.get(0))
}

/// Whether a plan goes with its last run: no run made its newest version otherwise.
pub(crate) fn goes_with_runs(connection: &Connection, plan_id: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT by_hand FROM plan_versions WHERE plan_id = ?1 ORDER BY version DESC LIMIT 1";
    let by_hand: Option<bool> =
        connection.prepare_cached(sql)?.query_row([plan_id], |row| row.get(0)).optional()?;
    Ok(by_hand != Some(true))
}

/// The hash of what the plan does: names, versions and times left out.
fn digest(plan: &Plan) -> String {
    let mut bare = plan.definition();
    bare.plan_id = None;
    bare.version = 1;
    bare.parent = None;
    bare.created_at = None;
    bare.modified_at = None;
    hash(&serde_json::to_vec(&bare).unwrap_or_default())
}

const COLUMNS: &str = "SELECT plan_id, version, parent_version, parent_plan, patch, reason,
    created_at, digest FROM plan_versions";

fn read(row: &Row<'_>) -> rusqlite::Result<PlanVersion> {
    let patch: Option<String> = row.get(4)?;
    Ok(PlanVersion {
        plan_id: PlanId::new(row.get::<_, String>(0)?),
        version: row.get(1)?,
        parent_version: row.get(2)?,
        parent_plan: row.get::<_, Option<String>>(3)?.map(PlanId::new),
        patch: patch.and_then(|patch| decode(&patch).ok()),
        reason: row.get(5)?,
        created_at: timestamp(row.get(6)?),
        digest: row.get(7)?,
    })
}

/// Appends a version that was recorded elsewhere, unless its number is taken here.
pub(crate) fn adopt(
    connection: &Connection,
    version: &PlanVersion,
    plan: &Plan,
) -> rusqlite::Result<()> {
    let taken = "SELECT 1 FROM plan_versions WHERE plan_id = ?1 AND version = ?2";
    let named = params![version.plan_id.as_str(), version.version];
    if connection.prepare_cached(taken)?.exists(named)? {
        return Ok(());
    }
    let mut plan = plan.clone();
    plan.parent.clone_from(&version.parent_plan);
    let change = Change {
        parent_version: version.parent_version,
        patch: version.patch.as_ref(),
        reason: &version.reason,
        by_hand: false,
    };
    let now_ms = version.created_at.as_millisecond();
    insert(connection, &version.plan_id, version.version, &plan, change, now_ms)
}

/// All versions of a plan, the first one first.
pub(crate) fn list(
    connection: &Connection,
    plan_id: &PlanId,
) -> rusqlite::Result<Vec<PlanVersion>> {
    let mut statement =
        connection.prepare(&format!("{COLUMNS} WHERE plan_id = ?1 ORDER BY version"))?;
    statement.query_map([plan_id.as_str()], read)?.collect()
}

/// A version's plan; the newest version where none is named.
pub(crate) fn read_plan(
    connection: &Connection,
    plan_id: &PlanId,
    version: Option<u32>,
) -> Result<Plan, Failure> {
    let found: Option<(u32, String, String)> = connection
        .query_row(
            "SELECT v.version, b.hash, b.content FROM plan_versions v
            JOIN blobs b ON b.hash = v.content
            WHERE v.plan_id = ?1 AND (?2 IS NULL OR v.version = ?2)
            ORDER BY v.version DESC LIMIT 1",
            params![plan_id.as_str(), version],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()?;
    let Some((found, digest, text)) = found else {
        let named = version.map_or_else(String::new, |version| format!(" version {version}"));
        return Err(Failure::NotFound("plan", format!("{plan_id}{named}")));
    };
    let damaged = |problem| Failure::Corrupt(format!("plan {plan_id} version {found}"), problem);
    if hash(text.as_bytes()) != digest {
        return Err(damaged("its text does not have its hash".to_owned()));
    }
    let mut plan: Plan = decode(&text).map_err(damaged)?;
    plan.plan_id = Some(plan_id.clone());
    plan.version = found;
    Ok(plan)
}

impl SqliteStore {
    /// All versions of a plan, the first one first; none for a plan that is not known.
    ///
    /// # Errors
    /// A [`StoreError`] when the database cannot be read.
    pub fn plan_versions(&self, plan_id: &PlanId) -> Result<Vec<PlanVersion>, StoreError> {
        self.read("list plan versions", |connection| Ok(list(connection, plan_id)?))
    }

    /// A version of a plan, the newest where none is named; its `plan_id` and `version` are
    /// those asked for.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Corrupt`], or another when it cannot be read.
    pub fn plan(&self, plan_id: &PlanId, version: Option<u32>) -> Result<Plan, StoreError> {
        self.read("read a plan", |connection| read_plan(connection, plan_id, version))
    }

    /// Records a plan as a version: an existing one when nothing but names and times differ
    /// from the newest, else the next.
    ///
    /// `parent` is the version that it was made from; the newest where none is named.
    ///
    /// # Errors
    /// A [`StoreError`] when it cannot be written, or when the plan has no `plan_id`.
    pub fn save_version(
        &self,
        plan: &Plan,
        parent: Option<u32>,
        patch: Option<&Value>,
        reason: &str,
    ) -> Result<PlanVersion, StoreError> {
        let Some(plan_id) = plan.plan_id.clone() else {
            return Err(StoreError::Invalid {
                attempted: "save a plan".to_owned(),
                problem: "it has no plan_id".to_owned(),
            });
        };
        let (plan, patch, reason) = (plan.clone(), patch.cloned(), reason.to_owned());
        self.write("save a plan version", move |connection| {
            let newest = last(connection, &plan_id)?;
            let versions = list(connection, &plan_id)?;
            if let Some(same) = versions.last().filter(|last| last.digest == digest(&plan)) {
                return Ok(same.clone());
            }
            let parent_version = parent.or(newest);
            let change =
                Change { parent_version, patch: patch.as_ref(), reason: &reason, by_hand: true };
            let version = add(connection, &plan_id, &plan, change, now_ms())?;
            one(connection, &plan_id, version)
        })
    }

    /// Appends a new version with the content of an old one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such version, or another when it cannot be
    /// written.
    pub fn roll_back(&self, plan_id: &PlanId, to: u32) -> Result<PlanVersion, StoreError> {
        let mut plan = self.plan(plan_id, Some(to))?;
        plan.version = 1;
        let plan_id = plan_id.clone();
        self.write("roll a plan back", move |connection| {
            let reason = format!("rolled back to version {to}");
            let parent_version = last(connection, &plan_id)?;
            let change = Change { parent_version, patch: None, reason: &reason, by_hand: true };
            let version = add(connection, &plan_id, &plan, change, now_ms())?;
            one(connection, &plan_id, version)
        })
    }
}

fn one(connection: &Connection, plan_id: &PlanId, version: u32) -> Result<PlanVersion, Failure> {
    let sql = format!("{COLUMNS} WHERE plan_id = ?1 AND version = ?2");
    Ok(connection.query_row(&sql, params![plan_id.as_str(), version], read)?)
}
