//! Scripts of the packages: they need the `date`, `tar` and `touch` of GNU.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::Output;

use super::*;

#[test]
fn packages_without_programs_are_filled_in() {
    let home = Home::bare();
    let windows = home.path().join("windows");
    fs::create_dir(&windows).expect("a folder");
    for program in ["snowgate.exe", "snowgate-shim.exe"] {
        fs::write(windows.join(program), format!("MZ snowgate/{}", env!("CARGO_PKG_VERSION")))
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
    let names: Vec<_> = zip.file_names().map(|name| name.expect("UTF-8").into_owned()).collect();
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
