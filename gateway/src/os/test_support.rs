//! What the tests of other folders need to run on every system: paths and names as each has them.

use std::path::{MAIN_SEPARATOR, Path};

/// An absolute path of this system for one of Unix: `/k.p8` is `C:\k.p8` on Windows. In TOML it goes between single quotes.
pub fn absolute(path: &str) -> String {
    assert!(path.starts_with('/'), "{path}");
    if cfg!(windows) { format!("C:{}", path.replace('/', r"\")) } else { path.to_owned() }
}

/// The name of a file, without what Windows allows in none, if this is Windows.
pub fn file_name(name: &str) -> String {
    if cfg!(windows) { name.replace(['"', '?', '*', '<', '>', '|', ':'], "") } else { name.to_owned() }
}

/// `text` without `folder` before each path in it. On Windows either separator may be behind it: a config's is as its user wrote it.
pub fn without_folder(text: &str, folder: &Path) -> String {
    let (with_slash, own) =
        (format!("{}/", folder.display()), format!("{}{MAIN_SEPARATOR}", folder.display()));
    // Between quotes.
    let escaped = own.replace('\\', r"\\");
    text.replace(&with_slash, "").replace(&own, "").replace(&escaped, "")
}

/// Whether the system is Wine, which lacks something of Windows that a test needs: `what` is printed.
pub fn lacks_in_wine(what: &str) -> bool {
    #[cfg(windows)]
    let is_wine = super::windows::is_wine();
    #[cfg(not(windows))]
    let is_wine = false;
    if is_wine {
        println!("left out: Wine {what}");
    }
    is_wine
}
