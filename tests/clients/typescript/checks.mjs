// The checks, one function each. Every one gets a fresh connection, which `suite.mjs` closes and looks after.
// A client is `{ name, server, instructions, protocol, pid, strays, tools(), call(tool, args, signal), close() }`, values as on
// the wire; `strays` are the messages that nobody asked for.

// What does not wait for the statement that was given up answers within this on the busiest machine. One that waited would
// wait for that statement's time-out, which is minutes.
const PROMPT_MS = 10_000;
const TURNS = 50;

/** A JSON-RPC error. */
export class Refused extends Error {
  constructor(code, message) {
    super(`${code} ${message}`);
    this.code = code;
    this.text = message;
  }
}

export function expect(holds, otherwise) {
  if (!holds) throw new Error(otherwise);
}

/** The text a model reads. Beside it a first result may say that it ran in a remembered context. */
export function textOf(result) {
  const kinds = result.content.map((part) => part.type);
  const notes = result.content.slice(1).map((part) => part.text ?? "");
  const isOne = kinds[0] === "text" && notes.every((note) => note.includes("context"));
  expect(isOne, `one text was expected, not ${kinds}`);
  return result.content[0].text;
}

/** The text matches all of `matches` and none of `lacks`, without regard to case. */
export function expectText(text, { matches = [], lacks = [] }) {
  const shown = text.slice(0, 2000);
  for (const pattern of matches) expect(new RegExp(pattern, "i").test(text), `/${pattern}/ is not in:\n${shown}`);
  for (const pattern of lacks) expect(!new RegExp(pattern, "i").test(text), `/${pattern}/ should not be in:\n${shown}`);
}

/** The server says who it is and how to use it. */
export async function greeting(suite, client) {
  expect(client.protocol === suite.protocol, `negotiated ${client.protocol}, not ${suite.protocol}`);
  const server = client.server ?? {};
  expect(server.name === "snowgate", `server info is ${JSON.stringify(server)}`);
  expect(/^\d+\.\d+\.\d+/.test(server.version), `server info is ${JSON.stringify(server)}`);
  expect(client.instructions?.trim(), "no instructions");
}

/** The gateway lists the session under its client's name and era. */
export async function known(suite, client) {
  await client.tools();
  await suite.untilKnownAs(client.name);
}

/** The tools, with their arguments and annotations. */
export async function tools(suite, client) {
  expectTools(suite.contract, await client.tools());
}

export function expectTools(contract, tools) {
  const listed = tools.map((tool) => tool.name).sort();
  expect(String(listed) === String(Object.keys(contract.tools).sort()), `the tools are ${listed}`);
  for (const tool of tools) expectTool(tool, contract.tools[tool.name]);
}

function expectTool(tool, wanted) {
  const { name, inputSchema: schema, annotations } = tool;
  const required = [...(schema.required ?? [])].sort();
  const takes = Object.keys(schema.properties ?? {}).sort();
  expect(String(required) === String([...wanted.required].sort()), `${name} requires ${required}`);
  expect(String(takes) === String([...wanted.required, ...wanted.optional].sort()), `${name} takes ${takes}`);
  expect(tool.description?.trim(), `${name} has no description`);
  const hint = annotations?.readOnlyHint;
  expect(typeof hint === "boolean", `${name} has no readOnlyHint: ${JSON.stringify(annotations)}`);
  expect(wanted.read_only === null || wanted.read_only === hint, `${name} has readOnlyHint ${hint}`);
}

/** A check that calls one tool and reads its answer. */
export function call(wanted) {
  return async (_suite, client) => {
    // Applications list first, and only then does the SDK hold results against their output schemas.
    await client.tools();
    expectAnswer(await client.call(wanted.tool, wanted.arguments), wanted);
  };
}

export function expectAnswer(result, wanted) {
  const text = textOf(result);
  const failed = result.isError ?? false;
  expect(failed === (wanted.is_error ?? false), `isError is ${failed}: ${text.slice(0, 2000)}`);
  expect(!wanted.structured || result.structuredContent, `no structuredContent: ${JSON.stringify(result)}`);
  expectText(text, wanted);
}

/** A check that a call is refused by the protocol's own error, and that the session goes on. */
export function refusal(wanted) {
  return async (_suite, client) => {
    const refused = await client.call(wanted.tool, wanted.arguments).then(
      (result) => expect(false, `it was answered: ${JSON.stringify(result)}`),
      (error) => error,
    );
    if (!(refused instanceof Refused)) throw refused;
    expect(refused.code === wanted.code, `the error is ${refused.message}`);
    expectText(refused.text, wanted);
    await expectPrompt(client);
  };
}

/** The session answers, and without delay. */
async function expectPrompt(client) {
  const asked = performance.now();
  const result = await client.call("session_info", {});
  const took = performance.now() - asked;
  expect(!result.isError, `session_info failed: ${textOf(result)}`);
  expect(took < PROMPT_MS, `session_info took ${took.toFixed()} ms`);
}

/** A query given up by its client stops, and the session goes on. */
export async function cancel(suite, client) {
  const giveUp = new AbortController();
  const ended = client.call("execute_query", endless(suite), giveUp.signal).then(JSON.stringify, (error) => error);
  const early = ended.then((how) => expect(giveUp.signal.aborted, `the call ended before it was cancelled: ${how}`));
  await Promise.race([suite.untilRunning(), early]);
  giveUp.abort();
  expect((await ended) instanceof Error, "the call did not end in an error");
  await expectPrompt(client);
  await suite.untilIdle();
}

/** A client that goes away in the middle of a query: looked after once it has closed. */
export async function closeWhileRunning(suite, client) {
  client.call("execute_query", endless(suite)).catch(() => {});
  await suite.untilRunning();
  return () => suite.untilIdle();
}

function endless({ contract }) {
  return { query: contract.endless_sql, database: contract.sample };
}

/** A client a database, all at once, in turns and at the same time. */
export async function ownContexts(suite, client) {
  await inTheirContexts(suite, [], client, Object.keys(suite.contract.which_answers));
}

/** Takes `client` to the first of `databases` and a new client to each other one, and has them all ask in turns. */
async function inTheirContexts(suite, homes, client, [database, ...more]) {
  const result = await client.call("set_context", { database });
  expect(!result.isError, textOf(result));
  const all = [...homes, [client, database]];
  if (more.length > 0) return suite.connected((next) => inTheirContexts(suite, all, next, more));
  for (let turn = 0; turn < TURNS; turn += 1) {
    await Promise.all(all.map(([one, own]) => expectOwnContext(suite.contract, one, own)));
  }
}

/** The client is in this database. */
export async function expectOwnContext(contract, client, database) {
  const rows = textOf(await client.call("execute_query", { query: contract.which_sql }));
  const { [database]: wanted, ...others } = contract.which_answers;
  expectText(rows, { matches: [wanted], lacks: Object.values(others) });
  expectText(textOf(await client.call("session_info", {})), { matches: [`\\b${database}\\b`] });
}

/** A result of hundreds of kilobytes arrives whole and in order. */
export async function largeResult({ contract }, client) {
  const { sql, rows, row } = contract.large;
  const text = textOf(await client.call("execute_query", { query: sql, limit: rows, database: contract.sample }));
  const found = [...text.matchAll(new RegExp(row, "gi"))];
  expect(found.length === rows, `${found.length} rows in ${text.length} characters`);
  for (const [index, [, label, pad]] of found.entries()) {
    expect(Number(label) === index + 1 && BigInt(pad) === BigInt(index + 1), `row ${index + 1} is ${label} ${pad}`);
  }
}

/** Every check with its name, in order. */
export function* all({ contract }) {
  yield ["the server says who it is", greeting];
  yield ["the gateway knows its client", known];
  yield ["the tools are listed", tools];
  for (const wanted of contract.calls) yield [wanted.name, call(wanted)];
  for (const wanted of contract.refusals) yield [wanted.name, refusal(wanted)];
  yield ["a cancelled query stops and the session goes on", cancel];
  yield ["a client that goes away takes its query along", closeWhileRunning];
  yield ["clients at the same time keep their own contexts", ownContexts];
  yield ["a large result arrives whole", largeResult];
}

/** The same over HTTP. A stateless client has no session there that ends with it: those of the checks before are listed, too. */
export function* overHttp(suite) {
  for (const [name, check] of all(suite)) {
    if (check !== known) yield [name, check];
  }
}
