//! Values that servers write in more than one way, read without building a tree.
//!
//! Each of these types reads any JSON. What they keep is never larger than what was sent:
//! a list of a million empty objects is a text of three million bytes and nothing else. Depth
//! is bounded by the JSON reader.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess};

/// A value as text: a string is itself, null is nothing, anything else is its JSON.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Loose {
    pub(super) text: String,
    /// Whether it was a string.
    pub(super) is_string: bool,
}

impl Loose {
    /// The text, if there is some.
    pub(super) fn some(&self) -> Option<&str> {
        (!self.text.is_empty()).then_some(self.text.as_str())
    }

    /// The value as a whole number, whatever it was written as.
    pub(super) fn count(&self) -> Option<u64> {
        let number = self.text.trim();
        number.parse().ok().or_else(|| {
            let number: f64 = number.parse().ok()?;
            (number >= 0.0 && number.fract() == 0.0 && number < 1e15).then_some(number as u64)
        })
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut loose = Self::default();
        let writer = Writer { text: &mut loose.text, is_string: Some(&mut loose.is_string) };
        writer.deserialize(deserializer)?;
        Ok(loose)
    }
}

/// Writes the JSON of what it reads; the outermost string and null as [`Loose`] has them.
struct Writer<'t> {
    text: &'t mut String,
    is_string: Option<&'t mut bool>,
}

impl Writer<'_> {
    fn put(self, value: impl fmt::Display) {
        use fmt::Write as _;
        // Writing to a `String` does not fail.
        let _ = write!(self.text, "{value}");
    }
}

impl<'de> DeserializeSeed<'de> for Writer<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> serde::de::Visitor<'de> for Writer<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        if self.is_string.is_none() {
            self.put("null");
        }
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.put(value);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.put(value);
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.put(value);
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.put(serde_json::Value::from(value));
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        match self.is_string {
            Some(is_string) => {
                *is_string = true;
                self.text.push_str(value);
            }
            None => self.put(serde_json::Value::from(value)),
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.text.push('[');
        let begin = self.text.len();
        loop {
            let end = self.text.len();
            if end > begin {
                self.text.push(',');
            }
            let item = Writer { text: &mut *self.text, is_string: None };
            if items.next_element_seed(item)?.is_none() {
                self.text.truncate(end);
                self.text.push(']');
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        self.text.push('{');
        let mut is_first = true;
        while let Some(key) = entries.next_key::<String>()? {
            if !std::mem::take(&mut is_first) {
                self.text.push(',');
            }
            self.text.push_str(&serde_json::Value::from(key).to_string());
            self.text.push(':');
            entries.next_value_seed(Writer { text: &mut *self.text, is_string: None })?;
        }
        self.text.push('}');
        Ok(())
    }
}

/// What is said: a text, null, or a list of parts whose texts are put together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Spoken(pub(super) String);

impl<'de> Deserialize<'de> for Spoken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut spoken = Self::default();
        Parts(&mut spoken.0).deserialize(deserializer)?;
        Ok(spoken)
    }
}

struct Parts<'t>(&'t mut String);

impl<'de> DeserializeSeed<'de> for Parts<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> serde::de::Visitor<'de> for Parts<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of parts")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.0.push_str(value);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Parts(&mut *self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(key) = entries.next_key::<String>()? {
            // A part of another kind, as in `thinking`, carries its words under another name.
            match key.as_str() {
                "text" => entries.next_value_seed(Parts(&mut *self.0))?,
                _ => entries.next_value::<IgnoredAny>().map(|_| ())?,
            }
        }
        Ok(())
    }
}

/// A list of which at most `MOST` are kept; more is an error. Null is the empty list.
#[derive(Debug, Clone)]
pub(super) struct Few<T, const MOST: usize>(pub(super) Vec<T>);

impl<T, const MOST: usize> Default for Few<T, MOST> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for Few<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T, const MOST: usize>(Vec<T>);
        impl<'de, T: Deserialize<'de>, const MOST: usize> serde::de::Visitor<'de> for Items<T, MOST> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MOST}")
            }

            fn visit_unit<E>(self) -> Result<Vec<T>, E> {
                Ok(self.0)
            }

            fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Vec<T>, A::Error> {
                while let Some(item) = items.next_element()? {
                    if self.0.len() == MOST {
                        return Err(serde::de::Error::custom(format!(
                            "a list of more than {MOST}"
                        )));
                    }
                    self.0.push(item);
                }
                Ok(self.0)
            }
        }
        deserializer.deserialize_any(Items::<T, MOST>(Vec::new())).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loose(json: &str) -> Loose {
        serde_json::from_str(json).expect("JSON")
    }

    #[test]
    fn a_value_is_its_text() {
        let object = r#"{"a":[1,-2,2.5,null,true,"x\"y"],"b":{},"c":[]}"#;
        assert_eq!(loose(object), Loose { text: object.to_owned(), is_string: false });
        let text = Loose { text: "x\"y".to_owned(), is_string: true };
        assert_eq!(loose(r#""x\"y""#), text);
        assert_eq!(loose("null"), Loose::default());
        assert_eq!((loose("12").count(), loose("\"12\"").count()), (Some(12), Some(12)));
        assert_eq!((loose("3.0").count(), loose("-3").count()), (Some(3), None));
    }

    #[test]
    fn what_is_said_is_a_text_or_parts() {
        let check = |json: &str, expected: &str| {
            let spoken: Spoken = serde_json::from_str(json).expect("JSON");
            assert_eq!(spoken.0, expected, "{json}");
        };
        check(r#""a""#, "a");
        check("null", "");
        check(r#"[{"type":"text","text":"a"},{"type":"image","url":"x"},"b"]"#, "ab");
        check(
            r#"[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"text":"a"}]"#,
            "a",
        );
    }

    #[test]
    fn a_long_list_is_refused_before_it_is_kept() {
        assert!(serde_json::from_str::<Few<Loose, 2>>("[1,2]").is_ok());
        assert!(serde_json::from_str::<Few<Loose, 2>>("[1,2,3]").is_err());
        assert!(serde_json::from_str::<Few<Loose, 2>>("null").expect("null").0.is_empty());
    }
}
