#!/usr/bin/env python3
"""Says what a program for macOS is, on any system, and whether Apple's arm64 processors would run it.

Usage: packaging/test/mach_o.py FILE...

They ask for a signature, at least one without an identity ("ad hoc"); Gatekeeper asks for more only of what was downloaded.
Exits with 1 if a file is no executable for arm64, needs a newer macOS than we promise, or is not signed. The format is that of
<mach-o/loader.h> and <kern/cs_blobs.h>.
"""

import struct
import sys
from pathlib import Path

MH_MAGIC_64, MH_EXECUTE, CPU_TYPE_ARM64 = 0xFEEDFACF, 2, 0x0100000C
LC_LOAD_DYLIB, LC_CODE_SIGNATURE, LC_BUILD_VERSION = 0xC, 0x1D, 0x32
PLATFORM_MACOS = 1
CSMAGIC_EMBEDDED_SIGNATURE, CSMAGIC_CODEDIRECTORY, CS_ADHOC = 0xFADE0CC0, 0xFADE0C02, 0x2
# The oldest macOS of an arm64 processor, for which Rust builds.
OLDEST_MACOS = (11, 0)


def version(packed):
    return packed >> 16, (packed >> 8) & 0xFF


def signature(blob):
    """The flags of the code directory in a signature; none where there is none. Its numbers are big-endian."""
    magic, _, count = struct.unpack_from(">III", blob)
    if magic != CSMAGIC_EMBEDDED_SIGNATURE:
        return None
    for at in range(count):
        _, offset = struct.unpack_from(">II", blob, 12 + at * 8)
        magic, _, _, flags = struct.unpack_from(">IIII", blob, offset)
        if magic == CSMAGIC_CODEDIRECTORY:
            return flags
    return None


def look(path):
    data = Path(path).read_bytes()
    magic, cpu, _, kind, commands, _, _, _ = struct.unpack_from("<IIIIIIII", data)
    wrong = []
    if (magic, cpu, kind) != (MH_MAGIC_64, CPU_TYPE_ARM64, MH_EXECUTE):
        return f"magic {magic:#x}, processor {cpu:#x}, type {kind}", ["is no program for macOS on arm64"]
    libraries, least, flags, at = [], None, None, 32
    for _ in range(commands):
        command, size = struct.unpack_from("<II", data, at)
        if command & 0x7FFFFFFF == LC_LOAD_DYLIB:
            name = at + struct.unpack_from("<I", data, at + 8)[0]
            libraries.append(data[name : at + size].rstrip(b"\0").decode())
        elif command == LC_BUILD_VERSION:
            platform, least_packed = struct.unpack_from("<II", data, at + 8)
            least = version(least_packed)
            if platform != PLATFORM_MACOS:
                wrong.append(f"is for platform {platform}")
        elif command == LC_CODE_SIGNATURE:
            offset, length = struct.unpack_from("<II", data, at + 8)
            flags = signature(data[offset : offset + length])
        at += size
    if least is None or least > OLDEST_MACOS:
        wrong.append(f"needs macOS {least}, and {OLDEST_MACOS} is promised")
    if flags is None:
        wrong.append("is not signed, and arm64 runs nothing unsigned")
    signed = "none" if flags is None else "ad hoc" if flags & CS_ADHOC else f"flags {flags:#x}"
    said = f"{len(data)} bytes, arm64, macOS {least and '.'.join(map(str, least))} or newer, signature {signed}, {', '.join(libraries)}"
    return said, wrong


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    failed = False
    for path in sys.argv[1:]:
        said, wrong = look(path)
        print(f"{path}: {said}")
        for what in wrong:
            failed = True
            print(f"{path}: {what}", file=sys.stderr)
    sys.exit(failed)


if __name__ == "__main__":
    main()
