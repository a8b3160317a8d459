# A Homebrew formula and the archive of the source that it builds. The archive is of the last commit.
name=snowgate-$version
git archive --format=tar --prefix="$name/" HEAD > "$work/source.tar"
gzip -n -9 < "$work/source.tar" > "$packages/$name.tar.gz"
sha256=$(sha256_of "$packages/$name.tar.gz")
fill < packaging/homebrew/snowgate.rb > "$packages/snowgate.rb"
made "$packages/$name.tar.gz"
made "$packages/snowgate.rb"
