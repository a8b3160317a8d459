#!/bin/sh
# Makes packages in target/packages. Usage: packaging/build.sh KIND...
# KIND: deb, tar, zip, mcpb, image, homebrew, winget, or all. packages.md says what each has and needs.
#
# SNOWGATE_BIN_DIR: take the programs of this folder instead of building them
# SNOWGATE_PACKAGES_DIR: write them here
# SNOWGATE_RELEASE_URL: where releases are downloaded from
# SNOWGATE_WINDOWS_BIN_DIR: the folder with the programs for Windows: zip needs it, and mcpb packs them, too
# SNOWGATE_MACOS_BIN_DIR: the same for macOS, for mcpb
# SNOWGATE_WINDOWS_ZIP: the archive that the winget manifest is for, if zip is not made in the same run
# SOURCE_DATE_EPOCH: the time of every file; if it is not set, that of the last commit
set -eu
umask 022
export LC_ALL=C TZ=UTC
cd "$(dirname "$0")/.."
packages=${SNOWGATE_PACKAGES_DIR:-$PWD/target/packages}
release_url=${SNOWGATE_RELEASE_URL:-https://snowgate.example/releases/download}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
arch=$(uname -m)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

fail() {
    echo "build.sh: $1" >&2
    exit 1
}

need() { # program, why
    command -v "$1" > /dev/null 2>&1 || fail "$1 is missing: $2 needs it"
}

# The folder of the release programs, built without this machine's paths in them.
programs() {
    [ -z "${bin:-}" ] || return 0
    if [ -n "${SNOWGATE_BIN_DIR:-}" ]; then
        bin=$(cd "$SNOWGATE_BIN_DIR" && pwd)
    else
        packaging/programs.sh
        bin=${CARGO_TARGET_DIR:-$PWD/target}/release
    fi
    said=$("$bin/snowgate" --version)
    [ "$said" = "snowgate $version" ] || fail "$bin/snowgate is '$said', and this is the source of $version"
}

# What every package has: $1/bin, $1/man, $1/completions, $1/units.
contents() {
    programs
    mkdir -p "$1/bin" "$1/completions" "$1/units"
    install -m 755 "$bin/snowgate" "$bin/snowgate-shim" "$1/bin/"
    "$bin/snowgate" man "$1/man"
    cp packaging/man/snowgate-shim.1 "$1/man/"
    for shell in bash zsh fish; do
        "$bin/snowgate" completions "$shell" > "$1/completions/snowgate.$shell"
    done
    # They name /usr/bin, where a package puts the programs.
    cp packaging/systemd/*.service packaging/systemd/*.socket "$1/units/"
}

# Every file gets the time of the source: a package's bytes depend on nothing but the source.
fix_times() {
    find "$1" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
}

pack_tar() { # folder, name in it, file
    tar -C "$1" --sort=name --owner=0 --group=0 --numeric-owner --mode=u+rw,go+r,go-w \
        --mtime="@$SOURCE_DATE_EPOCH" --format=ustar -cf "$work/packed.tar" "$2"
    gzip -n -9 < "$work/packed.tar" > "$3"
}

# Fills @NAME@ in a template.
fill() {
    sed -e "s|@VERSION@|$version|g" -e "s|@URL@|$release_url/v$version|g" -e "s|@SHA256@|${sha256:-}|g" \
        -e "s|@DATE@|$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%d)|g"
}

sha256_of() { sha256sum "$1" | cut -d ' ' -f 1; }

# Says that this run has made a file or a folder.
made() {
    echo "$1"
    [ ! -f "$1" ] || basename "$1" >> "$work/made"
}

usage() {
    sed -n '2,3s/^# //p' "$script" >&2
    exit 64
}

script=packaging/$(basename "$0")
[ $# -gt 0 ] || usage
for kind; do
    case $kind in
        # Programs for Windows are there or not; winget is for what zip has made.
        all) set -- deb tar ${SNOWGATE_WINDOWS_BIN_DIR:+zip} mcpb image homebrew winget ;;
        deb | tar | zip | mcpb | image | homebrew | winget) ;;
        *) usage ;;
    esac
done
mkdir -p "$packages"
for kind; do
    . "packaging/kinds/$kind.sh"
done
# Of this run alone: packages of other versions may be there, too.
touch "$work/made"
(cd "$packages" && sort -u "$work/made" | xargs -r sha256sum > "$work/sums" && cp "$work/sums" SHA256SUMS)
