//! Patterns of a profile's `match`.
//!
//! `*` is any text, also none. In a path, it stays within one folder, and a whole `**` is any number of folders, also
//! none; so `/a/**` is `/a` and everything below it. Nothing else has a meaning of its own.
//!
//! Each piece between two stars is looked for once, from where the one before it ended: a text without `**` takes time
//! linear in its length, a path at most the product of the two lengths, which are bounded (1,024 bytes each).

/// Whether `text` is what `pattern` describes.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    // There is always a first one.
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Whether the path `text` is what `pattern` describes.
pub(super) fn fits_path(pattern: &str, text: &str) -> bool {
    let segments =
        |path: &'_ str| path.trim_end_matches('/').split('/').map(str::to_owned).collect::<Vec<_>>();
    let (pattern, text) = (segments(pattern), segments(text));
    let mut groups = pattern.split(|segment| segment == "**");
    let first = groups.next().unwrap_or_default();
    let Some(last) = groups.next_back() else {
        return pattern.len() == text.len() && begins(&pattern, &text);
    };
    if first.len() + last.len() > text.len() || !begins(first, &text) {
        return false;
    }
    let (mut rest, end) = text[first.len()..].split_at(text.len() - first.len() - last.len());
    if !begins(last, end) {
        return false;
    }
    for group in groups {
        let Some(at) =
            (0..=rest.len()).find(|&at| rest.len() - at >= group.len() && begins(group, &rest[at..]))
        else {
            return false;
        };
        rest = &rest[at + group.len()..];
    }
    true
}

/// Whether `text` begins with what `pattern` describes, segment by segment.
fn begins(pattern: &[String], text: &[String]) -> bool {
    pattern.len() <= text.len() && pattern.iter().zip(text).all(|(pattern, text)| fits(pattern, text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_is_any_text() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "a", true),
            ("a*", "ab", true),
            ("a*", "b", false),
            ("*a", "ba", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "a1c2b", false),
            ("**", "x", true),
            ("a", "A", false),
            ("", "", true),
            ("", "x", false),
            ("*.*", "a.b.c", true),
            ("[a-z]?", "[a-z]?", true),
            ("[a-z]?", "b1", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn in_a_path_a_star_stays_within_one_folder_and_two_do_not() {
        for (pattern, text, expected) in [
            ("/a/*", "/a/b", true),
            ("/a/*", "/a/b/c", false),
            ("/a/*", "/a", false),
            ("/a/**", "/a", true),
            ("/a/**", "/a/b/c", true),
            ("/a/**", "/ab", false),
            ("/a/**/c", "/a/c", true),
            ("/a/**/c", "/a/b/b/c", true),
            ("/a/**/c", "/a/c/b", false),
            ("**", "/", true),
            ("**", "/a/b", true),
            ("/**", "/a/b", true),
            ("**/c", "/a/b/c", true),
            ("**/c", "/a/bc", false),
            ("/**/b/**", "/a/b", true),
            ("/**/b/**/b", "/a/b", false),
            ("/**/b/**/b", "/b/x/b", true),
            ("/a/", "/a", true),
            ("/a", "/a/", true),
            ("/a/*-etl/**", "/a/my-etl/x", true),
            ("*", "/a", false),
        ] {
            assert_eq!(fits_path(pattern, text), expected, "{pattern} {text}");
        }
    }

    /// By trying every way.
    fn slowly(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|at| slowly(rest, &text[at..])),
            Some((byte, rest)) => text.first() == Some(byte) && slowly(rest, &text[1..]),
        }
    }

    fn slowly_in_path(pattern: &[&str], text: &[&str]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((&"**", rest)) => (0..=text.len()).any(|at| slowly_in_path(rest, &text[at..])),
            Some((segment, rest)) => {
                text.first().is_some_and(|text| slowly(segment.as_bytes(), text.as_bytes()))
                    && slowly_in_path(rest, &text[1..])
            }
        }
    }

    proptest! {
        #[test]
        fn the_quick_way_finds_what_every_way_finds(pattern in "[ab*]{0,7}", text in "[ab]{0,9}") {
            prop_assert_eq!(fits(&pattern, &text), slowly(pattern.as_bytes(), text.as_bytes()));
        }

        #[test]
        fn so_it_does_in_paths(pattern in "(/(a|b|\\*|a\\*|\\*\\*)){0,5}", text in "(/(a|b|ab)){0,6}") {
            let split = |path: &'_ str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
            let (patterns, texts) = (split(&pattern), split(&text));
            let borrowed = |parts: &[String]| parts.iter().map(|part| part.clone().leak() as &str).collect::<Vec<_>>();
            prop_assert_eq!(
                fits_path(&pattern, &text),
                slowly_in_path(&borrowed(&patterns), &borrowed(&texts))
            );
        }
    }
}
