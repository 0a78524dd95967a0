//! Tools that depend on their arguments only.

mod assert;
mod echo;
mod query_json;
mod query_work;
mod sleep;

pub use assert::Assert;
pub use echo::Echo;
pub use query_json::QueryJson;
pub use sleep::Sleep;
