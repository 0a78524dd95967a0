//! A store that never loses a run: SQLite persistence for runs, plans and sessions.
//!
//! [`SqliteStore`] is a [`pe_model::Journal`]: what it acknowledges is committed, one thread
//! commits everything that waits at once, and one process owns a run at a time. The tables
//! that people ask about (runs, plan versions) are written in the same transactions as the events
//! that they follow from; the table of tool calls lags behind while a run is live, whereas
//! [`SqliteStore::tool_calls`] never does.
//!
//! ```
//! use pe_model::Durability;
//! use pe_store::{RunQuery, SqliteStore};
//!
//! let folder = tempfile::tempdir()?;
//! let store = SqliteStore::open(folder.path().join("pe.db"), Durability::Full)?;
//! assert!(store.runs(&RunQuery::default())?.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What is deliberately absent: what a run does next (`pe-exec`), how it is shown
//! (`pe-view`), and where the file is (whoever opens it).

mod error;
mod store;

mod clock;
mod failpoint;
mod fields;
mod lock;
mod log;
mod opening;
mod place;
mod schema;
mod stack;

mod record;

mod attempts;
mod desk;
mod journal;
mod ledger;
mod memo;
mod name;
mod writer;

mod event_log;
mod finding;
mod history;
mod model_calls;
mod requests;
mod sessions;
mod tool_calls;
mod versions;

mod admin;
mod archive;
mod redaction;

pub use admin::{CheckFinding, CheckReport, PruneOptions, PruneReport};
pub use archive::{EXPORT_FORMAT, ExportedRun, ExportedVersion, Imported};
pub use error::StoreError;
pub use event_log::RecordedEvent;
pub use finding::FindError;
pub use history::{RunQuery, RunSummary};
pub use model_calls::ModelCall;
pub use redaction::{REDACTED, Redaction};
pub use requests::RequestId;
pub use sessions::{Message, Session, SessionId};
pub use store::SqliteStore;
pub use tool_calls::ToolCallRecord;
pub use versions::PlanVersion;
