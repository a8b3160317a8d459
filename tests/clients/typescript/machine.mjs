// What the checks must know of the machine: processes, and the gateway's own view of its sessions.

import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const POLL_MS = 20;
const run = promisify(execFile);

/** The gateway's command line in the SNOWGATE_HOME of this process. */
export class Machine {
  constructor(gateway) {
    this.gateway = gateway;
  }

  /** `snowgate sessions --json`. */
  async sessions() {
    const { stdout } = await run(this.gateway, ["sessions", "--json"], { timeout: 10_000 });
    return JSON.parse(stdout);
  }

  /** Waits until `holds` is true of the list of sessions. */
  async untilSessions(what, holds, limitMs) {
    const deadline = performance.now() + limitMs;
    for (let rows = await this.sessions(); !holds(rows); rows = await this.sessions()) {
      if (performance.now() > deadline) {
        throw new Error(`after ${limitMs} ms still not ${what}: ${JSON.stringify(rows)}`);
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
