//! A script of the packages.

use super::*;

#[test]
fn packages_without_programs_are_filled_in() {
    let home = Home::bare();
    let mut build = Command::new(root().join("packaging/build.sh"));
    build
        .args(["image", "winget"])
        .env("SNOWGATE_PACKAGES_DIR", home.path())
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
}
