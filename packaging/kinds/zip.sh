# An archive for Windows: both programs, the script that installs them, completions, licences, examples, SBOM. winget installs it.
# The programs come from SNOWGATE_WINDOWS_BIN_DIR: this machine need not be one that can build them.
need python3 "the archive, and the list of components"
[ -n "${SNOWGATE_WINDOWS_BIN_DIR:-}" ] || fail "SNOWGATE_WINDOWS_BIN_DIR is not set: zip needs the folder with snowgate.exe and snowgate-shim.exe"
windows_bin=$(cd "$SNOWGATE_WINDOWS_BIN_DIR" && pwd)
root=$work/zip
mkdir -p "$root/completions"
for program in snowgate.exe snowgate-shim.exe; do
    [ -f "$windows_bin/$program" ] || fail "$windows_bin/$program is not there"
    cp "$windows_bin/$program" "$root/"
done
shim_bytes=$(wc -c < "$root/snowgate-shim.exe")
[ "$shim_bytes" -le 600000 ] || fail "the shim for Windows has $shim_bytes bytes, and at most 600000 are allowed"
# A program that cannot be run here has its version in it, too: behind its name, where it names itself to other servers.
grep -aqF "snowgate/$version" "$root/snowgate.exe" || fail "$windows_bin/snowgate.exe is not of version $version"
case $(uname -s) in
    MINGW* | MSYS* | CYGWIN*) said_by=$windows_bin/snowgate.exe ;;
    *)
        programs
        said_by=$bin/snowgate
        ;;
esac
"$said_by" completions powershell > "$root/completions/snowgate.ps1"
cp packaging/windows/install.ps1 README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT "$root/"
cp -r examples "$root/examples"
python3 packaging/sbom.py x86_64-pc-windows-gnu > "$root/sbom.cdx.json"
SNOWGATE_WINDOWS_ZIP=$packages/snowgate-$version-x86_64-windows.zip
python3 packaging/zip.py "$root" "$SNOWGATE_WINDOWS_ZIP"
made "$SNOWGATE_WINDOWS_ZIP"
