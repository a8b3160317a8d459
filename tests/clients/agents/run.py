"""Connects coding agents to Snowgate, offline, and has each call a tool.

    python3 run.py FOLDER_OF_THE_PROGRAMS [AGENT...]

Each agent gets a home, a folder and a SNOWGATE_HOME of its own and a model on loopback (`model.py`) that asks for
three tools. An agent passes if it offered them and their results came back to the model, and nothing that it printed
complains about a schema. Its output is printed if it fails, or with SHOW=1.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from model import Model

FOLDER = pathlib.Path(__file__).resolve().parent
PATIENCE_SECONDS = 180
PROMPT = "List the tables."
COMPLAINT = re.compile(r"schema|unknown format|strict mode|invalid tool|skipping tool|discarded|unsupported", re.I)
# Lines that are no complaints: they show calls.
HARMLESS = re.compile(r"^\[(MESSAGE_BUS|Conseca)\]|\[PolicyEngine|\"schema\":")
# The tools that the model asks for, with their arguments and a word of the result.
CALLS = {
    "list_tables": ({}, "CUSTOMER"),
    "describe_table": ({"table": "CUSTOMER"}, "C_NATIONKEY"),
    "execute_query": ({"query": "select 6 * 7 as answer", "limit": 10, "schema": ""}, "42"),
}


def claude(home, shim, model):
    config = home / "mcp.json"
    config.write_text(json.dumps({"mcpServers": {"snowgate": {"command": shim[0], "args": shim[1:]}}}))
    command = [
        "claude", "--print", "--strict-mcp-config", "--mcp-config", str(config), "--allowedTools", "mcp__snowgate",
        "--debug", "--debug-to-stderr", PROMPT,
    ]
    return command, {
        "ANTHROPIC_BASE_URL": model.url,
        "ANTHROPIC_API_KEY": "none",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
    }


def gemini(home, shim, model):
    settings = home / ".gemini" / "settings.json"
    settings.parent.mkdir()
    server = {"command": shim[0], "args": shim[1:], "trust": True}
    settings.write_text(
        json.dumps(
            {
                "mcpServers": {"snowgate": server},
                "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
                "general": {"disableAutoUpdate": True},
                "privacy": {"usageStatisticsEnabled": False},
            }
        )
    )
    command = ["gemini", "--debug", "--approval-mode", "yolo", "--skip-trust", "-m", "gemini-2.5-flash", "-p", PROMPT]
    return command, {"GEMINI_API_KEY": "none", "GOOGLE_GEMINI_BASE_URL": model.url}


def codex(home, shim, model):
    config = home / ".codex" / "config.toml"
    config.parent.mkdir()
    config.write_text(
        f"""model = "stub"
model_provider = "stub"
check_for_update_on_startup = false
[model_providers.stub]
name = "stub"
base_url = "{model.url}/v1"
wire_api = "responses"
[mcp_servers.snowgate]
command = {json.dumps(shim[0])}
args = {json.dumps(shim[1:])}
env = {{ SNOWGATE_HOME = {json.dumps(str(home / "snowgate"))} }}
"""
    )
    flags = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
    return ["codex", "exec", *flags, PROMPT], {"RUST_LOG": "warn"}


def opencode(home, shim, model):
    config = home / "project" / "opencode.json"
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": f"{model.url}/v1", "apiKey": "none"},
        "models": {"stub": {"name": "stub", "tool_call": True}},
    }
    config.write_text(
        json.dumps(
            {
                "provider": {"stub": provider},
                "autoupdate": False,
                "share": "disabled",
                "mcp": {"snowgate": {"type": "local", "command": shim, "enabled": True}},
            }
        )
    )
    return ["opencode", "run", "--print-logs", "-m", "stub/stub", PROMPT], {"OPENCODE_DISABLE_MODELS_FETCH": "1"}


AGENTS = {"claude": claude, "gemini": gemini, "codex": codex, "opencode": opencode}


def environment(home, extra):
    path = os.pathsep.join([str(FOLDER / "node_modules" / ".bin"), os.environ["PATH"]])
    folders = {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "CACHE", "STATE")}
    own = {"HOME": str(home), "PATH": path, "SNOWGATE_HOME": str(home / "snowgate"), "TERM": "dumb", "CI": "1"}
    return own | folders | extra


def try_agent(name, programs):
    """What is wrong with this agent in front of Snowgate, as lines; and what it printed."""
    home = pathlib.Path(tempfile.mkdtemp(prefix=f"snowgate-{name}-"))
    model = Model({tool: arguments for tool, (arguments, _) in CALLS.items()})
    (home / "project").mkdir()
    command, extra = AGENTS[name](home, [str(programs / "snowgate-shim")], model)
    env = environment(home, extra)
    try:
        done = subprocess.run(
            command, cwd=home / "project", env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=PATIENCE_SECONDS,
        )
        printed = done.stdout + done.stderr
        return list(faults(model, done, printed)), printed
    except subprocess.TimeoutExpired as late:
        return [f"no end after {PATIENCE_SECONDS} s"], f"{late.stdout or b''!r}{late.stderr or b''!r}"
    finally:
        subprocess.run([programs / "snowgate", "stop"], env=env, capture_output=True, timeout=PATIENCE_SECONDS)
        model.close()
        shutil.rmtree(home, ignore_errors=True)


def faults(model, done, printed):
    if done.returncode != 0:
        yield f"exit code {done.returncode}"
    for tool, (_, expected) in CALLS.items():
        if not any(expected in result for result in model.results):
            yield f"{tool}: no result with {expected!r}; offered were {sorted(model.tools)}, results {model.results}"
    for line in printed.splitlines():
        if COMPLAINT.search(line) and not HARMLESS.search(line):
            yield f"it says: {line[:300]}"


def main():
    programs = pathlib.Path(sys.argv[1]).resolve()
    names = sys.argv[2:] or list(AGENTS)
    if not (FOLDER / "node_modules").is_dir():
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=FOLDER, check=True)
    failed = 0
    for name in names:
        wrong, printed = try_agent(name, programs)
        failed += bool(wrong)
        print("not ok" if wrong else "ok", "-", name, flush=True)
        for line in wrong:
            print("  ", line)
        if wrong or os.environ.get("SHOW"):
            print("    ---", *printed.splitlines(), sep="\n    ")
    sys.exit(1 if failed else 0)


main()
