// Runs the checks over one SDK and prints what came of each. `connect(shim, env)` is the SDK's adapter.

import { CHECK_MS, WAIT_MS, within } from "./bounds.mjs";
import * as carriedOver from "./carried_over.mjs";
import * as checks from "./checks.mjs";
import { Tally } from "./tally.mjs";
import { isRunning, Machine, runs } from "./machine.mjs";

export const MODERN = "2026-07-28";
export const LEGACY = "2025-11-25";
// The SDKs kill a shim that is still there after 2 s: one that took less has ended by itself.
const CLOSE_MS = 1_900;
const CHECKS = { checks: checks.all, "carried-over": carriedOver.all, http: checks.overHttp };
export const PLANS = Object.keys(CHECKS);

/** Whether it is the address of a gateway and no program. */
export function isUrl(shim) {
  return shim.includes("://");
}

class Suite {
  constructor({ shim, gateway, contract, connect, protocol }) {
    this.machine = new Machine(gateway);
    this.contract = contract;
    this.protocol = protocol;
    // Over HTTP there is no shim to look after.
    this.hasShim = !isUrl(shim);
    this.open = () => connect(shim, { SNOWGATE_HOME: process.env.SNOWGATE_HOME });
  }

  /** Runs `use` with a connection, closes it, and sees that closing it ends the shim in time. */
  async connected(use) {
    const client = await within(WAIT_MS, "a connection", this.open());
    const { pid } = client;
    let afterClose;
    let closing;
    try {
      checks.expect(pid || !this.hasShim, "the transport knows no process id");
      afterClose = await use(client);
    } finally {
      closing = performance.now();
      await within(WAIT_MS, "the end of the connection", client.close());
    }
    const took = performance.now() - closing;
    if (!this.hasShim) return afterClose?.();
    checks.expect(took < CLOSE_MS, `the shim took ${took.toFixed()} ms to end after its stdin was closed`);
    checks.expect(!runs(pid), `the shim ${pid} is still there after the client has closed`);
    await afterClose?.();
  }

  untilRunning() {
    return this.machine.untilSessions("running", (rows) => rows.some(isRunning));
  }

  untilKnownAs(name) {
    const era = this.protocol === MODERN ? "stateless" : "handshake";
    const holds = ([row, ...more]) => row?.client === name && row.era === `${era} ${this.protocol}` && more.length === 0;
    return this.machine.untilSessions(`one session of ${name}, ${era}`, holds);
  }

  untilIdle() {
    return this.machine.untilSessions("idle", (rows) => !rows.some(isRunning));
  }

  untilNone() {
    return this.machine.untilSessions("without sessions", (rows) => rows.length === 0);
  }
}

/** Runs every check; the process exits with 1 if one failed. */
export async function run(options) {
  const suite = new Suite(options);
  const tally = new Tally(CHECK_MS);
  for (const [name, check] of CHECKS[options.plan](suite)) {
    await tally.run(name, () => suite.connected((client) => check(suite, client)));
  }
  // A stateless client over HTTP leaves its session to the next that comes under its name.
  const isStateless = !suite.hasShim && suite.protocol === MODERN;
  await tally.run("no session is left", () => (isStateless ? suite.untilIdle() : suite.untilNone()));
  tally.finish();
}
