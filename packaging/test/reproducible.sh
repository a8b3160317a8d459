#!/bin/sh
# Makes the .deb, the archive and the bundle of the last commit in two clones in folders of different depth, and compares
# them byte for byte; then looks for this machine's paths in the programs. Takes two release builds.
set -eu
source=$(cd "$(dirname "$0")/../.." && pwd)
unset CARGO_TARGET_DIR SNOWGATE_BIN_DIR SNOWGATE_PACKAGES_DIR SOURCE_DATE_EPOCH
work=${1:-$(mktemp -d)}
mkdir -p "$work/further/down"
commit=$(git -C "$source" rev-parse HEAD)
one=$work/one two=$work/further/down/two
for clone in "$one" "$two"; do
    [ -e "$clone" ] || git clone --quiet --no-local "$source" "$clone"
    (cd "$clone" && git fetch --quiet origin && git checkout --quiet --detach "$commit" &&
        rm -rf target/packages && packaging/build.sh deb tar mcpb homebrew)
done
diff "$one/target/packages/SHA256SUMS" "$two/target/packages/SHA256SUMS"
echo "ok: both clones make the same bytes"
cat "$one/target/packages/SHA256SUMS"
for place in "$work" "${CARGO_HOME:-$HOME/.cargo}" "$HOME/"; do
    if grep -F -l -- "$place" "$one/target/release/snowgate" "$one/target/release/snowgate-shim"; then
        echo "FAILED: $place is in a program" >&2
        exit 1
    fi
done
echo "ok: no path of this machine is in the programs"
[ -n "${1:-}" ] || rm -rf "$work"
