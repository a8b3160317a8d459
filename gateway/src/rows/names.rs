//! Names of columns, each once.

use std::collections::HashSet;

/// The names, where one that comes again has a number: `a`, `a_2`.
pub fn unique_names<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    let given: HashSet<&str> = names.clone().collect();
    let mut taken: HashSet<String> = HashSet::new();
    let own = |name: &str, taken: &HashSet<String>| {
        (2..)
            .map(|number| format!("{name}_{number}"))
            .find(|other| !given.contains(other.as_str()) && !taken.contains(other))
            .unwrap_or_default()
    };
    names
        .map(|name| {
            let name = if taken.contains(name) { own(name, &taken) } else { name.to_owned() };
            taken.insert(name.clone());
            name
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_come_again_lose_nothing() {
        assert_eq!(unique_names(["a", "a", "a_2", "a"].into_iter()), ["a", "a_3", "a_2", "a_4"]);
    }
}
