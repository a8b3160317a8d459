//! The shim that clients are to launch, by a path that lasts.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::os::{SHIM_PROGRAM as SHIM, System, is_executable, real_path};

/// A shim, and what speaks against its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shim {
    /// Its path.
    pub(crate) path: PathBuf,
    /// Why the path may not last.
    pub(crate) warning: Option<String>,
}

/// There is no shim beside this program.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{SHIM} is not beside {}", program.display())]
pub(crate) struct NoShim {
    /// This program.
    program: PathBuf,
}

impl NoShim {
    /// What the user can do about it.
    pub(crate) fn next_step(&self) -> String {
        format!("put {SHIM} into the same folder, or name it with `--shim PATH`")
    }
}

/// What the command line names is no shim that a client could launch.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("--shim: {} {why}", path.display())]
pub(crate) struct BadShim {
    path: PathBuf,
    why: String,
}

impl BadShim {
    /// What the user can do about it.
    pub(crate) fn next_step(&self) -> String {
        format!(
            "name the program {SHIM} with its path, or leave `--shim` away: the one beside `snowgate` is taken then"
        )
    }
}

/// The shim that the command line names, by its whole path. `is_here`: it is for this machine.
///
/// # Errors
/// Clients could not launch it, or its entry would not be known for ours.
pub(crate) fn named_shim(named: &Path, is_here: bool) -> Result<Shim, BadShim> {
    let refused = |path: &Path, why: &str| BadShim { path: path.to_owned(), why: why.to_owned() };
    if !is_here && let Some(path) = of_another_system(named) {
        return Ok(Shim { path, warning: None });
    }
    let path = std::path::absolute(named).map_err(|error| refused(named, &format!("is no path: {error}")))?;
    if path.file_name().is_none_or(|name| name != SHIM) {
        let why = format!("is not called {SHIM}, which is how an entry is known for Snowgate's");
        return Err(refused(&path, &why));
    }
    if !is_here {
        return Ok(Shim { path, warning: None });
    }
    let why = match std::fs::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "is not there".to_owned(),
        Err(error) => format!("cannot be looked at: {error}"),
        Ok(found) if found.is_dir() => "is a folder".to_owned(),
        Ok(found) if !found.is_file() => "is no file".to_owned(),
        Ok(_) if !is_executable(&path) => "is not executable".to_owned(),
        Ok(_) => return Ok(Shim { path, warning: None }),
    };
    Err(refused(&path, &why))
}

/// `named` as it is, where it is the whole path of a shim on another system than this one.
fn of_another_system(named: &Path) -> Option<PathBuf> {
    let text = named.to_str()?;
    let is_one = |system: &System| {
        let name = text.rsplit(if *system == System::Windows { &['\\', '/'][..] } else { &['/'] }).next();
        system.is_absolute(named) && name == Some(system.shim_program())
    };
    [System::Linux, System::Windows].iter().any(is_one).then(|| named.to_owned())
}

/// The shim beside the program that was launched as `launched` and is the file `program`. Where it was reached over a link
/// (`~/.local/bin`, a package manager's folder on `path`), that link's folder is taken: an upgrade keeps it.
///
/// # Errors
/// There is none.
pub(crate) fn own_shim(launched: Option<&Path>, program: &Path, path: &[PathBuf]) -> Result<Shim, NoShim> {
    let program = real_path(program).unwrap_or_else(|_| program.to_owned());
    let real = program.with_file_name(SHIM);
    let real = real_path(&real).unwrap_or(real);
    let is_it = |candidate: &Path| real_path(candidate).is_ok_and(|it| it == real) && candidate.is_file();
    let by_name = launched.filter(|launched| launched.components().count() > 1);
    let by_name = by_name.and_then(|launched| std::path::absolute(launched).ok());
    let beside = by_name.map(|launched| launched.with_file_name(SHIM)).filter(|shim| *shim != real);
    let on_path = path.iter().filter(|folder| folder.is_absolute()).map(|folder| folder.join(SHIM));
    let lasting = beside.into_iter().chain(on_path).find(|candidate| is_it(candidate));
    let path = match lasting {
        Some(path) => path,
        None if real.is_file() => real,
        None => return Err(NoShim { program }),
    };
    let warning = warning(&path);
    Ok(Shim { path, warning })
}

/// Why a path may not last.
fn warning(path: &Path) -> Option<String> {
    let is_built = path.ancestors().any(|folder| folder.join("CACHEDIR.TAG").is_file());
    let is_temporary = path.starts_with(std::env::temp_dir()) || path.starts_with("/tmp");
    let is_versioned =
        path.components().any(|part| part.as_os_str() == "Cellar") || path.starts_with("/nix/store");
    let why = if is_built {
        "a build folder, which `cargo clean` empties"
    } else if is_temporary {
        "a folder for temporary files"
    } else if is_versioned {
        "a folder of one version, which an upgrade removes"
    } else {
        return None;
    };
    Some(format!(
        "{} is in {why}; install Snowgate first, so that clients find the shim later",
        path.display()
    ))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn folder(root: &Path, name: &str) -> PathBuf {
        let folder = root.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_link_that_led_here_is_kept_and_so_is_one_on_path() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let (opt, bin) = (folder(&root, "opt/snowgate-1"), folder(&root, "bin"));
        for program in ["snowgate", SHIM] {
            std::fs::write(opt.join(program), "").unwrap();
            symlink(opt.join(program), bin.join(program)).unwrap();
        }
        let program = opt.join("snowgate");
        let shim = |launched: &Path, path: &[PathBuf]| own_shim(Some(launched), &program, path).unwrap().path;
        assert_eq!(shim(&bin.join("snowgate"), &[]), bin.join(SHIM));
        assert_eq!(shim(Path::new("snowgate"), std::slice::from_ref(&bin)), bin.join(SHIM));
        assert_eq!(shim(&program, std::slice::from_ref(&bin)), bin.join(SHIM));
        assert_eq!(shim(&program, &[]), opt.join(SHIM));
    }

    #[test]
    fn a_shim_that_is_named_is_one_that_can_be_launched_by_its_whole_path() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = tempfile::tempdir().unwrap();
        let shim = folder(root.path(), "a").join(SHIM);
        let why = |path: &Path| named_shim(path, true).unwrap_err().to_string();
        assert!(why(&shim).ends_with("is not there"));
        std::fs::write(&shim, "").unwrap();
        std::fs::set_permissions(&shim, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(why(&shim).ends_with("is not executable"));
        std::fs::set_permissions(&shim, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(named_shim(&shim, true).unwrap().path, shim);
        assert!(why(&folder(root.path(), "b/snowgate-shim")).ends_with("is a folder"));
        assert!(why(&shim.with_file_name("shim")).contains("is not called snowgate-shim"));
        assert!(why(Path::new("")).contains("--shim"));
        for of_another in
            ["C:\\Snowgate\\snowgate-shim.exe", "//server/x/snowgate-shim.exe", "/opt/snowgate-shim"]
        {
            assert_eq!(named_shim(Path::new(of_another), false).unwrap().path, Path::new(of_another));
        }
        assert!(named_shim(Path::new("C:\\Snowgate\\snowgate-shim"), false).is_err());
        let relative = named_shim(Path::new("there/snowgate-shim"), false).unwrap().path;
        assert_eq!(relative, std::env::current_dir().unwrap().join("there/snowgate-shim"));
    }

    #[test]
    fn another_shim_on_path_is_not_taken() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let (own, other) = (folder(&root, "own"), folder(&root, "other"));
        for file in [own.join("snowgate"), own.join(SHIM), other.join(SHIM)] {
            std::fs::write(file, "").unwrap();
        }
        let shim = own_shim(None, &own.join("snowgate"), &[other]).unwrap();
        assert_eq!(shim.path, own.join(SHIM));
        assert!(shim.warning.unwrap().contains("temporary"));
    }

    #[test]
    fn a_build_folder_is_warned_of_and_a_missing_shim_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let debug = folder(root.path(), "target/debug");
        let missing = own_shim(None, &debug.join("snowgate"), &[]).unwrap_err();
        assert!(missing.to_string().contains("is not beside"), "{missing}");
        std::fs::write(root.path().join("target/CACHEDIR.TAG"), "").unwrap();
        std::fs::write(debug.join(SHIM), "").unwrap();
        let shim = own_shim(None, &debug.join("snowgate"), &[]).unwrap();
        assert!(shim.warning.unwrap().contains("cargo clean"));
    }
}
