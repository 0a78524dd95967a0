//! How much work a JSONPath query may be, estimated before it runs.
//!
//! The evaluator builds its whole answer in memory and has no limits of its own, and a path
//! can multiply nodes: `$[0,0][0,0]…` doubles them with every segment, `$..*..*` repeats each
//! node once for every ancestor. Paths come from models, so the product is bounded here, from
//! the path's text and the size of the data, before anything is evaluated. The estimate errs
//! upwards: it may refuse a harmless query on large data, never the other way round.

use serde_json::Value;

/// The longest path, in bytes.
pub(crate) const MAX_PATH_BYTES: usize = 2048;
/// The deepest brackets and parentheses of a path; its parser recurses.
const MAX_PATH_NESTING: usize = 16;
/// The deepest data; the evaluator recurses.
const MAX_DATA_DEPTH: u64 = 128;
/// How many nodes a query may visit by the estimate.
const MAX_VISITS: u64 = 20_000_000;

/// Why a query is not run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TooMuch {
    /// The path is longer than [`MAX_PATH_BYTES`].
    Path(usize),
    /// The path nests deeper than is parsed; holds the 1-based position.
    Nesting(usize),
    /// The data nests deeper than is searched.
    Depth,
    /// The query may visit this many nodes.
    Visits(u64),
}

impl std::fmt::Display for TooMuch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(bytes) => {
                write!(f, "the path has {bytes} bytes; at most {MAX_PATH_BYTES} are read")
            }
            Self::Nesting(at) => {
                write!(f, "the path nests deeper than {MAX_PATH_NESTING} brackets at position {at}")
            }
            Self::Depth => write!(f, "the data nests deeper than {MAX_DATA_DEPTH} levels"),
            Self::Visits(visits) => write!(
                f,
                "the path may visit {visits} nodes of this data, at most {MAX_VISITS} are \
                 allowed; use fewer `..` and shorter selector lists"
            ),
        }
    }
}

/// Whether the path is short and flat enough to parse. Needs no data.
pub(crate) fn check_path(path: &str) -> Result<(), TooMuch> {
    if path.len() > MAX_PATH_BYTES {
        return Err(TooMuch::Path(path.len()));
    }
    scan(path).map(|_| ())
}

/// Whether the query is small enough to run on `data`.
pub(crate) fn check(path: &str, data: &Value) -> Result<(), TooMuch> {
    let shape = scan(path)?;
    let (nodes, depth) = measure(data)?;
    let mut visits = nodes;
    for selectors in shape.selectors {
        visits = visits.saturating_mul(selectors);
    }
    // The first descent visits each node once; another one, or a filter that looks below its
    // node, can visit a node once for each of its ancestors.
    for _ in 1..(shape.descents + shape.filters).max(1) {
        visits = visits.saturating_mul(depth);
    }
    // A filter may start again from the root, for every node that it is asked about.
    for _ in 1..shape.roots {
        visits = visits.saturating_mul(if shape.spreads { nodes } else { 1 });
    }
    if visits > MAX_VISITS { Err(TooMuch::Visits(visits)) } else { Ok(()) }
}

/// What in a path can multiply nodes.
#[derive(Default)]
struct Shape {
    selectors: Vec<u64>,
    descents: u32,
    filters: u32,
    roots: u32,
    spreads: bool,
}

fn scan(path: &str) -> Result<Shape, TooMuch> {
    let mut shape = Shape::default();
    let mut open: Vec<u64> = Vec::new();
    let mut quote = None;
    let mut previous = '\0';
    let mut escaped = false;
    for (at, char) in path.chars().enumerate() {
        if let Some(end) = quote {
            if escaped {
                escaped = false;
            } else if char == '\\' {
                escaped = true;
            } else if char == end {
                quote = None;
            }
            previous = '\0';
            continue;
        }
        match char {
            '\'' | '"' => quote = Some(char),
            '[' | '(' => {
                open.push(1);
                if open.len() > MAX_PATH_NESTING {
                    return Err(TooMuch::Nesting(at + 1));
                }
            }
            ']' | ')' => shape.selectors.extend(open.pop().filter(|count| *count > 1)),
            ',' => {
                if let Some(count) = open.last_mut() {
                    *count += 1;
                }
            }
            '.' if previous == '.' => {
                shape.descents += 1;
                shape.spreads = true;
            }
            '*' | ':' => shape.spreads = true,
            '?' => shape.filters += 1,
            '$' => shape.roots += 1,
            '!' => {}
            _ => {}
        }
        previous = char;
    }
    Ok(shape)
}

/// The number of nodes and the depth of `data`, without recursion.
fn measure(data: &Value) -> Result<(u64, u64), TooMuch> {
    let (mut nodes, mut deepest) = (0, 1);
    let mut open = vec![(data, 1)];
    while let Some((value, depth)) = open.pop() {
        nodes += 1;
        deepest = deepest.max(depth);
        if depth > MAX_DATA_DEPTH {
            return Err(TooMuch::Depth);
        }
        match value {
            Value::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
            Value::Object(map) => open.extend(map.values().map(|item| (item, depth + 1))),
            _ => {}
        }
    }
    Ok((nodes, deepest))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nested(depth: usize) -> Value {
        (1..depth).fold(json!(1), |inner, _| json!([inner]))
    }

    #[test]
    fn ordinary_queries_on_large_data_run() {
        let rows: Vec<Value> = (0..20_000).map(|id| json!({"id": id, "tags": ["a"]})).collect();
        let data = json!({ "rows": rows, "wanted": 7 });
        for path in [
            "$.rows[*].id",
            "$..id",
            "$.rows[?@.id == $.wanted]['id','tags']",
            "$.rows[?count(@.tags[*]) > 0 && match(@.tags[0], 'a,,,,[[[[[[[[[[[[[[[[[[[[')]",
            "$.rows[-1:]",
        ] {
            assert_eq!(check(path, &data), Ok(()), "{path}");
        }
    }

    #[test]
    fn multiplying_queries_do_not() {
        let deep = nested(100);
        let wide = json!((0..10_000).collect::<Vec<_>>());
        let doubling = format!("${}", "[0,0]".repeat(40));
        for (path, data) in [
            (doubling.as_str(), &json!([])),
            ("$..*..*..*..*..*", &deep),
            ("$[?count($[*]) > 0]", &wide),
            ("$[?@ in $..*]", &wide),
        ] {
            assert!(matches!(check(path, data), Err(TooMuch::Visits(_))), "{path}");
        }
    }

    #[test]
    fn deep_paths_and_deep_data_are_not_parsed() {
        assert_eq!(check_path(&"(".repeat(100)), Err(TooMuch::Nesting(17)));
        assert_eq!(check_path(&"a".repeat(3000)), Err(TooMuch::Path(3000)));
        assert_eq!(check("$", &nested(200)), Err(TooMuch::Depth));
    }
}
