"""A clean Debian root of its own for the tests of packages: made by debootstrap, entered in namespaces of its own."""

import os
import shutil
import subprocess
import sys
import tempfile

SUITE = "bookworm"
# What programs find in PATH there.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


# The folder of the root; set where the script runs in namespaces of its own.
FOLDER = "SNOWGATE_TEST_FOLDER"


def enter_namespaces():
    """Runs this script again where its mounts and processes end with it, and removes its folder afterwards."""
    if FOLDER in os.environ:
        return
    with tempfile.TemporaryDirectory(prefix="snowgate-root-") as folder:
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"]
        command += [sys.executable, *sys.argv]
        sys.exit(subprocess.run(command, env={**os.environ, FOLDER: folder}).returncode)


class Root:
    """The root, in this script's folder."""

    def __init__(self):
        base = os.environ.get("SNOWGATE_TEST_ROOT")
        self.folder = os.environ[FOLDER]
        self.path = os.path.join(self.folder, "root")
        if base:
            subprocess.run(["cp", "-a", base, self.path], check=True)
        else:
            subprocess.run(["debootstrap", "--variant=minbase", SUITE, self.path], check=True, stdout=subprocess.DEVNULL)
        for name in ("proc", "sys", "tmp", "run"):
            os.makedirs(self.at(name), exist_ok=True)
        self.mount("-t", "proc", "proc", self.at("proc"))
        self.mount("-t", "tmpfs", "tmpfs", self.at("tmp"))
        self.mount("-t", "tmpfs", "tmpfs", self.at("run"))
        # apt in the root asks the same mirrors, in the same way.
        shutil.copy("/etc/resolv.conf", self.at("etc/resolv.conf"))

    def mount(self, *arguments):
        subprocess.run(["mount", *arguments], check=True)

    def at(self, path):
        return os.path.join(self.path, path.lstrip("/"))

    def command(self, words, user=None, variables=None):
        """The command line that runs `words` in the root."""
        env = {"PATH": PATH, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        # apt is told of proxies by variables, where there are any.
        env.update({name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")})
        env.update(variables or {})
        who = [f"--userspec={user}"] if user else []
        return ["env", "-i", *(f"{name}={value}" for name, value in env.items()), "chroot", *who, self.path, *words]

    def run(self, *words, user=None, variables=None, check=True, timeout=300):
        done = subprocess.run(
            self.command(words, user, variables), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout
        )
        if check and done.returncode != 0:
            sys.exit(f"FAILED ({done.returncode}): {' '.join(words)}\n{done.stdout}\n{done.stderr}")
        return done

    def files(self, *without):
        """All paths on the root's own disk, but for those under `without`, with size and mode."""
        found = {}
        for folder, folders, files in os.walk(self.path):
            folders[:] = [name for name in folders if not self.is_left_out(os.path.join(folder, name), without)]
            for name in [*folders, *files]:
                path = os.path.join(folder, name)
                if not self.is_left_out(path, without):
                    facts = os.lstat(path)
                    found[path[len(self.path) :]] = (facts.st_mode, facts.st_size if name in files else 0)
        return found

    def is_left_out(self, path, without):
        inside = path[len(self.path) :]
        return inside in ("/proc", "/sys", "/dev", "/tmp", "/run") or any(
            inside == one or inside.startswith(one + "/") for one in without
        )

    def make_read_only(self, *volumes):
        """Nothing but the volumes, /tmp and /run can be written."""
        for volume in volumes:
            self.mount("--bind", self.at(volume), self.at(volume))
        self.mount("--rbind", self.path, self.path)
        # Of this one mount, not of those in it.
        self.mount("-o", "remount,bind,ro", self.path)


def ok(what):
    print(f"ok: {what}", flush=True)


def expect(holds, what):
    if not holds:
        sys.exit(f"FAILED: {what}")
    ok(what)
