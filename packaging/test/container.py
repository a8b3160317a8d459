"""Runs the steps of the Containerfile's last stage in a clean root, then the image's command as its user, with a root that
nothing can write: for machines without a container engine. The first stage is not run: its programs are those of BIN_DIR.

Usage, as root, with debootstrap, unshare, openssl and curl: packaging/test/container.py BIN_DIR
SNOWGATE_TEST_ROOT: a root that debootstrap has made before; it is copied.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import time

from inside import Root, enter_namespaces, expect, ok

FILE = os.path.join(os.path.dirname(__file__), "..", "container", "Containerfile")
# How long anything may take, in seconds.
PATIENCE = 60
NAME = "gateway.test"


def steps():
    """The instructions of the last stage: name and text."""
    with open(FILE, encoding="utf-8") as file:
        lines = [line for line in file if not line.startswith("#")]
    found = []
    for line in "".join(lines).replace("\\\n", " ").splitlines():
        name, _, text = line.strip().partition(" ")
        if name == "FROM":
            found = []
        if name:
            found.append((name, text.strip()))
    return found


class Image:
    """What the instructions have said."""

    def __init__(self, root, bin_dir):
        self.root, self.bin_dir = root, bin_dir
        self.variables, self.user, self.volumes, self.words = {}, None, [], {}

    def apply(self, name, text):
        if name == "RUN":
            self.root.run("sh", "-c", text, variables=self.variables)
        elif name == "COPY":
            *sources, target = [word for word in text.split() if not word.startswith("--")]
            for source in sources:
                shutil.copy(os.path.join(self.bin_dir, os.path.basename(source)), self.root.at(target))
        elif name == "ENV":
            for pair in shlex.split(text):
                variable, _, value = pair.partition("=")
                self.variables[variable] = value
        elif name == "USER":
            self.user = text
        elif name == "VOLUME":
            self.volumes.append(text)
        elif name == "HEALTHCHECK":
            self.words[name] = json.loads(text[text.index("CMD") + 4 :])
        elif name in ("ENTRYPOINT", "CMD"):
            self.words[name] = json.loads(text)

    def command(self, *arguments):
        return self.root.command([*self.words["ENTRYPOINT"], *arguments], self.user, self.variables)

    def start(self, log):
        return subprocess.Popen(self.command(*self.words["CMD"]), stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def is_well(self):
        words = self.root.command(self.words["HEALTHCHECK"], self.user, self.variables)
        return subprocess.run(words, capture_output=True, timeout=PATIENCE).returncode == 0


def certificate(folder):
    key, own = os.path.join(folder, "tls.key"), os.path.join(folder, "tls.crt")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        + ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}", "-keyout", key, "-out", own],
        check=True,
        capture_output=True,
    )
    return key, own


def curl(authority, path, *arguments):
    command = ["curl", "--silent", "--show-error", "--max-time", "20", "--noproxy", "*", "--cacert", authority]
    command += ["--resolve", f"{NAME}:8473:127.0.0.1", *arguments, f"https://{NAME}:8473{path}"]
    return subprocess.run(command, capture_output=True, text=True)


def main(bin_dir):
    root = Root()
    image = Image(root, bin_dir)
    for name, text in steps():
        image.apply(name, text)
        ok(f"{name} {text[:60]}")
    root.make_read_only(*image.volumes)
    serve(root, image)


def serve(root, image):
    image.variables["SNOWGATE_HTTP_ALLOWED_HOSTS"] = f'["{NAME}"]'
    log_path = os.path.join(root.folder, "log")
    log = open(log_path, "w", encoding="utf-8")
    first = image.start(log)
    code = first.wait(PATIENCE)
    with open(log_path, encoding="utf-8") as said:
        text = said.read()
    expect(code != 0 and "tls" in text, f"without a certificate it does not start, and says so ({code}): {text.strip()}")

    secrets = root.at("/run/secrets/snowgate")
    os.makedirs(secrets)
    key, own = certificate(secrets)
    uid, gid = (int(part) for part in image.user.split(":"))
    os.chown(key, uid, gid)
    process = image.start(log)
    end = time.monotonic() + PATIENCE
    while not image.is_well():
        expect_running(process, log_path, end)
    ok("the health check succeeds")
    owner = os.stat(f"/proc/{process.pid}").st_uid
    expect(owner == uid, f"it runs as user {owner}")
    refused = subprocess.run(root.command(["touch", "/usr/local/bin/x"]), capture_output=True).returncode
    expect(refused != 0, "its root cannot be written")
    health = curl(own, "/health")
    expect('"status": "ok"' in health.stdout or '"status":"ok"' in health.stdout, f"/health over TLS: {health.stdout.strip()}{health.stderr}")
    expect("401" in curl(own, "/mcp/tools", "--write-out", "%{http_code}").stdout, "without a key it answers nothing")
    made = subprocess.run(image.command("keys", "create", "--name", "team", "--json"), capture_output=True, text=True)
    expect(made.returncode == 0, f"`keys create` in the container works {made.stderr}")
    secret = next(value for value in json.loads(made.stdout).values() if str(value).startswith("sgk_"))
    body = json.dumps({"name": "execute_query", "arguments": {"query": "SELECT 40 + 2"}})
    call = ["--header", f"Authorization: Bearer {secret}", "--header", "Content-Type: application/json", "--data", body]
    end = time.monotonic() + PATIENCE
    while "42" not in (answer := curl(own, "/mcp/tools/call", *call)).stdout:
        if time.monotonic() > end:
            sys.exit(f"FAILED: a call with a key: {answer.stdout}{answer.stderr}")
        time.sleep(0.2)
    ok("a call with a key is answered")
    process.terminate()
    expect(process.wait(PATIENCE) == 0, "SIGTERM ends it with 0")
    expect(not image.is_well(), "then the health check fails")


def expect_running(process, log_path, end):
    if process.poll() is not None or time.monotonic() > end:
        with open(log_path, encoding="utf-8") as said:
            sys.exit(f"FAILED: the gateway is not well: {said.read()}")
    time.sleep(0.1)


if len(sys.argv) != 2:
    sys.exit(__doc__)
enter_namespaces()
main(os.path.abspath(sys.argv[1]))
