#!/bin/sh
# Builds the release programs so that two builds of one commit are the same, wherever they are made: without the paths of
# this machine in messages, and with the locked dependencies. The shim is checked against its limit.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
target=${CARGO_TARGET_DIR:-$root/target}
cargo_home=${CARGO_HOME:-$HOME/.cargo}
shim_bytes_max=500000

# The longest folder last: rustc takes the last that fits, a C compiler as well.
case "$root$target$cargo_home" in *" "*)
    echo "programs.sh: a folder of the source, of the build or of Cargo has a blank in its path: build in another" >&2
    exit 1
    ;;
esac
flags="" c_flags=""
map() {
    flags="$flags --remap-path-prefix=$1=$2"
    c_flags="$c_flags -ffile-prefix-map=$1=$2"
}
map "$cargo_home" /cargo
for sources in "$cargo_home"/registry/src/*; do
    map "$sources" /cargo
done
map "$root" /snowgate
map "$target" /snowgate/target
RUSTFLAGS="${RUSTFLAGS:-}$flags" CFLAGS="${CFLAGS:-}$c_flags" CARGO_INCREMENTAL=0 \
    cargo build --release --locked -p snowgate -p snowgate-shim

bytes=$(wc -c < "$target/release/snowgate-shim")
if [ "$bytes" -gt "$shim_bytes_max" ]; then
    echo "programs.sh: the shim has $bytes bytes, and at most $shim_bytes_max are allowed" >&2
    exit 1
fi
