//! Findings: what is wrong, where, how severe, and the next move.

use std::fmt;

use pe_model::{StepId, Strictness};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much a finding matters.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The plan will not be executed.
    Error,
    /// The plan can be executed and probably should be changed.
    Warning,
    /// Nothing is wrong; the plan could say the same with less. No strictness changes it.
    Hint,
}

impl Severity {
    /// All severities, the worst first.
    pub const ALL: &'static [Self] = &[Self::Error, Self::Warning, Self::Hint];

    /// The word for it: `error`, `warning`, `hint`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Hint => "hint",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What kind of harm a finding does; with the strictness it gives the severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    /// Makes execution impossible: an error under every strictness.
    Impossible,
    /// Makes a step fail, or do something else than it says: a warning when lenient.
    Unsound,
    /// Could be better: an error only when strict.
    Quality,
    /// Could be shorter: a hint under every strictness.
    Advice,
}

impl Harm {
    pub(crate) fn severity(self, strictness: Strictness) -> Severity {
        match (self, strictness) {
            (Self::Advice, _) => Severity::Hint,
            (Self::Impossible, _) | (_, Strictness::Strict) => Severity::Error,
            (Self::Unsound, Strictness::Moderate) => Severity::Error,
            (Self::Unsound, Strictness::Lenient) | (Self::Quality, _) => Severity::Warning,
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $harm:ident;)*) => {
        /// The stable code of a finding; `docs/findings.md` has an entry for each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $code)] $name,)*
        }

        impl Code {
            /// All codes, ascending.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The code as it is written, `PE001` and so on.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            pub(crate) fn harm(self) -> Harm {
                match self { $(Self::$name => Harm::$harm),* }
            }
        }
    };
}

codes! {
    /// The file is not a plan in JSON or YAML.
    Unreadable = "PE001", Impossible;
    /// A field holds a value of the wrong type.
    WrongType = "PE002", Impossible;
    /// A field that plans do not have.
    UnknownField = "PE003", Quality;
    /// The file was written in a newer format.
    NewerFormat = "PE004", Impossible;
    /// The plan has no steps.
    NoSteps = "PE010", Impossible;
    /// A step has no id.
    BlankId = "PE011", Impossible;
    /// Two steps share an id.
    DuplicateId = "PE012", Impossible;
    /// A dependency names a step that the plan does not define.
    UnknownDependency = "PE013", Impossible;
    /// A step depends on itself.
    SelfDependency = "PE014", Impossible;
    /// Steps wait for each other in a circle.
    Cycle = "PE015", Impossible;
    /// A fallback names no step, an unknown one, or itself.
    FallbackTarget = "PE016", Impossible;
    /// A field that the step's type needs is missing.
    MissingField = "PE017", Impossible;
    /// A value lies outside what is allowed.
    OutOfRange = "PE018", Impossible;
    /// A field that changes behaviour belongs to another step type and would be ignored.
    ForeignField = "PE019", Unsound;
    /// A field belongs to another step type or form and has no effect.
    IdleField = "PE020", Quality;
    /// The same dependency is listed twice.
    RepeatedDependency = "PE021", Quality;
    /// An expression or template is not in the language.
    BadExpression = "PE030", Impossible;
    /// An expression reads a step that the plan does not define.
    UnknownReference = "PE031", Impossible;
    /// A step reads its own result.
    SelfReference = "PE032", Impossible;
    /// An expression reads a variable that is not there at that place.
    UnknownVariable = "PE033", Unsound;
    /// An expression reads a field that the producing tool's output does not have.
    UnknownOutput = "PE034", Quality;
    /// The condition can never be true: the step never runs.
    Unreachable = "PE035", Quality;
    /// An expression gives a kind of value that its place does not take.
    WrongKind = "PE036", Quality;
    /// An expression reads a fallback, which has no result unless it was needed.
    ReadsFallback = "PE037", Quality;
    /// The catalog has no such tool.
    MissingTool = "PE040", Unsound;
    /// A parameter that the tool requires is missing.
    MissingParameter = "PE041", Unsound;
    /// A parameter that the tool does not have.
    UnknownParameter = "PE042", Quality;
    /// A parameter's value does not fit the tool's schema.
    ParameterMismatch = "PE043", Unsound;
    /// The tool's own schema is not a JSON Schema; its parameters were not checked.
    BadToolSchema = "PE044", Quality;
    /// The plan has more steps than the limit.
    TooManySteps = "PE050", Unsound;
    /// The longest path has more steps than the limit.
    TooDeep = "PE051", Quality;
    /// A step asks for more retries than the limit.
    TooManyRetries = "PE052", Impossible;
    /// Two steps make the same call.
    DuplicateCall = "PE060", Quality;
    /// Much of the plan hangs on one call that nothing stands in for.
    RiskyStep = "PE061", Quality;
    /// A step changes nothing, and nobody reads its result.
    UnreadResult = "PE062", Quality;
    /// Steps wait for each other in a chain and need not.
    NeedlessChain = "PE063", Quality;
    /// A stated dependency that no data and no ordering needs.
    NeedlessDependency = "PE064", Advice;
    /// There is more of the same kind than is listed.
    More = "PE090", Quality;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One thing that is wrong with a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The stable code.
    pub code: Code,
    /// How much it matters under the strictness in force.
    pub severity: Severity,
    /// What was found, on which object.
    pub message: String,
    /// JSON pointer into the plan file; empty for the whole.
    pub pointer: String,
    /// The step, where there is one.
    pub step_id: Option<StepId>,
    /// Line in the file in which the fault begins, from 1, when a file was read.
    pub line: Option<usize>,
    /// Column in that line, in characters from 1, when a file was read.
    pub column: Option<usize>,
    /// Line in which the fault ends; present where `line` is.
    pub end_line: Option<usize>,
    /// Column of the first character after the fault, from 1; present where `column` is. It
    /// equals `column` where there is nothing to mark, as at the end of a file.
    pub end_column: Option<usize>,
    /// The next move, where one is known.
    pub suggestion: Option<String>,
}

impl Finding {
    /// The place in the plan of the step that the pointer leads into.
    pub fn place(&self) -> Option<usize> {
        crate::check::place_of(&self.pointer)
    }

    /// One line for people: `file:line:column: error[PE013]: …`.
    pub fn render(&self, file: &str) -> String {
        let place = match (self.line, self.column) {
            (Some(line), Some(column)) => format!("{file}:{line}:{column}"),
            _ => file.to_owned(),
        };
        let suggestion = self.suggestion.as_deref().map(|suggestion| format!("; {suggestion}"));
        let (severity, code, message) = (self.severity, self.code, &self.message);
        format!("{place}: {severity}[{code}]: {message}{}", suggestion.unwrap_or_default())
    }
}
