//! Names that people can say: `quiet-otter` instead of thirty-six digits.
//!
//! A name follows from the run's id alone, so that the same run is called the same wherever
//! it is imported, unless the name is taken there.

mod words;

use pe_model::RunId;
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use words::{ADJECTIVES, NOUNS};

/// How many pairs of words are tried before a number is appended.
const PAIRS: usize = 8;

/// Names for a run, best first, without an end.
pub(crate) fn candidates(run_id: &RunId) -> impl Iterator<Item = String> + use<> {
    let digest = Sha256::digest(run_id.as_str());
    let pair = move |nth: usize| {
        let at = |place: usize| {
            usize::from(digest[place % 32]) << 8 | usize::from(digest[(place + 1) % 32])
        };
        format!(
            "{}-{}",
            ADJECTIVES[at(nth * 4) % ADJECTIVES.len()],
            NOUNS[at(nth * 4 + 2) % NOUNS.len()]
        )
    };
    let first = pair(0);
    let pairs = (0..PAIRS).map(pair);
    pairs.chain((2_u64..).map(move |number| format!("{first}-{number}")))
}

/// The best name that no run has.
pub(crate) fn free(connection: &Connection, run_id: &RunId) -> rusqlite::Result<String> {
    let mut taken = connection.prepare_cached("SELECT 1 FROM runs WHERE name = ?1")?;
    for name in candidates(run_id) {
        if !taken.exists([&name])? {
            return Ok(name);
        }
    }
    Ok(run_id.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn words_are_plain_and_differ() {
        assert!(ADJECTIVES.len() >= 128 && NOUNS.len() >= 200);
        for words in [ADJECTIVES, NOUNS] {
            let distinct: BTreeSet<&str> = words.iter().copied().collect();
            let mut seen = BTreeSet::new();
            let twice: Vec<&&str> = words.iter().filter(|word| !seen.insert(**word)).collect();
            assert_eq!(distinct.len(), words.len(), "{twice:?}");
            assert!(words.iter().all(|word| {
                (3..=10).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase())
            }));
        }
    }

    #[test]
    fn the_same_run_gets_the_same_names_and_never_runs_out() {
        let names = |id: &str| candidates(&RunId::new(id)).take(100).collect::<Vec<_>>();
        assert_eq!(names("a"), names("a"));
        assert_ne!(names("a")[0], names("b")[0]);
        assert!(names("a")[99].starts_with(&names("a")[0]));
        let firsts: BTreeSet<String> =
            (0..1_000).filter_map(|id| candidates(&RunId::new(id.to_string())).next()).collect();
        assert!(firsts.len() > 970, "{} of 1000 differ", firsts.len());
    }
}
