//! The tools that need a model or a person.

use pe_model::{Catalog, ToolSet};

mod ask_user;
mod llm;

pub(crate) use ask_user::AskUser;
pub use ask_user::{Person, Question};
pub(crate) use llm::Llm;

/// The catalog of these tools together with `llm` and `ask_user`, which an orchestrator adds.
pub fn catalog(tools: &ToolSet) -> Catalog {
    let own = tools.iter().map(|tool| tool.spec().clone());
    let added = [Llm::described(), AskUser::described()].into_iter();
    own.chain(added.filter(|spec| tools.get(&spec.name).is_none()).cloned()).collect()
}

/// The name of the tool that asks the model.
pub const LLM: &str = "llm";

/// The name of the tool that asks a person.
pub const ASK_USER: &str = "ask_user";
