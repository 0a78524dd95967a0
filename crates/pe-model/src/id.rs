//! Ids as newtypes, so that a step id cannot be passed where a run id is meant.
//!
//! Cloning is cheap (shared text): ids travel with every event.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {kind} must not be empty")]
pub struct IdError {
    /// What kind of id was asked for, for example `run id`.
    pub kind: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes any text, blank included: a blank id in a plan file is a finding, not a
            /// failure to read. Use `FromStr` where blank text must be refused.
            pub fn new(text: impl AsRef<str>) -> Self {
                Self(Arc::from(text.as_ref()))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), &*self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                if text.trim().is_empty() {
                    return Err(IdError { kind: $kind });
                }
                Ok(Self::new(text))
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(Self::new)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                schemars::json_schema!({ "type": "string" })
            }
        }
    };
}

id!(
    /// Names a step inside one plan; chosen by the plan's author.
    StepId,
    "step id"
);
id!(
    /// Names a plan; a UUIDv7 unless its author chose one.
    PlanId,
    "plan id"
);
id!(
    /// Names one execution of a plan; a UUIDv7.
    RunId,
    "run id"
);

impl PlanId {
    /// A UUIDv7 from the wall clock (`unix_ms`, milliseconds) and 74 random bits.
    pub fn generate(unix_ms: u64, random: [u8; 10]) -> Self {
        Self::new(uuid_v7(unix_ms, random))
    }
}

impl RunId {
    /// A UUIDv7 from the wall clock (`unix_ms`, milliseconds) and 74 random bits.
    pub fn generate(unix_ms: u64, random: [u8; 10]) -> Self {
        Self::new(uuid_v7(unix_ms, random))
    }
}

fn uuid_v7(unix_ms: u64, random: [u8; 10]) -> String {
    uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_ids_sort_by_time_and_differ_by_chance() {
        let early = RunId::generate(1_000, [9; 10]);
        let late = RunId::generate(2_000, [0; 10]);
        assert!(early < late, "{early} {late}");
        assert_ne!(RunId::generate(1_000, [1; 10]), early);
        assert_eq!(early.as_str().len(), 36);
        assert_eq!(&early.as_str()[14..15], "7", "version nibble");
    }

    #[test]
    fn blank_text_is_no_id() {
        assert_eq!(" ".parse::<StepId>(), Err(IdError { kind: "step id" }));
        assert_eq!("a".parse::<StepId>(), Ok(StepId::new("a")));
        assert_eq!(format!("{:?}", StepId::new("a")), "StepId(\"a\")");
    }
}
