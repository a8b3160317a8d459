# The three files of a winget manifest, for an archive with both programs.
if [ -n "${SNOWGATE_WINDOWS_ZIP:-}" ]; then
    sha256=$(sha256_of "$SNOWGATE_WINDOWS_ZIP" | tr a-f A-F)
else
    sha256=$(printf '%064d' 0)
    echo "build.sh: neither zip was made nor is SNOWGATE_WINDOWS_ZIP set: the winget manifest is not to be submitted" >&2
fi
mkdir -p "$packages/winget"
for template in packaging/winget/*.yaml; do
    fill < "$template" > "$packages/winget/$(basename "$template")"
done
made "$packages/winget"
