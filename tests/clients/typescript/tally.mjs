// Counts and prints what came of each check.

import { within } from "./bounds.mjs";

export class Tally {
  constructor(limitMs) {
    this.limitMs = limitMs;
    this.passed = 0;
    this.failed = 0;
  }

  /** Runs one check within the time limit. */
  async run(name, check) {
    try {
      await within(this.limitMs, "the whole check", check());
      this.passed += 1;
      console.log(`ok - ${name}`);
    } catch (error) {
      this.failed += 1;
      console.log(`not ok - ${name}: ${error.constructor === Error ? error.message : (error.stack ?? error)}`);
    }
  }

  /** Prints the sum and ends the process, whatever a failed check has left open. */
  finish() {
    console.log(`${this.passed} passed, ${this.failed} failed`);
    process.exit(this.failed > 0 ? 1 : 0);
  }
}
