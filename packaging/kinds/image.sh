# The container image file, with what it needs to be built from the archive of the source alone.
cp packaging/container/Containerfile "$packages/Containerfile"
made "$packages/Containerfile"
