# An archive for any Linux of this architecture with glibc: programs, units, manual, completions, licences, SBOM.
need python3 "the list of components"
name=snowgate-$version-$arch-linux
contents "$work/$name"
# An archive's programs go to ~/.local/bin.
sed -i 's|/usr/bin/|%h/.local/bin/|g' "$work/$name"/units/*.service
cp README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT "$work/$name/"
cp -r examples "$work/$name/examples"
python3 packaging/sbom.py > "$work/$name/sbom.cdx.json"
cp "$work/$name/sbom.cdx.json" "$packages/snowgate-$version.cdx.json"
made "$packages/snowgate-$version.cdx.json"
(cd "$work/$name" && find . -type f ! -name SHA256SUMS -printf '%P\n' | sort | xargs -d '\n' sha256sum > "$work/sums" &&
    mv "$work/sums" SHA256SUMS)
pack_tar "$work" "$name" "$packages/$name.tar.gz"
made "$packages/$name.tar.gz"
