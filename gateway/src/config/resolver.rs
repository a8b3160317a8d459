//! Paths as written in a configuration, made absolute.

use std::path::{Path, PathBuf};

use super::kind::Refusal;

/// What a path may start from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resolver<'a> {
    /// Where relative paths start; `None`: they are refused, because the gateway's working folder is not the
    /// user's.
    pub(super) base: Option<&'a Path>,
    /// What `~/` stands for; `None`: the user has no home folder.
    pub(super) home: Option<&'a Path>,
}

impl Resolver<'_> {
    /// The absolute path that `text` means. Nothing is looked up on disk, and `..` is left as it is.
    pub(super) fn resolve(&self, text: &str) -> Result<PathBuf, Refusal> {
        if text.is_empty() {
            return Err(Refusal::new("is an empty path"));
        }
        if text.contains(['\0', char::REPLACEMENT_CHARACTER]) {
            return Err(Refusal::new(format!("is {text:?}, which is not a path in valid UTF-8")));
        }
        match text.strip_prefix('~') {
            Some(rest) => self.in_home(text, rest),
            None => self.absolute(text),
        }
    }

    fn in_home(&self, text: &str, rest: &str) -> Result<PathBuf, Refusal> {
        let inside = rest.trim_start_matches(['/', std::path::MAIN_SEPARATOR]);
        if inside.len() == rest.len() && !rest.is_empty() {
            let hint = format!("only `~/` is known; write `./{text}` for a file of that name");
            return Err(Refusal::with_hint(format!("is {text:?}, another user's home folder"), hint));
        }
        match self.home {
            Some(home) if inside.is_empty() => Ok(home.to_owned()),
            Some(home) => Ok(home.join(inside)),
            None => Err(Refusal::with_hint(
                format!("is {text:?}, but this user has no home folder"),
                "set HOME or write the absolute path",
            )),
        }
    }

    fn absolute(&self, text: &str) -> Result<PathBuf, Refusal> {
        let path = Path::new(text);
        match self.base {
            _ if path.is_absolute() => Ok(path.to_owned()),
            Some(base) => Ok(base.join(path.strip_prefix("./").unwrap_or(path))),
            None => Err(Refusal::with_hint(
                format!("is the relative path {text:?}, must be absolute or start with `~/`"),
                "the gateway runs in the folder `/`, so a relative path would mean another place there",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<PathBuf, Refusal> {
        Resolver { base: Some(Path::new("/etc/snowgate")), home: Some(Path::new("/home/ada")) }.resolve(text)
    }

    #[cfg(unix)]
    #[test]
    fn relative_paths_start_at_the_base_and_tilde_at_home() {
        assert_eq!(resolve("a/b.db").unwrap(), Path::new("/etc/snowgate/a/b.db"));
        assert_eq!(resolve("./b.db").unwrap(), Path::new("/etc/snowgate/b.db"));
        assert_eq!(resolve("/srv/b.db").unwrap(), Path::new("/srv/b.db"));
        assert_eq!(resolve("~/b.db").unwrap(), Path::new("/home/ada/b.db"));
        assert_eq!(resolve("~").unwrap(), Path::new("/home/ada"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        assert!(resolve("").is_err());
        assert!(resolve("a\0b").is_err());
        assert!(resolve("~bob/b.db").unwrap_err().hint.is_some_and(|hint| hint.contains("./~bob/b.db")));
    }

    #[test]
    fn without_a_base_or_a_home_only_absolute_paths_pass() {
        let bare = Resolver { base: None, home: None };
        assert!(bare.resolve("b.db").unwrap_err().message.contains("must be absolute"));
        assert!(bare.resolve("~/b.db").unwrap_err().message.contains("no home folder"));
    }
}
