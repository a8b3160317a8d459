// Drives `snowgate-shim` with the inspector's CLI, one process a call. See `../README.md`.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { CHECK_MS } from "./bounds.mjs";
import { expect, expectAnswer, expectText, expectTools } from "./checks.mjs";
import { isRunning, Machine, runs } from "./machine.mjs";
import { options } from "./options.mjs";
import { Tally } from "./tally.mjs";

const LOAD_REQUESTS = 200;
const ERAS = ["legacy", "auto", "modern"];
const EXIT = { ok: 0, refused: 1, toolFailed: 5 };
const LAUNCHER = fileURLToPath(import.meta.resolve("@modelcontextprotocol/inspector/package.json")).replace(
  "package.json",
  "clients/launcher/build/index.js",
);

const { shim, gateway, contract } = options(["default"]);
const machine = new Machine(gateway);
const tally = new Tally(CHECK_MS);

/** Starts the inspector on a shim; `done` is its exit code and what it wrote. */
function inspect(...args) {
  const env = `SNOWGATE_HOME=${process.env.SNOWGATE_HOME}`;
  const program = spawn(process.execPath, [LAUNCHER, "--cli", "--format", "json", "-q", ...args, "-e", env, "--", shim], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: CHECK_MS,
  });
  const written = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"]) {
    program[name].setEncoding("utf8").on("data", (text) => (written[name] += text));
  }
  const done = new Promise((resolve, reject) => {
    program.on("error", reject);
    program.on("close", (code, signal) => resolve({ code, signal, ...written }));
  });
  return { program, done };
}

/** Calls a tool and returns what the inspector made of it. */
function call(tool, args, ...more) {
  return inspect("--method", "tools/call", "--tool-name", tool, "--tool-args-json", JSON.stringify(args), ...more).done;
}

function expectExit({ code, stdout, stderr }, wanted) {
  expect(code === wanted, `the inspector exited with ${code}, not ${wanted}: ${stderr}${stdout}`);
}

for (const era of ERAS) {
  await tally.run(`the tools are listed, era ${era}`, async () => {
    const listed = await inspect("--method", "tools/list", "--strict", "--protocol-era", era).done;
    expectExit(listed, EXIT.ok);
    expectTools(contract, JSON.parse(listed.stdout).result.tools);
  });
}

for (const wanted of contract.calls) {
  // The default era runs them all; the others only what needs no second look at the same text.
  const eras = wanted.structured || wanted.is_error ? ERAS : ERAS.slice(0, 1);
  for (const era of eras) {
    await tally.run(`${wanted.name}, era ${era}`, async () => {
      const answer = await call(wanted.tool, wanted.arguments, "--protocol-era", era);
      expectExit(answer, wanted.is_error ? EXIT.toolFailed : EXIT.ok);
      expectAnswer(JSON.parse(answer.stdout).result, wanted);
    });
  }
}

for (const wanted of contract.refusals) {
  await tally.run(wanted.name, async () => {
    const answer = await call(wanted.tool, wanted.arguments);
    // The inspector lists the tools first and itself refuses one that is not there.
    expectExit(answer, wanted.tool in contract.tools ? EXIT.refused : EXIT.toolFailed);
    expectText(JSON.parse(answer.stderr).error.message, wanted);
  });
}

await tally.run(`${LOAD_REQUESTS} calls, ten at a time`, async () => {
  const load = ["--load", "--load-requests", String(LOAD_REQUESTS)];
  const answer = await call("execute_query", { query: contract.which_sql, database: contract.sample }, ...load);
  expectExit(answer, EXIT.ok);
  expect(JSON.parse(answer.stdout).result.ok === LOAD_REQUESTS, answer.stdout);
});

await tally.run("a killed client leaves no shim and no query", async () => {
  const { program, done } = inspect(
    ...["--method", "tools/call", "--tool-name", "execute_query", "--tool-args-json"],
    JSON.stringify({ query: contract.endless_sql, database: contract.sample }),
  );
  await machine.untilSessions("running", (rows) => rows.some(isRunning));
  const shims = (await machine.sessions()).map((session) => session.pid);
  expect(shims.length === 1 && runs(shims[0]), `the shims are ${shims}`);
  program.kill("SIGKILL");
  await done;
  const gone = (rows) => rows.length === 0 && !runs(shims[0]);
  await machine.untilSessions("without session and shim", gone);
});

await tally.run("no session is left", () => machine.untilSessions("empty", (rows) => rows.length === 0));
tally.finish();
