//! Which operating system this is, and how it writes paths: what is decided by it elsewhere is a function of a [`System`], so that
//! each system's answer is tested on every other.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use snowgate_link::os::user;

/// An operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Linux, and what resembles it.
    Linux,
    /// macOS.
    MacOs,
    /// Windows.
    Windows,
}

/// The file name of the gateway's program on this system.
pub const GATEWAY_PROGRAM: &str = System::OWN.gateway_program();

/// The file name of the shim's program on this system.
pub const SHIM_PROGRAM: &str = System::OWN.shim_program();

impl System {
    /// That of this program.
    pub const OWN: Self = if cfg!(windows) {
        Self::Windows
    } else if cfg!(target_os = "macos") {
        Self::MacOs
    } else {
        Self::Linux
    };

    /// The file name of the gateway's program.
    pub const fn gateway_program(self) -> &'static str {
        match self {
            Self::Windows => "snowgate.exe",
            Self::Linux | Self::MacOs => "snowgate",
        }
    }

    /// The file name of the shim's program.
    pub const fn shim_program(self) -> &'static str {
        match self {
            Self::Windows => "snowgate-shim.exe",
            Self::Linux | Self::MacOs => "snowgate-shim",
        }
    }

    /// The command that keeps others out of a folder, or a file.
    pub fn command_to_close(self, path: &Path) -> String {
        match self {
            Self::Windows => {
                let to_all_below = if path.is_dir() { "(OI)(CI)" } else { "" };
                format!(
                    "icacls \"{}\" /inheritance:r /grant:r \"*{}:{to_all_below}F\" \"*S-1-5-18:{to_all_below}F\"",
                    path.display(),
                    user()
                )
            }
            Self::Linux | Self::MacOs if path.is_dir() => format!("chmod 700 {}", path.display()),
            Self::Linux | Self::MacOs => format!("chmod 600 {}", path.display()),
        }
    }

    /// The command that makes `path`, and all below it, the user's own.
    pub fn command_to_own(self, path: &Path, user: &str) -> String {
        match self {
            Self::Windows => format!("takeown /F \"{}\" /R", path.display()),
            Self::Linux | Self::MacOs => format!("chown -R {user} {}", path.display()),
        }
    }

    /// Who may do what with an entry that has these bits, as people of this system say it.
    pub fn said_of_access(self, mode: u32) -> String {
        match self {
            Self::Windows if mode & 0o022 != 0 => "its access list lets others change it".to_owned(),
            Self::Windows => "its access list lets others read it".to_owned(),
            Self::Linux | Self::MacOs => format!("its mode is {:o}", mode & 0o777),
        }
    }

    /// The command that lets its user write to a file.
    pub fn command_to_write(self, path: &Path) -> String {
        match self {
            Self::Windows => format!("attrib -R \"{}\"", path.display()),
            Self::Linux | Self::MacOs => format!("chmod u+w '{}'", path.display()),
        }
    }

    /// The command that lets its user read a file.
    pub fn command_to_read(self, path: &Path) -> String {
        let shown = self.quoted(path);
        match self {
            Self::Windows => format!("icacls {shown} /grant \"%USERNAME%:R\""),
            Self::Linux | Self::MacOs => format!("chmod u+r {shown}"),
        }
    }

    /// The command that makes a folder, and those above it.
    pub fn command_to_make(self, folder: &Path) -> String {
        let shown = self.quoted(folder);
        match self {
            Self::Windows => format!("mkdir {shown}"),
            Self::Linux | Self::MacOs => format!("mkdir -p {shown}"),
        }
    }

    /// `path` as one word of a command: of `sh`, or of `cmd` and PowerShell, where no name has the quotes in it.
    pub fn quoted(self, path: &Path) -> String {
        let path = path.display().to_string();
        let is_plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+@:,%".contains(c));
        match self {
            Self::Windows => format!("\"{path}\""),
            Self::Linux | Self::MacOs if is_plain => path,
            Self::Linux | Self::MacOs => format!("'{}'", path.replace('\'', "'\\''")),
        }
    }

    /// Whether `path` is absolute: on Windows one with a drive, or of a share.
    pub fn is_absolute(self, path: &Path) -> bool {
        if self != Self::Windows {
            return path.as_os_str().as_encoded_bytes().starts_with(b"/");
        }
        match path.as_os_str().as_encoded_bytes() {
            [drive, b':', b'\\' | b'/', ..] => drive.is_ascii_alphabetic(),
            [b'\\' | b'/', b'\\' | b'/', ..] => true,
            _ => false,
        }
    }

    /// `rest`, whose parts are divided by `/`, below `base`, with the separators of this system.
    pub fn join(self, base: &Path, rest: &str) -> PathBuf {
        let separator = if self == Self::Windows { "\\" } else { "/" };
        let mut path = OsString::from(base);
        if !path.as_encoded_bytes().ends_with(separator.as_bytes()) {
            path.push(separator);
        }
        path.push(rest.replace('/', separator));
        path.into()
    }
}

/// Which release of the system this is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Release {
    /// Its name and version.
    pub name: Option<String>,
    /// That of its kernel, where it has one of its own.
    pub kernel: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_those_of_the_system() {
        let folder = tempfile::tempdir().unwrap();
        let close = |system: System, path: &Path| system.command_to_close(path);
        assert_eq!(close(System::Linux, folder.path()), format!("chmod 700 {}", folder.path().display()));
        assert_eq!(close(System::MacOs, Path::new("/k.p8")), "chmod 600 /k.p8");
        let closed = "icacls \"C:\\k.p8\" /inheritance:r /grant:r \"*USER:F\" \"*S-1-5-18:F\""
            .replace("USER", &user().to_string());
        assert_eq!(close(System::Windows, Path::new("C:\\k.p8")), closed);
        assert!(close(System::Windows, folder.path()).contains(&format!("*{}:(OI)(CI)F", user())));
        assert_eq!(System::Windows.command_to_own(Path::new("C:\\x"), "S-1"), "takeown /F \"C:\\x\" /R");
        assert_eq!(System::Linux.command_to_make(Path::new("/a b")), "mkdir -p '/a b'");
        assert_eq!(System::Windows.command_to_make(Path::new("C:\\a b")), "mkdir \"C:\\a b\"");
        assert_eq!(System::MacOs.command_to_read(Path::new("/a/b-1.db")), "chmod u+r /a/b-1.db");
        let readable = "icacls \"C:\\x\" /grant \"%USERNAME%:R\"";
        assert_eq!(System::Windows.command_to_read(Path::new("C:\\x")), readable);
        assert_eq!(System::Linux.quoted(Path::new("/a b/it's.db")), "'/a b/it'\\''s.db'");
        assert_eq!(System::Linux.said_of_access(0o100_755), "its mode is 755");
        assert!(System::Windows.said_of_access(0o755).ends_with("read it"));
        assert!(System::Windows.said_of_access(0o777).ends_with("change it"));
    }

    #[test]
    fn paths_are_those_of_the_system() {
        let absolute = |system: System, path: &str| system.is_absolute(Path::new(path));
        for path in ["C:\\Users", "d:/x", "\\\\server\\share", "//server/share"] {
            assert!(absolute(System::Windows, path), "{path}");
        }
        for path in ["", "C:x", "C:", "\\x", "/x", "x\\y", "é:\\"] {
            assert!(!absolute(System::Windows, path), "{path}");
        }
        assert!(absolute(System::MacOs, "/x") && !absolute(System::Linux, "C:\\x"));
        let join = |system: System, base: &str| system.join(Path::new(base), "a/b").display().to_string();
        assert_eq!(join(System::Windows, "C:\\x"), "C:\\x\\a\\b");
        assert_eq!(join(System::Windows, "C:\\"), "C:\\a\\b");
        assert_eq!(join(System::Linux, "/x/"), "/x/a/b");
    }
}
