// What the checks must know of the machine: processes, and the gateway's own view of its sessions.

import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { WAIT_MS } from "./bounds.mjs";

const POLL_MS = 20;
const execute = promisify(execFile);

/**
 * Ways in which a gateway goes: the subcommand that does it, whether statements under way get the time to finish, whether the
 * next gateway is the same process.
 */
export const FAULTS = [
  { name: "killed" },
  { name: "stopped", command: "stop", letsFinish: true },
  { name: "restarted", command: "restart", letsFinish: true, keepsProcess: true },
];

/** The gateway's command line in the SNOWGATE_HOME of this process. */
export class Machine {
  constructor(gateway) {
    this.gateway = gateway;
  }

  /** `snowgate sessions --json`. */
  async sessions() {
    return JSON.parse(await this.run("sessions", "--json"));
  }

  /** `snowgate status --json`. */
  async status() {
    return JSON.parse(await this.run("status", "--json"));
  }

  /** Ends the gateway with this process id, and waits until it is gone. */
  async end(fault, pid) {
    if (fault.command) await this.run(fault.command);
    else process.kill(pid, "SIGKILL");
    const deadline = performance.now() + WAIT_MS;
    while (runs(pid) && !fault.keepsProcess) {
      if (performance.now() > deadline) throw new Error(`after ${WAIT_MS} ms the gateway ${pid} was not ${fault.name}`);
      await sleep(POLL_MS);
    }
  }

  /** What the gateway's program says to these arguments. */
  async run(...args) {
    const { stdout } = await execute(this.gateway, args, { timeout: WAIT_MS });
    return stdout;
  }

  /** Waits until `holds` is true of the list of sessions. */
  async untilSessions(what, holds) {
    const deadline = performance.now() + WAIT_MS;
    for (let rows = await this.sessions(); !holds(rows); rows = await this.sessions()) {
      if (performance.now() > deadline) {
        throw new Error(`after ${WAIT_MS} ms still not ${what}: ${JSON.stringify(rows)}`);
      }
      await sleep(POLL_MS);
    }
  }
}

/** Whether a request of this session is being worked on. */
export function isRunning(session) {
  return session.running > 0;
}

/** Whether the process runs: one that has ended and waits for its parent to notice does not. */
export function runs(pid) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error.code !== "ESRCH";
  }
  try {
    // The command's name stands in parentheses and may hold spaces.
    return !readFileSync(`/proc/${pid}/stat`, "utf8").split(")").pop().startsWith(" Z");
  } catch {
    // No /proc on this system: a process id that is taken is all that can be seen. With one, it has just gone.
    return !existsSync("/proc/self");
  }
}
