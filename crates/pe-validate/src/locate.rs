//! Lines and columns: where in a file a JSON pointer points.
//!
//! JSON is read here as the YAML that it nearly is, so that one walk over parser events
//! serves both; a place that the walk cannot find simply stays unknown.

use std::collections::HashMap;

use granit_parser::{Event, Parser};

/// Finds the start of each wanted value: line and column, both from 1, in characters.
pub(crate) fn locate(text: &str, wanted: &[&str]) -> HashMap<String, (usize, usize)> {
    let mut walk = Walk { open: Vec::new(), places: HashMap::new() };
    let mut unseen: std::collections::HashSet<&str> = wanted.iter().copied().collect();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for event in Parser::new_from_str(text) {
        let Ok((event, span)) = event else { break };
        let place = (span.start.line(), span.start.col() + 1);
        if let Some(pointer) = walk.step(&event)
            && unseen.remove(pointer.as_str())
        {
            walk.places.insert(pointer, place);
            if unseen.is_empty() {
                break;
            }
        }
    }
    walk.places
}

struct Walk {
    open: Vec<Open>,
    places: HashMap<String, (usize, usize)>,
}

/// A list or map that has begun and not ended.
enum Open {
    List { pointer: String, next: usize },
    Map { pointer: String, key: Option<String> },
}

impl Walk {
    /// The pointer of the value that an event begins, if it begins one.
    fn step(&mut self, event: &Event<'_>) -> Option<String> {
        match event {
            Event::Scalar(text, ..) => {
                if let Some(Open::Map { key: key @ None, .. }) = self.open.last_mut() {
                    *key = Some(text.to_string());
                    return None;
                }
                Some(self.value())
            }
            Event::Alias(..) => Some(self.value()),
            Event::SequenceStart(..) => {
                let pointer = self.value();
                self.open.push(Open::List { pointer: pointer.clone(), next: 0 });
                Some(pointer)
            }
            Event::MappingStart(..) => {
                let pointer = self.value();
                self.open.push(Open::Map { pointer: pointer.clone(), key: None });
                Some(pointer)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.open.pop();
                None
            }
            _ => None,
        }
    }

    /// The pointer of the value that comes next.
    fn value(&mut self) -> String {
        match self.open.last_mut() {
            None => String::new(),
            Some(Open::List { pointer, next }) => {
                *next += 1;
                format!("{pointer}/{}", *next - 1)
            }
            Some(Open::Map { pointer, key }) => {
                let key = key.take().unwrap_or_default();
                format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, pointer: &str, expected: Option<(usize, usize)>) {
        assert_eq!(locate(text, &[pointer]).get(pointer).copied(), expected, "{pointer} in {text}");
    }

    #[test]
    fn json_and_yaml_places() {
        let json = "{\"goal\": \"ü\", \"steps\": [\n  {\"step_id\": \"a\",\n   \"retry\": {\"a/b~\": [1, 2]}}]}";
        check(json, "", Some((1, 1)));
        check(json, "/goal", Some((1, 10)));
        check(json, "/steps", Some((1, 24)));
        check(json, "/steps/0", Some((2, 3)));
        check(json, "/steps/0/retry/a~1b~0/1", Some((3, 26)));
        check(json, "/steps/1", None);
        let yaml = "goal: g\nsteps:\n  - step_id: a\n    tool: echo\n  - step_id: b\n    parameters:\n      value: |\n        x\n";
        check(yaml, "/steps/0/tool", Some((4, 11)));
        check(yaml, "/steps/1/step_id", Some((5, 14)));
        check("\u{feff}{\"a\": 1}", "/a", Some((1, 7)));
        check("a: 1\nb: [", "/a", Some((1, 4)));
    }
}
