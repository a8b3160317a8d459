"""Packs a folder into a zip file whose bytes depend on nothing but the files: sorted, with one time (SOURCE_DATE_EPOCH) and one
mode, made as if on Windows.

Usage: zip.py FOLDER FILE.zip
"""

import os
import sys
import time
import zipfile


def main():
    folder, archive = sys.argv[1:]
    # Two seconds are the finest that a zip file knows, and 1980 the first year.
    at = time.gmtime(max(int(os.environ["SOURCE_DATE_EPOCH"]), 315532800))
    names = []
    for root, _, files in os.walk(folder):
        names += [os.path.relpath(os.path.join(root, name), folder) for name in files]
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name in sorted(names, key=lambda name: name.replace(os.sep, "/")):
            entry = zipfile.ZipInfo(name.replace(os.sep, "/"), at[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 0
            with open(os.path.join(folder, name), "rb") as file:
                packed.writestr(entry, file.read(), compresslevel=9)


if __name__ == "__main__":
    main()
