"""Connects coding agents to Snowgate, offline, and has each call a tool.

    python3 run.py [--install | --long=STAND_IN] FOLDER_OF_THE_PROGRAMS [AGENT...]

Each agent gets a home, a folder and a SNOWGATE_HOME of its own and a model on loopback (`model.py`) that asks for
three tools. An agent passes if it offered them and their results came back to the model, and nothing that it printed
complains about a schema. Its output is printed if it fails, or with SHOW=1.

With --install each gets its config by `snowgate install`, into a file with other things in it, and has to list the server as
connected; after `snowgate uninstall` the file is what it was.

With --long=STAND_IN the agents ask together for a query that the stand-in warehouse holds for three minutes, and wait for a call of a
tool for one; the gateway is killed meanwhile. STAND_IN is the program of `cargo build -p warehouse --example serve`.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import long_query
from model import Model, one_by_one

FOLDER = pathlib.Path(__file__).resolve().parent
PATIENCE_SECONDS = 180
# How long an agent waits for a call of a tool.
TOOL_MS = 60_000
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


CODEX_FLAGS = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
CODEX_MODEL = """model = "stub"
model_provider = "stub"
check_for_update_on_startup = false
[model_providers.stub]
name = "stub"
base_url = "{url}/v1"
wire_api = "responses"
"""


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
        "MCP_TOOL_TIMEOUT": str(TOOL_MS),
    }


def gemini(home, shim, model):
    settings = home / ".gemini" / "settings.json"
    settings.parent.mkdir()
    server = {"command": shim[0], "args": shim[1:], "trust": True, "timeout": TOOL_MS}
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
        f"""{CODEX_MODEL.format(url=model.url)}[mcp_servers.snowgate]
command = {json.dumps(shim[0])}
args = {json.dumps(shim[1:])}
env = {{ SNOWGATE_HOME = {json.dumps(str(home / "snowgate"))} }}
tool_timeout_sec = {TOOL_MS // 1_000}
"""
    )
    return ["codex", "exec", *CODEX_FLAGS, PROMPT], {"RUST_LOG": "warn"}


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
                "experimental": {"mcp_timeout": TOOL_MS},
            }
        )
    )
    return ["opencode", "run", "--print-logs", "-m", "stub/stub", PROMPT], {"OPENCODE_DISABLE_MODELS_FETCH": "1"}


AGENTS = {"claude": claude, "gemini": gemini, "codex": codex, "opencode": opencode}


def environment(home, extra):
    modules = FOLDER / "node_modules"
    # Programs that an install script would have put into `.bin`; the first fits this machine.
    native = [*modules.glob("@anthropic-ai/claude-code-*"), *sorted(modules.glob("opencode-*/bin"))]
    path = os.pathsep.join([*map(str, native), str(modules / ".bin"), os.environ["PATH"]])
    folders = {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "CACHE", "STATE")}
    own = {"HOME": str(home), "PATH": path, "SNOWGATE_HOME": str(home / "snowgate"), "TERM": "dumb", "CI": "1"}
    return own | folders | extra


def try_agent(name, programs):
    """What is wrong with this agent in front of Snowgate, as lines; and what it printed."""
    home = pathlib.Path(tempfile.mkdtemp(prefix=f"snowgate-{name}-"))
    model = Model(one_by_one({tool: arguments for tool, (arguments, _) in CALLS.items()}))
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


def try_long(name, programs, stand_in):
    """What is wrong with a query that takes longer than this agent waits, as lines; and what it printed."""
    home = pathlib.Path(tempfile.mkdtemp(prefix=f"snowgate-{name}-"))
    model, warehouse = Model(long_query.script), long_query.Warehouse(stand_in)
    (home / "project").mkdir()
    (home / "snowgate").mkdir()
    (home / "snowgate" / "config.toml").write_text(warehouse.config())
    command, extra = AGENTS[name](home, [str(programs / "snowgate-shim")], model)
    env = environment(home, extra)
    meanwhile = long_query.Meanwhile(warehouse, programs, env)
    meanwhile.start()
    try:
        done = subprocess.run(
            command, cwd=home / "project", env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=PATIENCE_SECONDS + long_query.SECONDS,
        )
        wrong = [f"exit code {done.returncode}"] if done.returncode else []
        return wrong + list(long_query.faults(model, meanwhile, warehouse)), done.stdout + done.stderr
    except subprocess.TimeoutExpired as late:
        return [f"no end after {late.timeout} s: {model.results}"], f"{late.stdout or b''!r}{late.stderr or b''!r}"
    finally:
        meanwhile.is_over.set()
        meanwhile.join()
        subprocess.run([programs / "snowgate", "stop"], env=env, capture_output=True, timeout=PATIENCE_SECONDS)
        warehouse.close()
        model.close()
        shutil.rmtree(home, ignore_errors=True)


# How each agent is asked for its servers, its config file, and what is in that before.
LISTS = {
    "claude": ("claude-code", ".claude.json", '{\n  "numStartups": 1,\n  "mcpServers": {}\n}'),
    "gemini": (
        "gemini-cli",
        ".gemini/settings.json",
        '{\n  // mine\n  "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": false}}\n}\n',
    ),
    "codex": ("codex", ".codex/config.toml", '\n[tui] # mine\nnotifications = true\n'),
    "opencode": ("opencode", "config/opencode/opencode.json", '{\n  "autoupdate": false, // mine\n  "share": "disabled",\n}\n'),
}
CONNECTED = re.compile(r"snowgate.*(connected|enabled)", re.I)


def try_install(name, programs):
    """What is wrong with this agent's config as `snowgate install` writes it, as lines; and what it printed."""
    home = pathlib.Path(tempfile.mkdtemp(prefix=f"snowgate-{name}-"))
    client, place, before = LISTS[name]
    model = Model(one_by_one({tool: arguments for tool, (arguments, _) in CALLS.items()}))
    if name == "codex":
        before = f'{CODEX_MODEL.format(url=model.url)}{before}'
    config = home / place
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(before)
    (home / "project").mkdir()
    extra = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"}
    env = environment(home, extra | {"GEMINI_API_KEY": "none"})

    def run(*command):
        done = subprocess.run(
            command, cwd=home / "project", env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=PATIENCE_SECONDS,
        )
        printed.append(f"$ {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
        return done

    printed, wrong = [], []
    try:
        if run(programs / "snowgate", "install", client).returncode != 0:
            wrong.append("it was not installed")
        installed = config.read_text()
        listed = run(name, "mcp", "list")
        if listed.returncode != 0 or not CONNECTED.search(listed.stdout + listed.stderr):
            wrong.append("it does not list the server as connected")
        if name == "codex":
            # Its list says what is configured, not what answers. It does not wait for a server that makes its sample data.
            initialize = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "warm", "version": "1"}}
            line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": initialize})
            subprocess.run(
                [programs / "snowgate-shim"], env=env, input=f"{line}\n".encode(), capture_output=True,
                timeout=PATIENCE_SECONDS,
            )
            wrong += faults(model, (done := run("codex", "exec", *CODEX_FLAGS, PROMPT)), done.stdout + done.stderr)
        if config.read_text() != installed:
            # The agent wrote its own things: only the entry has to go then.
            run(programs / "snowgate", "uninstall", client)
            if "snowgate" in config.read_text():
                wrong.append("its entry is still there")
        else:
            run(programs / "snowgate", "uninstall", client)
            if config.read_text() != before:
                wrong.append("its config is not what it was")
        return wrong, "\n".join(printed)
    except subprocess.TimeoutExpired as late:
        return [f"no end after {PATIENCE_SECONDS} s: {late.cmd}"], "\n".join(printed)
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


def attempt_of(options):
    """What is done with each agent, and with how many at once."""
    match options:
        case []:
            return try_agent, 1
        case ["--install"]:
            return try_install, 1
        case [option] if option.startswith("--long="):
            stand_in = pathlib.Path(option.partition("=")[2]).resolve()
            return lambda name, programs: try_long(name, programs, stand_in), len(AGENTS)
    sys.exit(__doc__)


def main():
    options = [argument for argument in sys.argv[1:] if argument.startswith("--")]
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    attempt, at_once = attempt_of(options)
    programs = pathlib.Path(arguments[0]).resolve()
    names = arguments[1:] or list(AGENTS)
    if not (FOLDER / "node_modules").is_dir():
        # Not `npm ci`: it wants the optional packages of other platforms in the lock file, too.
        command = ["npm", "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=FOLDER, check=True)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        attempts = pool.map(lambda name: attempt(name, programs), names)
        for name, (wrong, printed) in zip(names, attempts):
            failed += bool(wrong)
            print("not ok" if wrong else "ok", "-", name, flush=True)
            for line in wrong:
                print("  ", line)
            if wrong or os.environ.get("SHOW"):
                print("    ---", *printed.splitlines(), sep="\n    ")
    sys.exit(1 if failed else 0)


main()
