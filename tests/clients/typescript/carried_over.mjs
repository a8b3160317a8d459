// The gateway goes while a client is connected: the client sees right answers, each once, and its session goes on.

import { randomUUID } from "node:crypto";
import { bounded } from "./bounds.mjs";
import * as checks from "./checks.mjs";
import { FAULTS } from "./machine.mjs";

const { expect, textOf } = checks;

/** Writes sent at once, and how many of them are answered when the gateway goes. */
const WRITES = 20;
const WRITES_ANSWERED = 5;

/** One connection, and the gateway that is about to go. */
class Trial {
  constructor(suite, client, fault) {
    this.suite = suite;
    this.client = bounded(client);
    this.fault = fault;
    this.words = suite.contract.carried_over;
    // The name is this trial's alone: no other session's context will do.
    this.context = { database: suite.contract.other, warehouse: randomUUID() };
  }

  /** A session in a context of its own, with a table to write to. */
  async begin() {
    const result = await this.client.call("set_context", this.context);
    expect(!result.isError, textOf(result));
    await this.rows(this.words.table_sql);
    this.gateway = await this.suite.machine.status();
  }

  /** The gateway goes, and is gone. */
  strike() {
    return this.suite.machine.end(this.fault, this.gateway.pid);
  }

  /** The text of a statement that must succeed. */
  async rows(query) {
    const result = await this.client.call("execute_query", { query });
    expect(!result.isError, `${query}: ${textOf(result)}`);
    return textOf(result);
  }

  /** Writes a row; whether that was acknowledged. Any other answer must say that nobody knows. */
  async write(tag, statement) {
    const query = this.words[statement].replaceAll("{tag}", tag);
    const result = await this.client.call("execute_query", { query });
    const text = textOf(result);
    if (result.isError) {
      expect(text.startsWith(this.words.outcome_unknown), `a write was answered: ${text}`);
      expect(!this.fault.letsFinish, `a write was not let finish: ${text}`);
      return false;
    }
    expect(text === this.words.written, `a write was answered: ${text}`);
    return true;
  }

  /** The row is there at most once, and is there if its writing was acknowledged. */
  async expectWritten(tag, acknowledged) {
    const count = await this.rows(this.words.count_sql.replaceAll("{tag}", tag));
    const { once, never } = this.words;
    const allowed = acknowledged ? [once] : [once, never];
    expect(allowed.includes(count), `acknowledged: ${acknowledged}, and the table has ${JSON.stringify(count)}`);
  }

  async expectContext() {
    const { database, warehouse } = this.context;
    await checks.expectOwnContext(this.suite.contract, this.client, database);
    const info = textOf(await this.client.call("session_info", {}));
    expect(info.includes(warehouse), `${warehouse} is not in:\n${info}`);
  }

  /** Context, list, name and notifications are as before, on another gateway; no message came that nobody asked for. */
  async expectGoesOn() {
    await this.expectContext();
    await checks.tools(this.suite, this.client);
    await checks.known(this.suite, this.client);
    await checks.cancel(this.suite, this.client);
    const now = await this.suite.machine.status();
    const isAnother = now.instance !== this.gateway.instance;
    expect(isAnother, `the gateway was not ${this.fault.name}: ${JSON.stringify(now)}`);
    expect(this.client.strays.length === 0, `messages that nobody asked for: ${this.client.strays}`);
  }
}

/** Nothing is under way. */
async function idle(trial) {
  await trial.strike();
}

/** A read is under way: its right rows come. */
async function reading(trial) {
  const { sql, text } = trial.words.read;
  const read = heeded(trial.rows(sql));
  await trial.suite.untilRunning();
  await trial.strike();
  const found = await read;
  expect(found === text, `the rows are ${JSON.stringify(found)}`);
}

/** A write is under way: it is not run twice. */
async function writing(trial) {
  const tag = randomUUID();
  const write = heeded(trial.write(tag, "slow_write_sql"));
  await trial.suite.untilRunning();
  await trial.strike();
  await trial.expectWritten(tag, await write);
}

/** Writes are waiting, under way and answered: none is run twice. */
async function writingMuch(trial) {
  const tags = Array.from({ length: WRITES }, () => randomUUID());
  const writes = tags.map((tag) => heeded(trial.write(tag, "write_sql")));
  await someOf(writes, WRITES_ANSWERED);
  await trial.strike();
  for (const [index, acknowledged] of (await Promise.all(writes)).entries()) {
    await trial.expectWritten(tags[index], acknowledged);
  }
}

/** A write has just been answered, and the next call does not wait until the gateway is gone. */
async function answered(trial) {
  const tag = randomUUID();
  expect(await trial.write(tag, "write_sql"), "the write was not acknowledged before anything happened");
  const striking = heeded(trial.strike());
  await trial.expectWritten(tag, true);
  await trial.expectContext();
  await striking;
}

/** The promise; that it fails before anybody waits for it does not end the process. */
function heeded(promise) {
  promise.catch(() => {});
  return promise;
}

/** Waits until `count` of the promises are fulfilled, or one fails. */
function someOf(promises, count) {
  let left = count;
  return new Promise((resolve, reject) => {
    const one = () => (left -= 1) === 0 && resolve();
    for (const promise of promises) promise.then(one, reject);
  });
}

/** A check that `act` goes well and that the session goes on. */
function during(fault, act) {
  return async (suite, client) => {
    const trial = new Trial(suite, client, fault);
    await trial.begin();
    await act(trial);
    await trial.expectGoesOn();
  };
}

const MOMENTS = [
  ["an idle session goes on", idle],
  ["a read under way gives its rows", reading],
  ["a write under way is not run twice", writing],
  ["of many writes none is run twice", writingMuch],
  ["what was just answered stays, and the next call works", answered],
];

/** Every check with its name, in order. */
export function* all() {
  for (const fault of FAULTS) {
    for (const [name, act] of MOMENTS) yield [`${fault.name}: ${name}`, during(fault, act)];
  }
}
