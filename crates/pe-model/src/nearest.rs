//! "Did you mean": the known name nearest to a misspelt one.

/// The candidate nearest to `name`, when one is near enough to be meant.
///
/// Case is ignored; ties go to the candidate that comes first.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Longer names than this are never typed by hand, and distances cost length × length.
    const LONGEST: usize = 128;
    if name.is_empty() || name.len() > LONGEST {
        return None;
    }
    let lower = name.to_lowercase();
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        if candidate == name || candidate.is_empty() || candidate.len() > LONGEST {
            continue;
        }
        let distance = strsim::osa_distance(&lower, &candidate.to_lowercase());
        let near_enough = distance <= 1 + name.chars().count().max(candidate.chars().count()) / 4
            && distance < name.chars().count();
        if near_enough && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_slips_and_refuses_strangers() {
        let known = ["search", "summarise", "fetch", "dependencies"];
        assert_eq!(nearest("serach", known), Some("search"));
        assert_eq!(nearest("Search", known), Some("search"));
        assert_eq!(nearest("depends", known), None);
        assert_eq!(nearest("dependancies", known), Some("dependencies"));
        assert_eq!(nearest("x", known), None);
        assert_eq!(nearest("", known), None);
    }
}
