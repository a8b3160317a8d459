#!/bin/sh
# Makes a release of the last commit: checks, tag, packages, checksums. Prints what to upload; uploads nothing.
# Usage: packaging/release.sh [--dry-run]
# --dry-run: sets no tag, and only says where the checks fail.
set -eu
cd "$(dirname "$0")/.."
dry=
case "${1:-}" in
    "") ;;
    --dry-run) dry=yes ;;
    *)
        sed -n '3s/^# //p' packaging/release.sh >&2
        exit 64
        ;;
esac
# The packages are of this commit, wherever the shell points. Those for Windows are made by .github/workflows/release.yml.
unset SNOWGATE_BIN_DIR SNOWGATE_WINDOWS_BIN_DIR SNOWGATE_MACOS_BIN_DIR SNOWGATE_WINDOWS_ZIP SOURCE_DATE_EPOCH CARGO_TARGET_DIR
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
tag=v$version

failed() {
    echo "release.sh: $1" >&2
    [ -n "$dry" ] || exit 1
}

[ -z "$(git status --porcelain)" ] || failed "there are changes that are not committed: commit them, or put them away"
! git rev-parse -q --verify "refs/tags/$tag" > /dev/null || failed "the tag $tag exists: raise the version in Cargo.toml"
heading=$(sed -n 's/^## //p' CHANGELOG.md | head -n 1)
echo "$heading" | grep -Eq "^$version \([0-9]{4}-[0-9]{2}-[0-9]{2}\)$" ||
    failed "CHANGELOG.md begins with '$heading': it has to be '$version (YYYY-MM-DD)'"
cargo metadata --locked --format-version 1 > /dev/null || failed "Cargo.lock is not of this Cargo.toml: run cargo build"

[ -n "$dry" ] || .ci/run
packages=$PWD/target/packages
rm -rf "$packages"
SNOWGATE_PACKAGES_DIR=$packages packaging/build.sh all
(cd "$packages" && sha256sum --check --quiet SHA256SUMS)
if [ -n "$dry" ]; then
    echo "a dry run: no tests were run, and no tag is set"
else
    git tag -a "$tag" -m "Snowgate $version"
    echo "tagged $tag. Publish it with: git push origin $tag"
fi
echo "to upload:"
find "$packages" -maxdepth 1 -type f | sort
echo "to submit by hand: snowgate.rb (Homebrew)"
