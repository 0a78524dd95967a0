//! What an operator allows: which calls need no question, and what their effects are.

use pe_model::{Effect, JsonMap, ToolSet};

/// A tool name or the first words of a command line, allowed without a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowRule {
    words: Vec<String>,
    effect: Option<Effect>,
}

/// Why a text is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an allow rule must not be empty; write a tool name or the first words of a command, such as `git log`"
)]
pub struct PolicyError;

impl AllowRule {
    /// Reads a rule: words separated by blanks.
    ///
    /// # Errors
    /// When there is no word.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        if words.is_empty() {
            return Err(PolicyError);
        }
        Ok(Self { words, effect: None })
    }

    /// States the effect class of the calls that the rule matches.
    pub fn with_effect(mut self, effect: Effect) -> Self {
        self.effect = Some(effect);
        self
    }

    /// A rule of one word matches the tool of that name; any rule matches the command lines
    /// that begin with its words, whole words compared.
    fn matches(&self, tool: &str, argv: Option<&[String]>) -> bool {
        let names_tool = self.words.len() == 1 && self.words[0] == tool;
        names_tool || argv.is_some_and(|argv| argv.starts_with(&self.words))
    }
}

/// The operator's rules. By default nothing that asks for consent is allowed.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    rules: Vec<AllowRule>,
    everything: bool,
}

impl Policy {
    /// Adds a rule.
    pub fn allow(mut self, rule: AllowRule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Allows every call and every step that asks for approval.
    pub fn allow_everything(mut self) -> Self {
        self.everything = true;
        self
    }
}

/// What is known about a call before it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRule {
    /// The version of the tool, where it has one.
    pub tool_version: String,
    /// How often the call may be made.
    pub effect: Effect,
    /// Whether the tool asks for an operator's consent.
    pub needs_consent: bool,
    /// Whether the operator has allowed the call beforehand.
    pub allowed: bool,
    /// The resource that the call holds alone while it runs.
    pub resource: Option<String>,
}

/// Where the scheduler learns about calls. Pure: the same call gives the same rule.
pub trait CallRules: Send + Sync {
    /// What is known about a call; `None` when there is no such tool.
    fn judge(&self, tool: &str, arguments: &JsonMap) -> Option<CallRule>;

    /// Whether calls of this tool may need consent at all.
    fn may_need_consent(&self, tool: &str) -> bool;

    /// Bounds an attempt of a step that does not say otherwise, in milliseconds; `None`: the
    /// configuration does.
    fn timeout_ms(&self, tool: &str) -> Option<u64> {
        let _ = tool;
        None
    }
}

/// The rules that a set of tools and an operator's policy give together.
#[derive(Debug, Clone)]
pub struct ToolRules {
    tools: ToolSet,
    policy: Policy,
}

impl ToolRules {
    /// Combines tools and policy.
    pub fn new(tools: ToolSet, policy: Policy) -> Self {
        Self { tools, policy }
    }
}

impl CallRules for ToolRules {
    fn judge(&self, tool: &str, arguments: &JsonMap) -> Option<CallRule> {
        let found = self.tools.get(tool)?;
        let spec = found.spec();
        let argv = found.argv(arguments);
        let matching =
            || self.policy.rules.iter().filter(|rule| rule.matches(tool, argv.as_deref()));
        // The longest rule that states an effect is the most specific one.
        let stated = matching().filter(|rule| rule.effect.is_some()).max_by_key(|r| r.words.len());
        Some(CallRule {
            tool_version: spec.version.clone(),
            effect: stated.and_then(|rule| rule.effect).unwrap_or_else(|| found.effect(arguments)),
            needs_consent: spec.consent,
            allowed: self.policy.everything || matching().next().is_some(),
            resource: (!spec.concurrent)
                .then(|| spec.resource.clone().unwrap_or_else(|| spec.name.clone())),
        })
    }

    fn may_need_consent(&self, tool: &str) -> bool {
        !self.policy.everything && self.tools.get(tool).is_some_and(|tool| tool.spec().consent)
    }

    fn timeout_ms(&self, tool: &str) -> Option<u64> {
        self.tools.get(tool)?.spec().timeout_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: &str, tool: &str, argv: Option<&[&str]>, expected: bool) {
        let argv: Option<Vec<String>> =
            argv.map(|words| words.iter().map(|word| (*word).to_owned()).collect());
        let rule = AllowRule::parse(rule).unwrap();
        assert_eq!(rule.matches(tool, argv.as_deref()), expected, "{rule:?} {tool} {argv:?}");
    }

    #[test]
    fn rules_match_tools_or_whole_leading_words() {
        check("write_file", "write_file", None, true);
        check("write_file", "read_file", None, false);
        check("git log", "run_command", Some(&["git", "log", "-1"]), true);
        check("git  log", "run_command", Some(&["git", "log"]), true);
        check("git log", "run_command", Some(&["git", "logout"]), false);
        check("git log", "run_command", Some(&["git"]), false);
        check("git", "run_command", Some(&["git", "push"]), true);
        check("git", "run_command", Some(&["gitk"]), false);
        check("run_command", "run_command", Some(&["rm"]), true);
        assert_eq!(AllowRule::parse("  "), Err(PolicyError));
    }
}
