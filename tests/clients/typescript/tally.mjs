// Counts and prints what came of each check.

export class Tally {
  constructor(limitMs) {
    this.limitMs = limitMs;
    this.passed = 0;
    this.failed = 0;
  }

  /** Runs one check within the time limit. */
  async run(name, check) {
    let timer;
    const limit = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not done within ${this.limitMs} ms`)), this.limitMs);
    });
    try {
      await Promise.race([check(), limit]);
      this.passed += 1;
      console.log(`ok - ${name}`);
    } catch (error) {
      this.failed += 1;
      console.log(`not ok - ${name}: ${error.constructor === Error ? error.message : (error.stack ?? error)}`);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Prints the sum and ends the process, whatever a failed check has left open. */
  finish() {
    console.log(`${this.passed} passed, ${this.failed} failed`);
    process.exit(this.failed > 0 ? 1 : 0);
  }
}
