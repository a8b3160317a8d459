# One recipe for each check and command. `.ci/run` runs the same commands and does not need `just`.
# Test programs and their settings: CONTRIBUTING.md.

# The recipes.
[private]
default:
    @just --list --unsorted

# Check the format.
fmt:
    cargo fmt --all --check

# Run clippy; warnings are errors.
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Build the API documentation; warnings are errors.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet

# Run all tests. Arguments are passed on: `just test -p snowgate --lib config::`.
test *arguments="--workspace":
    cargo test {{ arguments }}

# Run only the unit and property tests (no processes, no network).
quick:
    cargo test --locked -p snowgate -p snowgate-shim -p snowflake-wire

# Lint and test exports as parquet, which the default build leaves out.
parquet:
    cargo clippy -p snowgate --all-targets --features parquet --locked -- -D warnings
    cargo test -p snowgate --lib --features parquet --locked -- export::

# Build release binaries and run the demo.
demo:
    cargo build --release && ./target/release/snowgate demo

# Lint everything for Windows and macOS, from Linux: gets both compilers at first (about a minute).
cross-check:
    .ci/cross check

# Run the tests of the Windows programs with Wine, on Linux; needs to install Wine and MinGW at first.
windows-test *arguments:
    tests/wine/run.sh {{ arguments }}

# Check the workflows in .github, and the scripts of CI.
actionlint:
    .ci/actionlint

# Run everything that CI runs.
ci:
    .ci/run

# Run a benchmark (spine, carry, account, queue or tokens) on release binaries: `just bench spine --quick`.
bench name="spine" *arguments:
    cargo build --release
    cargo bench -p snowgate-benches --bench {{ name }} -- {{ arguments }}

# Kill gateways under working clients, on release binaries; then the same in front of fakesnow.
chaos clients="50" kills="200" fakesnow_kills="50":
    cargo build --release
    SNOWGATE_TEST_BIN_DIR="{{ justfile_directory() }}/target/release" SNOWGATE_TEST_CLIENTS={{ clients }} \
        SNOWGATE_TEST_KILLS={{ kills }} SNOWGATE_TEST_FAKESNOW_CLIENTS={{ clients }} \
        SNOWGATE_TEST_FAKESNOW_KILLS={{ fakesnow_kills }} \
        cargo test --locked -p snowgate-tests --test chaos -- --nocapture

# Start many shims at once, again and again, while gateways and shims are killed.
start-race rounds="300":
    SNOWGATE_TEST_ROUNDS={{ rounds }} cargo test --locked --release -p snowgate-tests --test start_race

# Show how long others wait, and what memory the gateway takes, while one client does its worst.
stall attacks="":
    cargo build --release
    SNOWGATE_TEST_BIN_DIR="{{ justfile_directory() }}/target/release" SNOWGATE_TEST_STALL="{{ attacks }}" \
        cargo test --locked -p snowgate-tests --test stall -- --nocapture

# Show what each client gets beside a greedy one, with weights, and among many, on release binaries (10 min).
fairness scenarios="" seconds="60":
    cargo build --release
    SNOWGATE_TEST_BIN_DIR="{{ justfile_directory() }}/target/release" SNOWGATE_TEST_FAIRNESS_SECONDS={{ seconds }} \
        SNOWGATE_TEST_FAIRNESS="{{ scenarios }}" cargo test --locked -p snowgate-tests --test fairness -- --nocapture

# Cancel very many requests at random moments, with shims killed among them, on release binaries.
cancel-storm cancels="10000":
    cargo build --release
    SNOWGATE_TEST_BIN_DIR="{{ justfile_directory() }}/target/release" SNOWGATE_TEST_CANCELS={{ cancels }} \
        cargo test --locked -p snowgate-tests --test cancel_storm -- --nocapture

# Kill the gateway of very many shims, again and again, on release binaries; prints how long they take to come back.
storm shims="10000" kills="10":
    cargo build --release
    SNOWGATE_TEST_BIN_DIR="{{ justfile_directory() }}/target/release" SNOWGATE_TEST_SHIMS={{ shims }} \
        SNOWGATE_TEST_STORM_KILLS={{ kills }} \
        cargo test --locked -p snowgate-tests --test storm -- --nocapture

# Connect Claude Code, Gemini CLI, Codex and opencode, offline, on release binaries (1.3 GB of npm packages at first).
agents *names="":
    cargo build --release
    python3 tests/clients/agents/run.py target/release {{ names }}

# Fuzz a target (hello, frames, shim_link, gateway_link or lines); needs cargo-fuzz and a nightly compiler.
fuzz target="frames" seconds="300":
    cargo +nightly fuzz run {{ target }} -- -max_total_time={{ seconds }} -max_len=600

# Measure line coverage by folder; needs cargo-llvm-cov and LLVM's tools (Debian: llvm-22).
coverage *arguments="--workspace":
    .ci/coverage {{ arguments }}

# Check licences, advisories and sources of dependencies; needs cargo-deny.
deny:
    cargo deny check

# Build the release binaries as packages have them, and check that the shim is small enough.
programs:
    packaging/programs.sh
    @ls -l target/release/snowgate target/release/snowgate-shim

# Make all packages in target/packages, with checksums.
package:
    packaging/build.sh all

# Make a Debian package.
package-deb:
    packaging/build.sh deb

# Make an archive for Linux, with the list of components.
package-tar:
    packaging/build.sh tar

# Make an archive for Windows of the programs in SNOWGATE_WINDOWS_BIN_DIR.
package-zip:
    packaging/build.sh zip

# Make a bundle for Claude Desktop.
package-mcpb:
    packaging/build.sh mcpb

# Copy the container image file.
package-image:
    packaging/build.sh image

# Fill in the Homebrew formula, and make the archive of the source.
package-homebrew:
    packaging/build.sh homebrew

# Fill in the winget manifest.
package-winget:
    packaging/build.sh winget

# Check, tag, make all packages, and print what to upload; with --dry-run: no tests, no tag.
release *arguments:
    packaging/release.sh {{ arguments }}
