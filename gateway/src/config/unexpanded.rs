//! Variables in a path. Nothing expands them: the gateway has the environment of one client among many.

use std::path::{Component, Path};

/// The names of the home folder that other programs expand.
const HOME_NAMES: [&str; 4] = ["$HOME", "${HOME}", "%USERPROFILE%", "%HOME%"];

/// A part of a path that looks like a variable.
pub(super) struct Unexpanded {
    /// The path from there on.
    pub(super) written: String,
    /// What to write instead, where that is known.
    pub(super) instead: Option<String>,
}

impl Unexpanded {
    /// The first such part of `path`.
    pub(super) fn find(path: &Path) -> Option<Self> {
        let mut parts = path.components();
        let rest = loop {
            let rest = parts.as_path();
            if is_variable(&parts.next()?) {
                break rest;
            }
        };
        let written = rest.to_string_lossy().into_owned();
        let instead = HOME_NAMES.iter().find_map(|name| Some(format!("~{}", written.strip_prefix(name)?)));
        Some(Self { instead: instead.map(|path| path.replace('\\', "/")), written })
    }
}

fn is_variable(part: &Component<'_>) -> bool {
    let text = part.as_os_str().to_string_lossy();
    let begins_name = |char: char| char.is_ascii_alphabetic() || char == '_' || char == '{';
    let has_dollar = text.strip_prefix('$').is_some_and(|rest| rest.starts_with(begins_name));
    has_dollar || text.strip_prefix('%').is_some_and(|rest| rest.contains('%'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_in_a_path_are_found_and_the_home_folder_is_replaced() {
        let found =
            |path: &str| Unexpanded::find(Path::new(path)).map(|found| (found.written, found.instead));
        let home = Some("~/dbs".to_owned());
        assert_eq!(found("/cfg/$HOME/dbs"), Some(("$HOME/dbs".to_owned(), home.clone())));
        assert_eq!(found("/cfg/${HOME}/dbs"), Some(("${HOME}/dbs".to_owned(), home.clone())));
        assert_eq!(found("/cfg/%USERPROFILE%/dbs"), Some(("%USERPROFILE%/dbs".to_owned(), home)));
        assert_eq!(found("/srv/$DATA/x.db"), Some(("$DATA/x.db".to_owned(), None)));
        for plain in ["/srv/a$b/x.db", "/srv/100%/x.db", "/srv/$/x", "/srv/x.db"] {
            assert_eq!(found(plain), None, "{plain}");
        }
    }
}
