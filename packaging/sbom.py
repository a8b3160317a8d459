"""Prints the list of components of both programs, as CycloneDX 1.6 JSON, from `cargo metadata`.

    packaging/sbom.py [TARGET]     TARGET: what the programs are for (x86_64-pc-windows-gnu), this system otherwise

What is compiled in: normal dependencies for that system, not those of tests, of build scripts or of macros at build time.
The same source gives the same bytes: the time is SOURCE_DATE_EPOCH, the serial number a digest of the components.
"""

import datetime
import json
import os
import subprocess
import sys
import uuid

PROGRAMS = ("snowgate", "snowgate-shim")


def host():
    said = subprocess.run(["rustc", "-vV"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return next(line.split()[1] for line in said.splitlines() if line.startswith("host:"))


def metadata(target):
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def is_compiled_in(dependency):
    return any(kind["kind"] is None for kind in dependency["dep_kinds"])


def is_macro(package):
    return any("proc-macro" in target["kind"] for target in package["targets"])


def reachable(packages, edges, roots):
    seen, todo = set(), list(roots)
    while todo:
        name = todo.pop()
        if name in seen or is_macro(packages[name]):
            continue
        seen.add(name)
        todo.extend(edges[name])
    return seen


def reference(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, checksums):
    found = {
        "type": "application" if package["name"] in PROGRAMS else "library",
        "bom-ref": reference(package),
        "name": package["name"],
        "version": package["version"],
        "scope": "required",
    }
    if package["license"]:
        # Old packages separate licences by a slash.
        found["licenses"] = [{"expression": package["license"].replace("/", " OR ").replace("  ", " ")}]
    if package["source"]:
        found["purl"] = reference(package)
        digest = checksums.get((package["name"], package["version"]))
        if digest:
            found["hashes"] = [{"alg": "SHA-256", "content": digest}]
    if package["repository"]:
        found["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return found


def checksums():
    """The digests of Cargo.lock, by name and version."""
    found, entry = {}, {}
    with open("Cargo.lock", encoding="utf-8") as lock:
        for line in lock:
            key, _, value = line.strip().partition(" = ")
            if line.startswith("[[package]]"):
                entry = {}
            elif key in ("name", "version", "checksum"):
                entry[key] = value.strip('"')
                if key == "checksum":
                    found[entry["name"], entry["version"]] = entry["checksum"]
    return found


def main():
    facts = metadata(sys.argv[1] if len(sys.argv) > 1 else host())
    packages = {package["id"]: package for package in facts["packages"]}
    edges = {
        node["id"]: [dependency["pkg"] for dependency in node["deps"] if is_compiled_in(dependency)]
        for node in facts["resolve"]["nodes"]
    }
    roots = [name for name, package in packages.items() if package["name"] in PROGRAMS and not package["source"]]
    used = reachable(packages, edges, roots)
    digests = checksums()
    components = sorted((component(packages[name], digests) for name in used), key=lambda one: one["bom-ref"])
    dependencies = [
        {
            "ref": reference(packages[name]),
            "dependsOn": sorted({reference(packages[other]) for other in edges[name] if other in used}),
        }
        for name in sorted(used, key=lambda name: reference(packages[name]))
    ]
    moment = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
    version = next(packages[name]["version"] for name in roots)
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(components, sort_keys=True))
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": moment.isoformat().replace("+00:00", "Z"),
            "component": {"type": "application", "bom-ref": "snowgate", "name": "snowgate", "version": version},
        },
        "components": components,
        "dependencies": dependencies,
    }
    print(json.dumps(bom, indent=1))


main()
