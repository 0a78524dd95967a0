//! The tables, as numbered migrations.

use rusqlite::Connection;

/// Marks a file as ours (`PRAGMA application_id`): the letters "PeSt".
pub(crate) const APPLICATION_ID: i32 = 0x5065_5374;

/// The migrations, first to last; a file that holds the first `n` has `user_version` n.
pub(crate) const MIGRATIONS: &[&str] = &[FIRST, SECOND];

const FIRST: &str = "
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    content TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX messages_by_session ON messages (session_id, id);

-- Values that are too long for a row, once each, by the SHA-256 of their text.
CREATE TABLE blobs (
    id INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    content TEXT NOT NULL
) STRICT;

CREATE TABLE plans (
    id INTEGER PRIMARY KEY,
    plan_id TEXT NOT NULL UNIQUE,
    goal TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;
CREATE TABLE plan_versions (
    id INTEGER PRIMARY KEY,
    plan_id TEXT NOT NULL REFERENCES plans (plan_id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    parent_version INTEGER,
    parent_plan TEXT,
    patch TEXT,
    reason TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    digest TEXT NOT NULL,
    content TEXT NOT NULL REFERENCES blobs (hash),
    UNIQUE (plan_id, version)
) STRICT;
CREATE INDEX plan_versions_by_content ON plan_versions (content);

CREATE TABLE runs (
    key INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    plan_id TEXT NOT NULL REFERENCES plans (plan_id),
    plan_version INTEGER NOT NULL,
    goal TEXT NOT NULL,
    status TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    owner TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    finished_at INTEGER,
    ended_seq INTEGER,
    steps_total INTEGER NOT NULL,
    steps_completed INTEGER,
    steps_failed INTEGER,
    steps_skipped INTEGER,
    steps_recovered INTEGER,
    from_run TEXT,
    session_id INTEGER REFERENCES sessions (id) ON DELETE SET NULL,
    imported INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX runs_by_start ON runs (started_at);
CREATE INDEX runs_by_plan ON runs (plan_id);
CREATE INDEX runs_by_session ON runs (session_id) WHERE session_id IS NOT NULL;

-- id = runs.key << 32 | seq. `blobs` names the fields of `payload` that are null there and
-- stand in the table `blobs`; `crc` goes on from the one before.
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    format INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    payload TEXT NOT NULL,
    blobs TEXT,
    crc INTEGER NOT NULL
) STRICT;

-- What the events say about attempts, for whoever looks with another program. The id is that
-- of the event that started it. While a run is live this lags behind by some attempts: rows
-- are written when the run ends or pauses, and after every few dozen attempts.
CREATE TABLE tool_calls (
    id INTEGER PRIMARY KEY,
    step_id TEXT NOT NULL,
    generation INTEGER NOT NULL,
    iteration INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    tool TEXT NOT NULL,
    tool_version TEXT NOT NULL,
    effect TEXT NOT NULL,
    args_digest BLOB NOT NULL,
    started_at INTEGER NOT NULL,
    outcome TEXT,
    ended_seq INTEGER,
    error_class TEXT,
    duration_ms INTEGER
) STRICT;

CREATE TABLE requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_key INTEGER NOT NULL REFERENCES runs (key) ON DELETE CASCADE,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    answered_at INTEGER,
    answer TEXT
) STRICT;
CREATE INDEX requests_open ON requests (run_key, id) WHERE answered_at IS NULL;
CREATE INDEX requests_by_run ON requests (run_key);

CREATE TABLE model_calls (
    id INTEGER PRIMARY KEY,
    run_key INTEGER NOT NULL REFERENCES runs (key) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    purpose TEXT NOT NULL,
    model TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    request_digest TEXT NOT NULL,
    request TEXT NOT NULL REFERENCES blobs (hash),
    response TEXT REFERENCES blobs (hash),
    prompt_tokens INTEGER,
    completion_tokens INTEGER,
    cost_usd REAL,
    started_at INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    error TEXT,
    UNIQUE (run_key, ordinal)
) STRICT;
CREATE INDEX model_calls_by_request ON model_calls (run_key, request_digest);
CREATE INDEX model_calls_by_content ON model_calls (request);
CREATE INDEX model_calls_by_response ON model_calls (response);

-- Not a column of its own: a virtual one is computed with every insert.
CREATE VIEW history AS
SELECT r.name AS run, r.run_id, e.id & 4294967295 AS seq, json_extract(e.payload, '$.type') AS type,
    e.at_ms, datetime(e.recorded_at / 1000.0, 'unixepoch', 'subsec') AS recorded_at, e.payload
FROM events e
JOIN runs r ON r.key = e.id >> 32;

CREATE VIEW calls AS
SELECT r.name AS run, r.run_id, c.id & 4294967295 AS seq, c.step_id, c.generation,
    c.iteration, c.attempt, c.tool, c.tool_version, c.effect, c.outcome, c.error_class,
    c.duration_ms, datetime(c.started_at / 1000.0, 'unixepoch', 'subsec') AS started_at,
    r.run_id || '/' || c.generation || '/' || c.iteration || '/' || c.step_id
        AS idempotency_key,
    json_extract(e.payload, '$.arguments') AS arguments
FROM tool_calls c
JOIN runs r ON r.key = c.id >> 32
LEFT JOIN events e ON e.id = c.id;
";

/// Versions that no run made are told apart; a damaged payload does not end a view.
const SECOND: &str = "
ALTER TABLE plan_versions ADD COLUMN by_hand INTEGER NOT NULL DEFAULT 0;
UPDATE plan_versions SET by_hand = 1 WHERE reason LIKE 'rolled back to version %';

DROP VIEW history;
CREATE VIEW history AS
SELECT r.name AS run, r.run_id, e.id & 4294967295 AS seq,
    CASE WHEN json_valid(e.payload) THEN json_extract(e.payload, '$.type') END AS type,
    e.at_ms, datetime(e.recorded_at / 1000.0, 'unixepoch', 'subsec') AS recorded_at, e.payload
FROM events e
JOIN runs r ON r.key = e.id >> 32;

DROP VIEW calls;
CREATE VIEW calls AS
SELECT r.name AS run, r.run_id, c.id & 4294967295 AS seq, c.step_id, c.generation,
    c.iteration, c.attempt, c.tool, c.tool_version, c.effect, c.outcome, c.error_class,
    c.duration_ms, datetime(c.started_at / 1000.0, 'unixepoch', 'subsec') AS started_at,
    r.run_id || '/' || c.generation || '/' || c.iteration || '/' || c.step_id
        AS idempotency_key,
    CASE WHEN json_valid(e.payload) THEN json_extract(e.payload, '$.arguments') END AS arguments
FROM tool_calls c
JOIN runs r ON r.key = c.id >> 32
LEFT JOIN events e ON e.id = c.id;
";

/// The marks of a file: `application_id`, `user_version`, and how many tables it has.
pub(crate) struct Marks {
    pub(crate) application_id: i32,
    pub(crate) version: u32,
    pub(crate) objects: u32,
}

impl Marks {
    pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        connection.query_row(
            "SELECT (SELECT application_id FROM pragma_application_id),
                (SELECT user_version FROM pragma_user_version),
                (SELECT count(*) FROM sqlite_schema)",
            [],
            |row| {
                Ok(Self { application_id: row.get(0)?, version: row.get(1)?, objects: row.get(2)? })
            },
        )
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.application_id == 0 && self.version == 0 && self.objects == 0
    }
}
