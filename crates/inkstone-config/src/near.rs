//! The name that was probably meant.

/// The nearest of the known names, if it is near enough to be what was meant.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    known
        .into_iter()
        .filter(|known| !known.is_empty())
        // The distance is at least the difference in length, and takes long to compute for long names.
        .filter(|known| name.chars().count() <= 2 * known.chars().count() + 1)
        .map(|known| (strsim::damerau_levenshtein(&name, &known.to_lowercase()), known))
        // A third of the letters may be wrong; short names may have one wrong letter.
        .filter(|(distance, known)| *distance <= (known.chars().count().max(name.chars().count()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        for (name, expect) in [
            ("adr", Some("addr")),
            ("pol_size", Some("pool_size")),
            ("poolsize", Some("pool_size")),
            ("Addr", Some("addr")),
            ("colour", None),
            ("x", None),
        ] {
            assert_eq!(nearest(name, ["addr", "pool_size", "guard"]), expect, "{name}");
        }
    }
}
