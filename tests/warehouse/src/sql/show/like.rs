//! Patterns of `LIKE` after `SHOW`: `%` is any text, `_` any character, a backslash takes the next as it is;
//! case does not count.

/// A pattern.
#[derive(Debug)]
pub(super) struct Like {
    parts: Vec<Part>,
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text,
    Any,
    One(char),
}

impl Like {
    pub(super) fn new(pattern: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = pattern.to_lowercase().chars().collect::<Vec<_>>().into_iter();
        while let Some(next) = rest.next() {
            parts.push(match next {
                '%' => Part::Text,
                '_' => Part::Any,
                '\\' => Part::One(rest.next().unwrap_or('\\')),
                other => Part::One(other),
            });
        }
        Self { parts }
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.to_lowercase().chars().collect();
        matches(&self.parts, &name)
    }
}

fn matches(parts: &[Part], name: &[char]) -> bool {
    match parts.split_first() {
        None => name.is_empty(),
        Some((Part::Text, rest)) => (0..=name.len()).any(|skipped| matches(rest, &name[skipped..])),
        Some((Part::Any, rest)) => !name.is_empty() && matches(rest, &name[1..]),
        Some((Part::One(wanted), rest)) => name.first() == Some(wanted) && matches(rest, &name[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_the_service() {
        for (pattern, name, expected) in [
            ("ord%", "ORDERS", true),
            ("ord", "ORDERS", false),
            ("%_2019", "ORDERS_2019", true),
            ("orders\\_2019", "ORDERS_2019", true),
            ("orders\\_2019", "ORDERSX2019", false),
            ("ORDERS_2019", "ORDERSX2019", true),
            ("100\\%", "100%", true),
            ("%", "", true),
            ("_", "", false),
        ] {
            assert_eq!(Like::new(pattern).matches(name), expected, "{pattern} {name}");
        }
    }
}
