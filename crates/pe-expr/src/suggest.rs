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
    let lower_length = lower.chars().count();
    let most = (length / 3).max(1).min(length.saturating_sub(1));
    let distance = |candidate: &str| {
        if same_but_marks(&lower, candidate) {
            return Some(0);
        }
        let candidate = candidate.to_lowercase();
        // Every character more or less is an edit, and counting them is quick.
        let apart = candidate.chars().count().abs_diff(lower_length);
        let distance = (apart <= most).then(|| strsim::osa_distance(&lower, &candidate));
        distance.filter(|distance| *distance <= most)
    };
    candidates
        .into_iter()
        .take(CANDIDATES)
        .filter(|candidate| candidate.len() <= LONGEST * 4 && *candidate != name)
        .filter_map(|candidate| distance(candidate).map(|distance| (distance, candidate)))
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
        check("fetchallpages", &["fetch_all_pages", "fetchallpage"], Some("fetch_all_pages"));
        check("fetch", &["fetches_a_page"], None);
    }
}
