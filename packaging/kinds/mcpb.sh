# A bundle for Claude Desktop with the profile `default`, which every configuration has. One with another profile is made
# where that profile is: `snowgate bundle --profile NAME`. It has programs for Linux, and for the other systems where there are any.
programs
mkdir "$work/home"
set_with=
systems=$arch-linux
if [ -n "${SNOWGATE_WINDOWS_BIN_DIR:-}" ]; then
    set_with="$set_with --with windows=$(cd "$SNOWGATE_WINDOWS_BIN_DIR" && pwd)"
    systems=$systems-windows
fi
if [ -n "${SNOWGATE_MACOS_BIN_DIR:-}" ]; then
    set_with="$set_with --with macos=$(cd "$SNOWGATE_MACOS_BIN_DIR" && pwd)"
    systems=$systems-macos
fi
bundle=$packages/snowgate-$version-$systems.mcpb
# shellcheck disable=SC2086 # One word each: programs.sh refuses folders with blanks, too.
SNOWGATE_HOME=$work/home "$bin/snowgate" bundle --profile default --name snowgate $set_with --output "$bundle" > /dev/null
# Files of the gateway are its user's alone.
chmod 644 "$bundle"
made "$bundle"
