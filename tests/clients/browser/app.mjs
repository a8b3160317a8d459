// The app (docs/app.md) in Chromium, in a host of our own, with results of the real gateway. See README.md.
//
// Usage: node app.mjs GATEWAY SHIM MODULES [FOLDER FOR SCREENSHOTS]

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { runInThisContext } from "node:vm";
import { openHost } from "./app-host.mjs";

const [gateway, shim, modules, pictures] = process.argv.slice(2);
const { chromium } = createRequire(join(modules, "x.js"))("playwright-core");
const WAIT_MS = 1000 * Number(process.env.TEST_PATIENCE_SECONDS || 60);
const URI = "ui://snowgate/result", MIME = "text/html;profile=mcp-app", EXTENSION = "io.modelcontextprotocol/ui";

const pure = readFileSync(new URL("../../../gateway/src/mcp/app/text.js", import.meta.url), "utf8");
const { parseResult, kindsOf, chartOf, sortRows, shownText, ticksOf, placesOf } = runInThisContext(`(() => { ${pure}; return { parseResult, kindsOf, chartOf, sortRows, shownText, ticksOf, placesOf }; })()`);

const home = mkdtempSync(join(tmpdir(), "snowgate-app-"));
const env = { ...process.env, SNOWGATE_HOME: home };
writeFileSync(join(home, "config.toml"), `[limits]\nrows_max = 100000\nbytes_max = 7340032\n[profiles.default]\nexport_folder = "${join(home, "exports")}"\n[profiles.quiet]\nresult_app = false\n[profiles.few]\ntools = ["execute_query", "get_result"]\n`);
const children = [];

/** A client over a shim that declares `capabilities`. */
async function client(capabilities, args = [], isStateless = false) {
  const process = spawn(shim, args, { env, stdio: ["pipe", "pipe", "inherit"] });
  children.push(process);
  const waiting = new Map();
  let next = 0;
  createInterface({ input: process.stdout }).on("line", (line) => { const message = JSON.parse(line); waiting.get(message.id)?.(message); waiting.delete(message.id); });
  const send = (message) => process.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  const clientInfo = { name: "test-host", version: "1" };
  const meta = isStateless ? { _meta: { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientInfo": clientInfo, "io.modelcontextprotocol/clientCapabilities": capabilities } } : {};
  const ask = (method, params) => new Promise((resolve) => { const id = next++; waiting.set(id, resolve); send({ id, method, params: { ...params, ...meta } }); });
  if (!isStateless) {
    const opened = await ask("initialize", { protocolVersion: "2025-11-25", capabilities, clientInfo });
    assert.ok(opened.result, JSON.stringify(opened));
    send({ method: "notifications/initialized" });
  }
  const call = async (name, args) => ask("tools/call", { name, arguments: args });
  return { ask, call, query: async (query, limit = 100000) => (await call("execute_query", { query, limit })).result };
}

/** SQL of text that holds anything. */
const literal = (value) => (value === null ? "null" : `cast(x'${Buffer.from(value).toString("hex")}' as text)`);
const quoted = (name) => `"${name.replaceAll('"', '""')}"`;
const valuesOf = (names, rows) => `select ${names.map((name, at) => `column${at + 1} as ${quoted(name)}`).join(", ")} from (values ${rows.map((row) => `(${row.map((value) => (typeof value === "number" ? String(value) : literal(value))).join(", ")})`).join(", ")})`;

const HOSTILE = [
  "<script>window.canary=1</script>", "</script><script>window.canary=1</script>", "<img src=x onerror=window.canary=1>", "<img src=http://evil.test/x.png>",
  "\"><svg onload=window.canary=1>", "'><svg/onload=window.canary=1>", "<svg><script>window.canary=1</script></svg>", "<iframe srcdoc='<script>parent.canary=1</script>'></iframe>",
  "<iframe src=javascript:window.canary=1>", "<object data=http://evil.test/x>", "<embed src=http://evil.test/x>", "<link rel=stylesheet href=http://evil.test/x.css>",
  "<style>*{display:none}</style>", "</style><style>body{background:url(http://evil.test/x)}</style>", "<base href=http://evil.test/>", "<meta http-equiv=refresh content='0;url=http://evil.test/'>",
  "<form action=http://evil.test/><input type=submit></form>", "<a href=javascript:window.canary=1>x</a>", "<details open ontoggle=window.canary=1>", "<video><source onerror=window.canary=1></video>",
  "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=window.canary=1&gt;\">", "<template><img src=x onerror=window.canary=1></template>", "<noscript><p title=\"</noscript><img src=x onerror=window.canary=1>\">", "<!--><img src=x onerror=window.canary=1>-->",
  "javascript:window.canary=1", "data:text/html,<script>window.canary=1</script>", "http://evil.test/phish", "https://evil.test/?q=<b>x</b>",
  "vbscript:msgbox(1)", "{{constructor.constructor('window.canary=1')()}}", "${window.canary=1}", "`${window.canary=1}`",
  "\"};window.canary=1;//", "\\\"};window.canary=1;//", "expression(window.canary=1)", "red;background:url(http://evil.test/x)",
  "--x: url(http://evil.test/x)", "__proto__", "constructor", "toString",
  "\u202egnp.exe", "\u2066\u2067abc\u2069\u061c", "a\u0000b", "\u0007\u001b[31mred\u0085", "\u2028\u2029", "\u200b\ufeff\u200e\u200f", "\ufffd\ufffe", "\ud83d\ude00".repeat(300),
  "Z\u0351\u036b\u0343\u036a".repeat(200), "a".repeat(60_000), "a|b\\|c\\nd", "line one\nline two\r\nline three\r", "(3 rows)", "(100000 rows; 5 more rows cut: raise `limit`)",
  "NULL", "\"NULL\"", "\"\"NULL\"\"", "\"NULL", "", " ", "\\", "\\\\", "=1+1", "@SUM(A1)", "&lt;b&gt;", "&#x3c;img src=x onerror=window.canary=1&#x3e;", "%3Cscript%3E", "\u00e4\u00f6\u00fc\u4e2d\u0627\u0644",
];

let passed = 0;
async function check(what, body) { await body(); passed += 1; console.log(`ok - ${what}`); }
const until = async (what, holds) => {
  for (const end = Date.now() + WAIT_MS; ; ) {
    const held = await holds();
    if (held) return held;
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

let browser;
try {
  const showing = { extensions: { [EXTENSION]: { mimeTypes: [MIME] } } };
  const shows = await client(showing);
  const plain = await client({});

  await check("only a client that shows pages is told of one, by the three tools that return rows", async () => {
    const linked = async (of) => (await of.ask("tools/list", {})).result.tools.filter((tool) => tool._meta?.ui || tool._meta?.["ui/resourceUri"]);
    const listed = async (of) => (await of.ask("resources/list", {})).result.resources.filter((listed) => listed.uri === URI).map((listed) => listed.mimeType);
    for (const of of [shows, await client(showing, [], true)]) {
      const tools = await linked(of);
      assert.deepEqual(tools.map((tool) => [tool.name, tool._meta.ui.resourceUri, tool._meta["ui/resourceUri"]]), ["query_view", "execute_query", "get_result"].map((name) => [name, URI, URI]));
      assert.deepEqual(await listed(of), [MIME]);
    }
    for (const of of [plain, await client({}, [], true), await client(showing, ["--profile", "quiet"])]) assert.deepEqual([await linked(of), await listed(of)], [[], []]);
    const few = await client(showing, ["--profile", "few"]);
    assert.match((await few.ask("resources/read", { uri: URI })).result.contents[0].text, /<body data-tools="get_result">/);
  });

  await check("after a restart of the gateway the client is told of it still", async () => {
    execFileSync(gateway, ["restart"], { env, stdio: "ignore" });
    const tools = (await shows.ask("tools/list", {})).result.tools;
    assert.equal(tools.find((tool) => tool.name === "execute_query")._meta.ui.resourceUri, URI);
    assert.ok((await plain.ask("tools/list", {})).result.tools.every((tool) => !tool._meta?.ui));
  });

  const resource = (await shows.ask("resources/read", { uri: URI })).result.contents[0];
  await check("the page is a resource of the extension's type that asks for no origin", async () => {
    assert.deepEqual([resource.uri, resource.mimeType], [URI, MIME]);
    assert.deepEqual(resource._meta.ui.csp, { connectDomains: [], resourceDomains: [], frameDomains: [], baseUriDomains: [] });
    assert.ok(resource.text.length < 30_000, String(resource.text.length));
  });

  await check("the page reads a result's text back as what the query returned, whatever is in it", async () => {
    const names = ["id", "a|b", "NULL", "(1 row)", "\\"];
    const rows = HOSTILE.map((value, at) => [at, value, null, HOSTILE[HOSTILE.length - 1 - at], value]);
    const text = (await shows.query(valuesOf(names, rows))).content[0].text, read = parseResult(text);
    assert.ok(read, text.slice(0, 300));
    assert.deepEqual(read.columns, names);
    assert.deepEqual(read.rows, rows.map(([id, ...rest]) => [String(id), ...rest]));
    for (const value of ["(3 rows)", "NULL", "", "(1 row)", "x\\"]) {
      const one = parseResult((await shows.query(valuesOf(["(3 rows)"], [[value], ["(1 row)"], ["(2 rows)"]]))).content[0].text);
      assert.deepEqual(one.rows.map((row) => row[0]), [value, "(1 row)", "(2 rows)"]);
    }
    for (let count = 1; count < 6; count += 1) {
      const rows = Array.from({ length: count }, (_, at) => [HOSTILE.slice(-28)[at + count], "(1 row)", "(2 rows)"].slice(0, 1 + (at % 2)).pop()).map((value) => [value]);
      assert.deepEqual(parseResult((await shows.query(valuesOf(["(1 row)"], rows))).content[0].text).rows, rows);
    }
    const cut = parseResult((await shows.query(valuesOf(["a"], [["1"], ["2"], ["3"]]), 2)).content[0].text);
    assert.deepEqual([cut.columns, cut.rows], [["a"], [["1"], ["2"]]]);
    for (const names of [["(0 rows)"], ["(1 row)", "(2 rows)"], ["a", "b", "c", "d", "e", "(3 rows)"], Array.from({ length: 40 }, (_, n) => `(${n})`)]) {
      const footer = "(2 of 5 rows; more: get_result {\"handle\":\"h\",\"offset\":2}; 1 value was shortened)", row = names.map(() => "(9 rows)").join("|");
      const summary = ["summary of all 5 rows:", "column|type|NULL|distinct|min|max", ...names.slice(0, 30).map((name) => `${name}|INTEGER|0%|~5|(1 row)|x\\|y`), ...(names.length > 30 ? ["(10 more columns)"] : [])];
      for (const shown of [2, undefined]) {
        const read = parseResult([footer, names.join("|"), row, row, footer, ...(shown ? summary : [])].join("\n"), shown);
        assert.deepEqual([read.columns, read.rows.length, read.note], [names, 2, "1 value was shortened"], names.join());
        assert.equal(read.summary?.rows.length, shown && Math.min(30, names.length));
        if (shown) assert.deepEqual([read.summary.title, read.summary.rows[0][5]], ["summary of all 5 rows:", "x|y"]);
      }
    }
    const none = parseResult((await shows.query("select 1 as a where false")).content[0].text);
    assert.deepEqual([none.columns, none.rows], [["a"], []]);
    for (const text of ["done", "3 rows changed", "", "(1 row)", "(2 rows)\n(2 rows)", "a|b\n1\n(1 row)"]) assert.equal(parseResult(text), null, text);
    const long = "(1 row)\n".repeat(100_000), before = performance.now();
    parseResult(long);
    assert.ok(performance.now() - before < 5_000, "a text that looks like many ends is read in time");
  });

  await check("a chart is drawn where the shape suggests one, and nowhere else", async () => {
    const kindOf = (columns, rows) => { const result = { columns, rows }; return chartOf(result, kindsOf(result))?.kind ?? null; };
    const two = (a, b) => [[a, "1"], [b, "2.5"]];
    for (const [kind, columns, rows] of [
      ["bars", ["region", "total"], two("EU", "US")], ["bars", ["region", "a", "b"], [["EU", "1", null], ["US", "-2", "3e5"]]], ["bars", ["total", "region"], [["1", "EU"], ["2", "US"]]],
      ["line", ["day", "total"], two("2026-01-01", "2026-01-02")], ["line", ["at", "total"], two("2026-01-01 10:00:00.5", "2026-01-01T11:00:00Z")], ["line", ["month", "n"], two("2026-01", "2026-02")],
      ["line", ["order_year", "n"], two("1998", "1999")], ["bars", ["weekday", "n"], two("Mon", "Tue")], ["bars", ["month", "n"], two("1", "2")],
      [null, ["region"], [["EU"], ["US"]]], [null, ["total"], [["1"], ["2"]]], [null, ["region", "total"], [["EU", "1"]]], [null, ["region", "total"], two("EU", "EU")], [null, ["region", "total"], two("EU", null)],
      [null, ["region", "city", "n"], [["EU", "X", "1"], ["US", "Y", "2"]]], [null, ["name", "customer_id"], two("A", "B")], [null, ["name", "orderId"], two("A", "B")], [null, ["name", "O_ORDERKEY"], two("A", "B")], [null, ["name", "order_number"], two("A", "B")], ["bars", ["name", "paid"], two("A", "B")], ["bars", ["name", "number"], two("A", "B")], [null, ["a", "b"], [["1", "2"], ["3", "4"]]], [null, ["region", "n"], [["EU", "Inf"], ["US", "1"]]],
      [null, ["region", "n"], [["EU", null], ["US", null]]], [null, ["region", "n"], Array.from({ length: 61 }, (_, n) => [`r${n}`, "1"])], [null, ["region", "a", "b", "c", "d", "e", "f", "g"], [["EU", ..."1234567"], ["US", ..."1234567"]]],
      [null, ["region", "n"], [["EU", "1e300"], ["US", "-1e300"]]], [null, ["__proto__", "constructor"], []],
    ]) assert.equal(kindOf(columns, rows), kind, JSON.stringify([columns, rows.slice(0, 3)]));
    for (const [labels, places] of [
      [["2026-01-01", "2026-01-02", "2026-01-05"], [0, 0.25, 1]], [["1998", "1999", "2002"], [0, 0.25, 1]], [["2026-01-01 10:00", "2026-01-01 11:00:00.000", "2026-01-01T14:00:00Z"], [0, 0.25, 1]],
      [["2026-01-01 10:00:00 +0100", "2026-01-01 11:00:00+01:00", "2026-01-01 13:00:00 -0000"], [0, 0.25, 1]], [["2026-13-01", "2026-13-02", "2026-14-01"], [0, 0.5, 1]], [["2026-01-01"], [0]],
    ]) assert.deepEqual(placesOf(labels), places, String(labels));
    for (const [low, high] of [[0, 0], [5, 5], [-3, 7], [0, 1e15], [1e-9, 3e-9], [-1e12, -1e11], [99.5, 100]]) { const ticks = ticksOf(low, high); assert.ok(ticks.length >= 2 && ticks.length <= 12 && ticks[0] <= low && ticks.at(-1) >= high, `${low} ${high}: ${ticks}`); }
  });

  await check("numbers sort as numbers, however long, NULL last both ways, equal ones in their order", async () => {
    const sorted = (values, kind, isDescending) => sortRows(values.map((value) => [value]), 0, kind, isDescending).map((at) => values[at]);
    assert.deepEqual(sorted(["10", null, "9", "-1.5", "1e3", "Inf"], "number", false), ["-1.5", "9", "10", "1e3", "Inf", null]);
    assert.deepEqual(sorted(["10", null, "9"], "number", true), ["10", "9", null]);
    assert.deepEqual(sorted(["9007199254740993", "9007199254740992"], "number", false), ["9007199254740992", "9007199254740993"]);
    assert.deepEqual(kindsOf({ columns: ["a"], rows: [["9".repeat(101)]] }), ["text"]);
    assert.deepEqual(sortRows([["b", 0], ["a", 1], ["b", 2]], 0, "text", true), [0, 2, 1]);
    assert.equal(shownText("\u202ea\u0000\n" + "b".repeat(300), 10), "\ufffda\ufffd\u21b5bbbbbb\u2026 (304 characters)");
    assert.equal(shownText("\ud83d\ude00\ud83d\ude00", 3).codePointAt(2), 0x2026, "no half of a character");
  });

  browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
  const context = await browser.newContext({ viewport: { width: 760, height: 900 }, colorScheme: "light" });
  const calls = [];
  let answer = () => ({ error: { code: -32000, message: "not asked for" } });
  const host = await openHost(context, resource._meta.ui.csp, async (name, args) => { calls.push([name, args]); return answer(name, args); });
  const { view } = host;
  const picture = async (name) => { if (pictures) await host.page.locator("#place > iframe").screenshot({ path: join(pictures, `app-${name}.png`) }); };
  const deliver = async (result, args = {}) => { await host.notify("ui/notifications/tool-input", { arguments: args }); await host.notify("ui/notifications/tool-result", result); await view.locator("main > :not(.soft)").first().waitFor({ timeout: WAIT_MS }); };
  const show = async (result, options) => { await host.open(resource.text, options); await deliver(result); };
  const column = (at) => view.locator(`#rows tbody tr td:nth-child(${at + 1})`).allTextContents();
  const unhurt = async (what) => {
    assert.equal(await host.frame().evaluate(() => window.canary), undefined, what);
    assert.deepEqual(await host.frame().evaluate(() => [...new Set([...document.querySelectorAll("#app *")].map((element) => element.localName))].filter((name) => ["script", "img", "iframe", "style", "link", "a", "form", "object", "embed", "base", "meta", "video", "math", "template", "b", "noscript"].includes(name))), [], what);
    assert.equal(await host.frame().evaluate(() => document.querySelectorAll("script").length), 1, what);
    assert.deepEqual([host.faults, host.foreign], [[], []], what);
  };

  const SALES = valuesOf(["region", "revenue", "cost"], [["EU", 1200, 900], ["US", 950.5, 1000], ["APAC", 10020, -30], ["LATAM", null, 5]]);
  await check("the handshake: initialize, initialized, a size, and the table", async () => {
    await host.open(resource.text);
    const log = await host.log();
    const first = log.find((message) => message.method === "ui/initialize");
    assert.deepEqual([first.params.protocolVersion, first.params.appInfo.name, first.params.appCapabilities.availableDisplayModes], ["2026-01-26", "snowgate-result", ["inline", "fullscreen"]]);
    assert.deepEqual(log.slice(0, 3).map((message) => message.method), ["ui/notifications/sandbox-proxy-ready", "ui/initialize", "ui/notifications/initialized"], "nothing before");
    await host.notify("ui/notifications/tool-input", { arguments: { query: "select <b>1</b>" } });
    await view.getByText("Waiting for the rows of: select <b>1</b>").waitFor({ timeout: WAIT_MS });
    await deliver(await shows.query(SALES));
    assert.deepEqual(await view.locator("#rows th").allTextContents(), ["region", "revenue", "cost"]);
    assert.deepEqual(await column(1), ["1200", "950.5", "10020", "NULL"]);
    await view.getByText("4 rows", { exact: true }).waitFor({ timeout: WAIT_MS });
    await until("the host was told the size", async () => (await host.log()).some((message) => message.method === "ui/notifications/size-changed" && message.params.height > 300));
    assert.equal(await view.getByRole("button", { name: /page|Export/ }).count(), 0, "nothing to page without a handle");
    await picture("bars");
    await host.ask("p1", "ping"); await host.ask("t1", "ui/resource-teardown"); await host.ask("x1", "tools/list");
    const answers = await until("it answers the host", async () => { const log = (await host.log()).filter((message) => ["p1", "t1", "x1"].includes(message.id)); return log.length === 3 && log; });
    assert.deepEqual(answers.map((message) => message.result ?? message.error.code), [{}, {}, -32601]);
  });

  await check("a click sorts, numbers as numbers and NULL last; a third restores the order", async () => {
    const sort = async () => { await view.getByRole("button", { name: "revenue" }).click(); return column(1); };
    assert.deepEqual(await sort(), ["950.5", "1200", "10020", "NULL"]);
    assert.equal(await view.locator("#rows th").nth(1).getAttribute("aria-sort"), "ascending");
    assert.deepEqual(await sort(), ["10020", "1200", "950.5", "NULL"]);
    assert.deepEqual(await sort(), ["1200", "950.5", "10020", "NULL"]);
    await view.getByRole("button", { name: "revenue" }).press("Enter");
    assert.equal(await host.frame().evaluate(() => document.activeElement.id), "sort-1");
    assert.deepEqual(await column(0), ["US", "EU", "APAC", "LATAM"]);
  });

  await check("the chart has a bar for each value and no other, and a line for days", async () => {
    assert.equal(await view.locator("svg.bars rect").count(), 7);
    assert.ok((await view.locator("svg.bars rect title").allTextContents()).includes("APAC: cost -30"));
    assert.deepEqual(await view.locator(".legend span").allTextContents(), ["revenue", "cost"]);
    await deliver(await shows.query(valuesOf(["day", "orders"], Array.from({ length: 30 }, (_, n) => [`2026-03-${String(((n * 7) % 30) + 1).padStart(2, "0")}`, 100 + n]))));
    const path = await view.locator("svg.line path").getAttribute("d");
    assert.equal(path.match(/[ML]/g).length, 30);
    const across = path.match(/[ML]([\d.]+)/g).map((part) => Number(part.slice(1)));
    assert.ok(across.every((x, at) => at === 0 || x > across[at - 1]), "in the order of the days");
    await picture("line");
    await deliver(await shows.query("select 1 as a, 2 as b"));
    await until("the chart is gone", async () => (await view.locator("svg").count()) === 0);
    await deliver(await shows.query("select O_ORDERKEY, O_ORDERSTATUS, O_COMMENT from ORDERS", 20));
    await until("rows of orders", async () => (await view.locator("#rows tbody tr").count()) === 20);
    assert.equal(await view.locator("svg").count(), 0);
  });

  await check("a failure, a change and a cancelled call are shown as text", async () => {
    const failed = await shows.query("select * from no_such_table");
    await deliver(failed);
    await until("the failure is seen", async () => (await view.locator("main").textContent()).includes("no_such_table"));
    assert.equal(await view.getByRole("alert").count(), 1);
    await deliver({ content: [{ type: "text", text: "3 rows changed" }] });
    await view.getByText("3 rows changed").waitFor({ timeout: WAIT_MS });
    await host.notify("ui/notifications/tool-cancelled", { reason: "<b>by the user</b>" });
    await view.getByText("Cancelled. <b>by the user</b>").waitFor({ timeout: WAIT_MS });
    for (const odd of [{}, { content: null }, { content: "x" }, { content: [null, 1, { type: "text" }] }, { content: [], _meta: { "snowgate/result": 5 } }]) await host.notify("ui/notifications/tool-result", odd);
    await unhurt("odd results");
  });

  // What the gateway says of a result that has a handle; rows are its own.
  const NUMBERS = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 1250) select i, 'row ' || i as name from n";
  const part = async (offset, limit) => { const result = await shows.query(`${NUMBERS} limit ${limit} offset ${offset}`); const shown = parseResult(result.content[0].text).rows.length; return { ...result, _meta: { "snowgate/result": { handle: "h-1", offset, shown, rows: 1250, complete: true } } }; };
  await check("the next page comes by get_result through the host, the one before is kept, and the last has no next", async () => {
    answer = async (name, args) => (name === "get_result" ? { result: await part(args.offset, args.limit) } : { error: { code: -32000, message: "no" } });
    calls.length = 0;
    await show(await part(0, 50));
    await view.getByText("Rows 1 to 50 of 1,250").waitFor({ timeout: WAIT_MS });
    await view.getByRole("button", { name: "Next page" }).click();
    await view.getByText("Rows 51 to 550 of 1,250").waitFor({ timeout: WAIT_MS });
    assert.deepEqual(calls, [["get_result", { handle: "h-1", offset: 50, limit: 500 }]]);
    assert.equal((await column(0))[0], "51");
    await view.getByText(/The first 200 of 500 rows are drawn/).waitFor({ timeout: WAIT_MS });
    await host.frame().evaluate(() => { document.querySelector(".scroll").scrollTop = 3000; });
    await view.getByRole("button", { name: "Draw 200 more" }).click();
    await until("more are drawn", async () => (await view.locator("#rows tbody tr").count()) === 400);
    assert.deepEqual(await host.frame().evaluate(() => [document.querySelector(".scroll").scrollTop, document.activeElement.id]), [3000, "more"], "the place in the table, and the focus, stay");
    await picture("page");
    await view.getByRole("button", { name: "Next page" }).click();
    await view.getByText("Rows 551 to 1,050 of 1,250").waitFor({ timeout: WAIT_MS });
    await view.getByRole("button", { name: "Next page" }).click();
    await view.getByText("Rows 1,051 to 1,250 of 1,250").waitFor({ timeout: WAIT_MS });
    assert.equal(await view.getByRole("button", { name: "Next page" }).count(), 0);
    await view.getByRole("button", { name: "Previous page" }).click();
    await view.getByText("Rows 551 to 1,050 of 1,250").waitFor({ timeout: WAIT_MS });
    assert.equal(calls.length, 3, "the page before is not asked for again");
    answer = async () => ({ result: { isError: true, content: [{ type: "text", text: "the handle <i>h-1</i> is gone" }] } });
    await view.getByRole("button", { name: "Next page" }).click();
    await view.getByText("Next page failed: the handle <i>h-1</i> is gone").waitFor({ timeout: WAIT_MS });
    answer = async () => ({ error: { code: -32000, message: "the user said no" } });
    await view.getByRole("button", { name: "Next page" }).click();
    await view.getByText("Next page failed: the user said no").waitFor({ timeout: WAIT_MS });
    await view.getByText("Rows 551 to 1,050 of 1,250").waitFor({ timeout: WAIT_MS });
  });

  await check("an export is a call of export_result, and says what came of it", async () => {
    answer = async (name) => (name === "export_result" ? { result: { content: [{ type: "text", text: "wrote 1250 rows to /exports/sales.jsonl" }] } } : { error: { code: -32000, message: "no" } });
    calls.length = 0;
    await view.getByText("Export", { exact: true }).click();
    await view.getByRole("combobox", { name: "Format" }).selectOption("jsonl");
    assert.match(await view.getByRole("textbox", { name: "File name" }).inputValue(), /^result-\d{8}-\d{6}\.jsonl$/);
    await view.getByRole("textbox", { name: "File name" }).fill("sales.jsonl");
    await picture("export");
    await view.getByRole("button", { name: "Export all rows" }).click();
    await view.getByText("wrote 1250 rows to /exports/sales.jsonl").waitFor({ timeout: WAIT_MS });
    assert.deepEqual(calls, [["export_result", { handle: "h-1", format: "jsonl", name: "sales.jsonl" }]]);
    answer = async () => ({ result: { isError: true, content: [{ type: "text", text: "this profile has no export_folder" }] } });
    await view.getByRole("button", { name: "Export all rows" }).click();
    await view.getByText("Export failed: this profile has no export_folder").waitFor({ timeout: WAIT_MS });
  });

  const real = await shows.query(NUMBERS, 50);
  await check("with a handle of the gateway's own, every row comes once, in order", async () => {
    answer = async (name, args) => { const { result, error } = await shows.call(name, args); return result ? { result } : { error }; };
    await show(real);
    await view.getByText("Rows 1 to 50 of 1,250").waitFor({ timeout: WAIT_MS });
    const seen = [...(await column(0))];
    for (const where of ["Rows 51 to 550 of 1,250", "Rows 551 to 1,050 of 1,250", "Rows 1,051 to 1,250 of 1,250"]) {
      await view.getByRole("button", { name: "Next page" }).click();
      await view.getByText(where).waitFor({ timeout: WAIT_MS });
      while (await view.getByRole("button", { name: "Draw 200 more" }).count()) await view.getByRole("button", { name: "Draw 200 more" }).click();
      seen.push(...(await column(0)));
    }
    assert.deepEqual(seen, Array.from({ length: 1250 }, (_, at) => String(at + 1)));
    assert.equal(await view.getByRole("button", { name: "Next page" }).count(), 0);
    await unhurt("a handle");
  });

  await check("a statement that still runs is waited for with a button", async () => {
    const running = (handle) => ({ content: [{ type: "text", text: `Still at work (<b>${handle}</b>)` }], _meta: { "snowgate/result": { handle, running: true } } });
    let asked = 0;
    answer = async () => { asked += 1; return asked === 1 ? { result: running("h-8") } : { result: await shows.query(SALES) }; };
    calls.length = 0;
    await show(running("h-7"));
    await view.getByText("Still at work (<b>h-7</b>)").waitFor({ timeout: WAIT_MS });
    await view.getByRole("button", { name: "Wait for the result" }).click();
    await view.getByText("Still at work (<b>h-8</b>)").waitFor({ timeout: WAIT_MS });
    await view.getByRole("button", { name: "Wait for the result" }).click();
    await view.getByText("4 rows", { exact: true }).waitFor({ timeout: WAIT_MS });
    assert.deepEqual(calls, [["get_result", { handle: "h-7" }], ["get_result", { handle: "h-8" }]]);
    await show(running("h-9"), { capabilities: {} });
    await view.getByText("Still at work").waitFor({ timeout: WAIT_MS });
    assert.equal(await view.getByRole("button").count(), 0);
  });

  await check("a summary is a table of its own, closed at first", async () => {
    await show({ content: [{ type: "text", text: "(1 of 9 rows; more: get_result {\"handle\":\"h\",\"offset\":1})\na|b\n1|x\n(1 of 9 rows; more: get_result {\"handle\":\"h\",\"offset\":1}) query id 01b2\nsummary of all 9 rows:\ncolumn|type|NULL|distinct|min|max\na|NUMBER|0%|~9|1|9\nb|TEXT|<0.1%|2|<b>x</b>|NULL" }], _meta: { "snowgate/result": { handle: "h", offset: 0, shown: 1, rows: 9, complete: false } } });
    await view.getByText("Rows 1 to 1 of the first 9").waitFor({ timeout: WAIT_MS });
    assert.equal(await view.locator(".note").textContent(), "query id 01b2");
    await view.getByText("Summary of all 9 rows").click();
    assert.deepEqual(await view.locator(".summary tbody tr").nth(1).locator("td").allTextContents(), ["b", "TEXT", "<0.1%", "2", "<b>x</b>", ""]);
    await picture("summary");
    await unhurt("the summary");
  });

  await check("without tools through the host, or where the profile does not offer them, there are no buttons for them", async () => {
    await show(await part(0, 50), { capabilities: {} });
    await view.getByText("Rows 1 to 50 of 1,250").waitFor({ timeout: WAIT_MS });
    assert.equal(await view.getByText(/Next page|Export/).count(), 0);
    await host.open(resource.text.replace(/data-tools="[^"]*"/, "data-tools=\"get_result\""));
    await deliver(await part(0, 50));
    assert.deepEqual([await view.getByText("Next page").count(), await view.getByText("Export", { exact: true }).count()], [1, 0]);
  });

  await check("rows that are not counted yet are paged until none come", async () => {
    const uncounted = async (offset) => { const result = await part(offset, 10); const { rows: _, ...meta } = result._meta["snowgate/result"]; return { ...result, _meta: { "snowgate/result": { ...meta, complete: false } } }; };
    answer = async (_, args) => ({ result: await uncounted(args.offset < 60 ? args.offset : 1250) });
    await show(await uncounted(50));
    await view.getByText("Rows 51 to 60 of more").waitFor({ timeout: WAIT_MS });
    await view.getByRole("button", { name: "Next page" }).click();
    await view.getByText("There are no more rows.").waitFor({ timeout: WAIT_MS });
    assert.equal(await view.getByRole("button", { name: "Next page" }).count(), 0);
  });

  await check("the host's theme and colours are taken, and change with it; readable in both", async () => {
    const ground = () => host.frame().evaluate(() => getComputedStyle(document.body).backgroundColor);
    await show(await shows.query(SALES), { context: { theme: "dark" } });
    const dark = await ground();
    await picture("dark");
    await host.notify("ui/notifications/host-context-changed", { theme: "light" });
    await until("it is light", async () => (await ground()) !== dark);
    const luminance = (color) => { const [r, g, b] = color.match(/[\d.]+/g).map(Number).map((c) => { const v = c / 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    for (const theme of ["light", "dark"]) {
      await host.notify("ui/notifications/host-context-changed", { theme });
      await until(theme, async () => (await host.frame().evaluate(() => document.documentElement.dataset.theme)) === theme);
      for (const selector of ["td", ".null", ".where", "summary", "th button"]) {
        const [ink, paper] = (await host.frame().evaluate((selector) => { const element = document.querySelector(selector); let under = element; while (getComputedStyle(under).backgroundColor.endsWith(", 0)")) under = under.parentElement; return [getComputedStyle(element).color, getComputedStyle(under).backgroundColor]; }, selector)).map(luminance);
        const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
        assert.ok(ratio >= 4.5, `${theme} ${selector}: ${ratio}`);
      }
    }
    const variables = { "--color-background-primary": "rgb(1, 2, 3)", "--color-text-primary": "url(http://evil.test/x)", "--unknown": "red", "--font-sans": 5 };
    await host.notify("ui/notifications/host-context-changed", { styles: { variables } });
    await until("the host's colour", async () => (await ground()) === "rgb(1, 2, 3)");
    assert.equal(await host.frame().evaluate(() => document.documentElement.style.getPropertyValue("--unknown") + document.documentElement.style.getPropertyValue("--color-text-primary")), "");
    await host.notify("ui/notifications/host-context-changed", { availableDisplayModes: ["inline", "fullscreen"], displayMode: "inline" });
    await view.getByRole("button", { name: "Full screen" }).click();
    await until("it fills the screen", async () => (await host.frame().evaluate(() => document.documentElement.dataset.mode)) === "fullscreen");
  });

  await check(`${HOSTILE.length} hostile values are text, in cells, names, labels and notes, in both sandboxes`, async () => {
    const short = HOSTILE.filter((value) => value.length < 1000);
    for (const sandbox of ["allow-scripts", "allow-scripts allow-same-origin allow-forms allow-popups allow-modals"]) {
      await show(await shows.query(valuesOf(["a", "b"], HOSTILE.map((value) => [value, value]))), { sandbox });
      await until("all rows", async () => (await view.locator("#rows tbody tr").count()) === HOSTILE.length);
      const shown = await column(0);
      HOSTILE.forEach((value, at) => assert.equal(shown[at], shownText(value, 200), JSON.stringify(value).slice(0, 80)));
      assert.ok(!/[\u0000-\u001f\u202a-\u202e\u2066-\u2069\u061c]/.test(shown.join("")));
      const tall = await host.frame().evaluate(() => Math.max(...[...document.querySelectorAll("#rows tbody tr")].map((row) => row.getBoundingClientRect().height)));
      assert.ok(tall < 40, `no value makes a row tall: ${tall}`);
      await picture("hostile");
      for (const name of await view.locator("#rows th button").all()) await name.click();
      await unhurt("cells");
      const names = [...new Set(short.filter((value) => value && !value.includes("\u0000")))].slice(0, 55);
      await deliver(await shows.query(`select ${names.map((name, at) => `${at} as ${quoted(name)}`).join(", ")}`));
      await until("names", async () => (await view.locator("#rows th").count()) === names.length);
      assert.equal(await view.locator("#rows th").first().textContent(), names[0]);
      await unhurt("names");
      const labels = [...new Set(short.map((value) => value.trim()).filter(Boolean))].slice(0, 60);
      await deliver(await shows.query(valuesOf(["<img src=x onerror=window.canary=1>", "</svg><script>window.canary=1</script>"], labels.map((label, at) => [label, at]))));
      await until("bars", async () => (await view.locator("svg rect").count()) === labels.length);
      await unhurt("labels");
      for (const text of short) {
        await host.notify("ui/notifications/tool-result", { content: [{ type: "text", text }, { type: "resource_link", uri: text, name: text }] });
        await host.notify("ui/notifications/tool-result", { isError: true, content: [{ type: "text", text }] });
        await host.notify("ui/notifications/tool-cancelled", { reason: text });
        await host.notify("ui/notifications/tool-input", { arguments: { query: text } });
        await host.notify(text, { content: [] });
      }
      await unhurt("texts");
    }
  });

  await check("the page's own policy holds where the host's is loose: nothing is loaded, no script runs but its own", async () => {
    await show(await shows.query("select 1 as a"));
    const before = host.faults.length;
    await host.frame().evaluate(() => {
      const script = document.createElement("script"); script.textContent = "window.canary = 1"; document.body.append(script);
      const image = document.createElement("img"); image.src = "data:image/gif;base64,R0lGODlhAQABAAAAACw="; document.body.append(image);
      const button = document.createElement("button"); button.setAttribute("onclick", "window.canary = 1"); document.body.append(button); button.click();
    });
    await until("all three are refused", () => host.faults.slice(before).filter((fault) => fault.includes("CSP violation")).length >= 3);
    assert.equal(await host.frame().evaluate(() => window.canary), undefined);
    host.faults.length = before;
  });

  await check("100,000 cells: 200 rows are drawn, which is said, and a sort is quick", async () => {
    const many = await shows.query("with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000) select i, (i * 7919) % 20011 as a, 'text ' || i as b, i * 1.5 as c, null as d from n");
    await host.open(resource.text);
    const started = Date.now();
    await deliver(many);
    await view.getByText(/The first 200 of 20,000 rows are drawn/).waitFor({ timeout: WAIT_MS });
    const shownAfter = Date.now() - started;
    assert.equal(await view.locator("#rows tbody tr").count(), 200);
    const sorted = await host.frame().evaluate(() => { const before = performance.now(); document.getElementById("sort-2").click(); return performance.now() - before; });
    assert.equal((await column(2))[0], "text 1");
    const wide = await shows.query(`select ${Array.from({ length: 500 }, (_, n) => `${n} as c${n}`).join(", ")}`);
    await deliver(wide);
    await view.getByText(/the first 60 of 500 columns are drawn/).waitFor({ timeout: WAIT_MS });
    console.log(`# 100,000 cells are shown after ${shownAfter} ms and sorted in ${Math.round(sorted)} ms`);
    assert.ok(sorted < 5_000, String(sorted));
  });

  await check("at 320 px the page itself does not scroll sideways", async () => {
    await host.page.setViewportSize({ width: 320, height: 700 });
    await show(await part(0, 50));
    await deliver(await shows.query(SALES));
    const [wide, screen] = await host.frame().evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
    assert.ok(wide <= screen, `${wide} > ${screen}`);
    await picture("narrow");
  });

  if (pictures) { // That of docs/app.md.
    await host.page.setViewportSize({ width: 760, height: 900 });
    await show(await shows.query("select O_ORDERPRIORITY as priority, round(sum(O_TOTALPRICE)) as revenue, round(sum(case when O_ORDERSTATUS = 'O' then O_TOTALPRICE else 0 end)) as open_orders from ORDERS group by 1 order by 1"));
    await picture("docs");
  }
  assert.deepEqual([host.faults, host.foreign], [[], []], "no error, no violation of a policy, no request to elsewhere");
  console.log(`1..${passed}`);
} finally {
  await browser?.close();
  for (const child of children) child.kill("SIGKILL");
  try { execFileSync(gateway, ["stop"], { env, stdio: "ignore" }); } catch { /* It has ended. */ }
  rmSync(home, { recursive: true, force: true });
}
process.exit(0);
