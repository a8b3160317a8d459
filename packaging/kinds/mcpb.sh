# A bundle for Claude Desktop with the profile `default`, which every configuration has. One with another profile is made
# where that profile is: `snowgate bundle --profile NAME`.
programs
mkdir "$work/home"
SNOWGATE_HOME=$work/home "$bin/snowgate" bundle --profile default --name snowgate \
    --output "$packages/snowgate-$version-$arch-linux.mcpb" > /dev/null
# Files of the gateway are its user's alone.
chmod 644 "$packages/snowgate-$version-$arch-linux.mcpb"
made "$packages/snowgate-$version-$arch-linux.mcpb"
