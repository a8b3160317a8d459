//! Makes the paths in a configuration absolute.

use std::path::{Path, PathBuf};

use super::error::InvalidValue;
use super::unexpanded::Unexpanded;

/// The folders that a path can be relative to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resolver<'a> {
    /// The folder for relative paths; `None`: they are refused, because the gateway's working folder is not
    /// the user's.
    pub(super) base: Option<&'a Path>,
    /// The value of `~/`; `None`: the user has no home folder.
    pub(super) home: Option<&'a Path>,
}

impl Resolver<'_> {
    /// The absolute path for `text`. Does not access the disk, and leaves `..` unchanged.
    pub(super) fn resolve(&self, text: &str) -> Result<PathBuf, InvalidValue> {
        if text.is_empty() {
            return Err(InvalidValue::new("the path is empty"));
        }
        if text.contains(['\0', char::REPLACEMENT_CHARACTER]) {
            return Err(InvalidValue::new(format!("the path {text:?} is not valid UTF-8")));
        }
        match text.strip_prefix('~') {
            Some(rest) => self.in_home(text, rest),
            None => self.absolute(text),
        }
    }

    fn in_home(&self, text: &str, rest: &str) -> Result<PathBuf, InvalidValue> {
        let inside = rest.trim_start_matches(['/', std::path::MAIN_SEPARATOR]);
        if inside.len() == rest.len() && !rest.is_empty() {
            let hint = format!("only `~/` is supported; write `./{text}` for a file of that name");
            return Err(InvalidValue::with_hint(format!("{text:?} is another user's home folder"), hint));
        }
        match self.home {
            Some(home) if inside.is_empty() => Ok(home.to_owned()),
            Some(home) => Ok(home.join(inside)),
            None => Err(InvalidValue::with_hint(
                format!("cannot expand {text:?}: this user has no home folder"),
                "set HOME or use an absolute path",
            )),
        }
    }

    fn absolute(&self, text: &str) -> Result<PathBuf, InvalidValue> {
        let path = Path::new(text);
        match self.base {
            _ if path.is_absolute() => Ok(path.to_owned()),
            Some(base) => Ok(base.join(path.strip_prefix("./").unwrap_or(path))),
            None => {
                let hint = match Unexpanded::find(path) {
                    Some(Unexpanded { instead: Some(instead), .. }) => {
                        format!("variables are not expanded here: write {instead:?}")
                    }
                    Some(_) => "variables are not expanded here: write the whole path".to_owned(),
                    None if cfg!(windows) => {
                        "write the whole path, which begins with a drive, as in `C:\\`: the gateway runs in another folder"
                            .to_owned()
                    }
                    None => {
                        "the gateway runs in the folder `/`, where a relative path would mean another file"
                            .to_owned()
                    }
                };
                let what = format!("expected an absolute path or one that starts with `~/`, got {text:?}");
                Err(InvalidValue::with_hint(what, hint))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<PathBuf, InvalidValue> {
        Resolver { base: Some(Path::new("/etc/snowgate")), home: Some(Path::new("/home/ada")) }.resolve(text)
    }

    #[cfg(unix)]
    #[test]
    fn relative_paths_use_the_base_and_tilde_the_home_folder() {
        assert_eq!(resolve("a/b.db").unwrap(), Path::new("/etc/snowgate/a/b.db"));
        assert_eq!(resolve("./b.db").unwrap(), Path::new("/etc/snowgate/b.db"));
        assert_eq!(resolve("/srv/b.db").unwrap(), Path::new("/srv/b.db"));
        assert_eq!(resolve("~/b.db").unwrap(), Path::new("/home/ada/b.db"));
        assert_eq!(resolve("~").unwrap(), Path::new("/home/ada"));
    }

    #[test]
    fn invalid_paths_are_refused() {
        assert!(resolve("").is_err());
        assert!(resolve("a\0b").is_err());
        assert!(resolve("~bob/b.db").unwrap_err().hint.is_some_and(|hint| hint.contains("./~bob/b.db")));
    }

    #[test]
    fn without_a_base_or_a_home_only_absolute_paths_are_accepted() {
        let bare = Resolver { base: None, home: None };
        assert!(bare.resolve("b.db").unwrap_err().message.contains("expected an absolute path"));
        assert!(bare.resolve("~/b.db").unwrap_err().message.contains("no home folder"));
    }
}
