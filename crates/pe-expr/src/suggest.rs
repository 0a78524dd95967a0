//! The nearest of the known names, for "did you mean".

/// Names beyond this many are not looked at, so that an error stays cheap.
const CANDIDATES: usize = 500;
/// Longer names are not compared: the distance is quadratic in the length.
const LONGEST: usize = 64;

/// The candidate nearest to `name`, if one is near: about one edit for three characters.
pub(crate) fn nearest<'c>(
    name: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let length = name.chars().take(LONGEST + 1).count();
    if length > LONGEST {
        return None;
    }
    let lower = name.to_lowercase();
    let distance = |candidate: &str| match same_but_marks(&lower, candidate) {
        true => 0,
        false => strsim::osa_distance(&lower, &candidate.to_lowercase()),
    };
    candidates
        .into_iter()
        .take(CANDIDATES)
        .filter(|candidate| candidate.len() <= LONGEST * 4 && *candidate != name)
        .map(|candidate| (distance(candidate), candidate))
        .filter(|(distance, _)| *distance <= (length / 3).max(1).min(length.saturating_sub(1)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Whether the names differ only in case, `-` and `_`.
fn same_but_marks(lower: &str, candidate: &str) -> bool {
    let letters = |text: &str| text.to_lowercase().replace(['-', '_'], "");
    letters(lower) == letters(candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, candidates: &[&str], expected: Option<&str>) {
        assert_eq!(nearest(name, candidates.iter().copied()), expected, "{name}");
    }

    #[test]
    fn near_and_far() {
        check("serach", &["fetch", "search"], Some("search"));
        check("fetch_data", &["fetch-data"], Some("fetch-data"));
        check("Score", &["score"], Some("score"));
        check("xyz", &["search"], None);
        check("a", &["b"], None);
        check("ab", &["ac"], Some("ac"));
        check(&"a".repeat(100), &["a"], None);
        check("", &["a"], None);
    }
}
