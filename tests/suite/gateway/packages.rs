//! What packages are made of, as far as it is quick: manual pages, completions, and packages without programs.
//! `packaging/test` has what needs a clean root.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use snowgate_tests::{Home, binaries};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn each_command_has_a_manual_page() {
    let home = Home::bare();
    let folder = home.path().join("man");
    let output = home.run(&["man", folder.to_str().expect("UTF-8")]);
    assert_eq!(output.code, Some(0), "{output:?}");
    for page in ["snowgate.1", "snowgate-status.1", "snowgate-config-check.1", "snowgate-bundle.1"] {
        let text = fs::read_to_string(folder.join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
        assert!(text.contains(".TH ") && text.contains("DESCRIPTION"), "{page}");
    }
    assert!(!folder.join("snowgate-man.1").exists(), "a hidden command has no page");
}

#[test]
fn the_shims_manual_page_has_each_of_its_options() {
    let page = fs::read_to_string(root().join("packaging/man/snowgate-shim.1")).expect("the page");
    let page = page.replace('\\', "");
    let help = Command::new(&binaries().shim).arg("--help").output().expect("the shim starts");
    let help = String::from_utf8(help.stdout).expect("UTF-8");
    let is_named = |word: &&str| word.starts_with("--") || word.starts_with("SNOWGATE_");
    let words = help.split(|char: char| !(char.is_ascii_alphanumeric() || "-_".contains(char)));
    let missing: Vec<&str> = words.filter(is_named).filter(|word| !page.contains(word)).collect();
    assert!(help.contains("--profile") && missing.is_empty(), "{missing:?}");
}

#[test]
fn packages_without_programs_are_filled_in() {
    let home = Home::bare();
    let windows = home.path().join("windows");
    fs::create_dir(&windows).expect("a folder");
    for program in ["snowgate.exe", "snowgate-shim.exe"] {
        fs::write(windows.join(program), format!("MZ {}", env!("CARGO_PKG_VERSION")))
            .expect("writing a program");
    }
    let mut build = Command::new(root().join("packaging/build.sh"));
    build
        .args(["image", "zip", "winget"])
        .env("SNOWGATE_PACKAGES_DIR", home.path())
        .env("SNOWGATE_BIN_DIR", binaries().gateway.parent().expect("a folder"))
        .env("SNOWGATE_WINDOWS_BIN_DIR", &windows)
        .env("SOURCE_DATE_EPOCH", "86400");
    build.env("SNOWGATE_RELEASE_URL", "https://example.org/get");
    let output = build.output().expect("sh");
    assert!(output.status.success(), "{output:?}");
    let installer = fs::read_to_string(home.path().join("winget/Snowgate.Snowgate.installer.yaml"));
    let installer = installer.expect("the manifest");
    assert!(installer.contains("ReleaseDate: \"1970-01-02\""), "{installer}");
    assert!(installer.contains("InstallerUrl: https://example.org/get/v"), "{installer}");
    assert!(!installer.contains('@'), "{installer}");
    let sums = fs::read_to_string(home.path().join("SHA256SUMS")).expect("checksums");
    assert!(sums.contains("  Containerfile\n"), "{sums}");
    // The manifest is for the archive of the same run.
    let archive = format!("snowgate-{}-x86_64-windows.zip", env!("CARGO_PKG_VERSION"));
    let sum =
        sums.lines().find_map(|line| line.strip_suffix(&format!("  {archive}"))).expect("the archive's sum");
    assert!(installer.contains(&sum.to_uppercase()), "{installer}");
    let said = check_files(&[&home.path().join("winget")]);
    assert!(said.status.success(), "{said:?}");
    let file = File::open(home.path().join(&archive)).expect("the archive");
    let mut zip = zip::ZipArchive::new(file).expect("a zip file");
    let names: Vec<_> = zip.file_names().map(str::to_owned).collect();
    assert!(names.is_sorted(), "{names:?}");
    let expected = [
        "snowgate.exe",
        "snowgate-shim.exe",
        "install.ps1",
        "LICENSE-MIT",
        "completions/snowgate.ps1",
        "sbom.cdx.json",
    ];
    for name in expected {
        assert!(names.iter().any(|found| found == name), "{name}: {names:?}");
    }
    let mut completions = String::new();
    zip.by_name("completions/snowgate.ps1").expect("them").read_to_string(&mut completions).expect("UTF-8");
    assert!(completions.contains("Register-ArgumentCompleter"), "{completions}");
}

/// Has the files for other systems' managers read by real parsers, and the manifests for winget of these folders.
fn check_files(winget: &[&Path]) -> Output {
    let mut check = Command::new("python3");
    check.arg(root().join("packaging/test/files.py")).args(winget).output().expect("python3")
}

#[test]
fn the_files_for_launchd_and_the_task_scheduler_are_what_these_read() {
    let said = check_files(&[]);
    assert!(said.status.success(), "{said:?}");
}
