# A Debian package. dpkg's own tools make it; packages.md says why not cargo-deb.
need dpkg-deb "a Debian package"
need dpkg-shlibdeps "the list of libraries (Debian: apt-get install dpkg-dev)"
deb_arch=$(dpkg --print-architecture)
root=$work/deb/snowgate
contents "$work/deb/contents"
from=$work/deb/contents
mkdir -p "$root/DEBIAN" "$root/usr/bin" "$root/usr/lib/systemd/user" "$root/usr/share/man/man1" \
    "$root/usr/share/bash-completion/completions" "$root/usr/share/zsh/vendor-completions" \
    "$root/usr/share/fish/vendor_completions.d" "$root/usr/share/doc/snowgate/examples" \
    "$root/usr/share/lintian/overrides"
install -m 755 "$from/bin/snowgate" "$from/bin/snowgate-shim" "$root/usr/bin/"
install -m 644 "$from"/units/* "$root/usr/lib/systemd/user/"
for page in "$from"/man/*; do
    gzip -n -9 < "$page" > "$root/usr/share/man/man1/$(basename "$page").gz"
done
install -m 644 "$from/completions/snowgate.bash" "$root/usr/share/bash-completion/completions/snowgate"
install -m 644 "$from/completions/snowgate.zsh" "$root/usr/share/zsh/vendor-completions/_snowgate"
install -m 644 "$from/completions/snowgate.fish" "$root/usr/share/fish/vendor_completions.d/snowgate.fish"
cp -r examples/. "$root/usr/share/doc/snowgate/examples/"
cp packaging/deb/copyright "$root/usr/share/doc/snowgate/copyright"
gzip -n -9 < CHANGELOG.md > "$root/usr/share/doc/snowgate/changelog.gz"
{
    printf 'snowgate (%s-1) unstable; urgency=medium\n\n  * Release %s; what has changed is in changelog.gz.\n\n' "$version" "$version"
    printf ' -- The Snowgate authors <snowgate@snowgate.example>  %s\n' "$(date -R -d "@$SOURCE_DATE_EPOCH")"
} | gzip -n -9 > "$root/usr/share/doc/snowgate/changelog.Debian.gz"
cp packaging/deb/lintian-overrides "$root/usr/share/lintian/overrides/snowgate"

# dpkg-shlibdeps reads which symbols the programs need, and from which version of which package on each is there.
mkdir -p "$work/deb/debian"
printf 'Source: snowgate\n\nPackage: snowgate\nArchitecture: any\n' > "$work/deb/debian/control"
depends=$(cd "$work/deb" && dpkg-shlibdeps -O snowgate/usr/bin/snowgate snowgate/usr/bin/snowgate-shim 2> /dev/null |
    sed -n 's/^shlibs:Depends=//p')
[ -n "$depends" ] || fail "dpkg-shlibdeps did not say which libraries the programs need"
size=$(find "$root/usr" -type f -printf '%s\n' | awk '{ kib += int(($1 + 1023) / 1024) } END { print kib }')
sed -e "s|@VERSION@|$version|" -e "s|@ARCH@|$deb_arch|" -e "s|@DEPENDS@|$depends|" -e "s|@SIZE@|$size|" \
    packaging/deb/control > "$root/DEBIAN/control"
(cd "$root" && find usr -type f | sort | xargs -d '\n' md5sum > "$work/md5sums" && mv "$work/md5sums" DEBIAN/md5sums)
find "$root" -type d -exec chmod 755 {} +
find "$root" -type f ! -path '*/usr/bin/*' -exec chmod 644 {} +
fix_times "$root"
# One thread: the bytes of xz depend on how many there are.
dpkg-deb --root-owner-group --threads-max=1 -Zxz --build "$root" "$packages/snowgate_${version}-1_$deb_arch.deb" > /dev/null
made "$packages/snowgate_${version}-1_$deb_arch.deb"
