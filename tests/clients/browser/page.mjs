// The page in Chromium: every view, stopping a call, dark mode, 400 px, 500 sessions, hostile names and SQL, a restart. See README.md.
//
// Usage: node page.mjs GATEWAY SHIM MODULES [FOLDER FOR SCREENSHOTS]

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [gateway, shim, modules, pictures] = process.argv.slice(2);
const { chromium } = createRequire(join(modules, "x.js"))("playwright-core");
const WAIT_MS = 1000 * Number(process.env.TEST_PATIENCE_SECONDS || 60);
const SESSIONS = 500;

const home = mkdtempSync(join(tmpdir(), "snowgate-page-"));
const port = 10_000 + Math.floor(Math.random() * 20_000);
const origin = `http://127.0.0.1:${port}`;
const env = { ...process.env, SNOWGATE_HOME: home };
writeFileSync(join(home, "config.toml"), `[http]\nenabled = true\nauth = "none"\nlisten = "127.0.0.1:${port}"\n[queries]\nslow_ms = 5\n[limits]\nrequests_per_day = 100000\n[alerts]\ninterval_s = 1\nfor_s = 0\nerrors = 1\n`);

const snowgate = (...args) => execFileSync(gateway, args, { env, encoding: "utf8" }).trim();
const children = [];
const until = async (what, holds) => {
  for (const end = Date.now() + WAIT_MS; ; ) {
    const held = await holds();
    if (held) return held;
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

function start() { children.push(spawn(gateway, ["serve"], { env, stdio: "ignore" })); return until("the gateway answers", () => fetch(`${origin}/health`).then((answer) => answer.ok, () => false)); }

/** A session over a shim. */
function shimClient(name) {
  const process = spawn(shim, [], { env, stdio: ["pipe", "pipe", "ignore"] });
  process.stdout.resume();
  children.push(process);
  const send = (message) => process.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  let id = 0;
  send({ id: id++, method: "initialize", params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name, version: "1.2" } } });
  send({ method: "notifications/initialized" });
  return { process, query: (query) => send({ id: id++, method: "tools/call", params: { name: "execute_query", arguments: { query } } }) };
}

/** A session over HTTP: cheap, so there can be many. */
async function httpClient(name) {
  const headers = { "Content-Type": "application/json", Accept: "application/json, text/event-stream" };
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name, version: "1" } };
  const opened = await fetch(`${origin}/mcp`, { method: "POST", headers, body: JSON.stringify({ jsonrpc: "2.0", id: 0, method: "initialize", params }) });
  assert.equal(opened.status, 200);
  await opened.text();
}

const ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n";
const HOSTILE = ["<script>window.canary=1</script>", "<img src=x onerror=window.canary=1>", "\"><svg onload=window.canary=1>", "javascript:window.canary=1", "\u202egnp.exe\u0007", "a".repeat(300), "</title><style>*{display:none}</style>"];

let passed = 0;
async function check(what, body) { await body(); passed += 1; console.log(`ok - ${what}`); }

await start();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
const foreign = [], faults = [];
try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: "light" });
  const page = await context.newPage();
  page.on("request", (request) => { if (!request.url().startsWith(`${origin}/`)) foreign.push(request.url()); });
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => { if (message.type() === "error" && /Content Security|TrustedHTML|Refused/.test(message.text())) faults.push(message.text()); });
  page.on("dialog", (dialog) => { faults.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
  const picture = async (name) => { if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`) }); };
  const open = (name) => page.getByRole("tab", { name: new RegExp(`^${name}`) }).click();
  const shown = async () => `the page shows:\n${(await page.locator("body").innerText()).slice(0, 1000)}\nand the gateway says:\n${snowgate("status")}`;
  const seen = (text) => page.getByText(text).locator("visible=true").first().waitFor({ timeout: WAIT_MS }).catch(async (error) => { throw new Error(`${error.message}\n${await shown()}`); });

  await check("without a link the page opens at once, and stops nothing", async () => {
    await page.goto(`${origin}/`);
    await seen("viewing only");
    await seen("live");
  });

  const workers = [shimClient("claude-code"), shimClient("cursor"), shimClient("data-agent")];
  for (const [at, worker] of workers.entries()) {
    for (let n = 0; n < 12; n += 1) worker.query(["select count(*) from LINEITEM where L_ORDERKEY > " + n, `select * from ORDERS where O_ORDERKEY = ${n}`, "select * from missing_table"][(n + at) % 3]);
  }
  const busy = shimClient("notebook");
  busy.query(ENDLESS);

  await check("a link of `snowgate open` makes an operator of the page, and leaves the address", async () => {
    await page.goto(`${origin}/`);
    await page.goto("about:blank");
    await page.goto(snowgate("open", "--print"));
    await seen("operator");
    assert.ok(!page.url().includes("ticket"), page.url());
  });

  await check("every view shows what there is", async () => {
    await until("the statements have ended", async () => JSON.parse(snowgate("status", "--json")).totals.calls >= 36);
    await seen(/Alert errors, firing/); await seen(/Many requests fail: \d+ \(alerts\.errors = 1\), for .*Run `snowgate logs/);
    await open("Sessions"); await seen("claude-code"); await picture("sessions");
    await open("Running"); await seen("notebook"); await picture("running");
    await open("Flows"); await seen("Lag / bound"); await picture("flows");
    await open("Statements"); await page.getByText(/ORDERS/i).locator("visible=true").first().waitFor({ timeout: WAIT_MS }); await picture("statements");
    await open("Limits"); await seen("Limits and quotas"); await picture("limits");
    await open("Gateway"); await seen("Connections and their breakers"); await picture("gateway");
    await open("Audit"); await seen("Search the audit trail"); await seen("execute_query");
    await page.getByRole("textbox", { name: "Client" }).fill("claude-code");
    await page.getByRole("combobox", { name: "Outcome" }).selectOption("failed");
    await page.getByRole("button", { name: "Search" }).click();
    await until("the page has found them", async () => (await page.locator("#view-audit tbody tr").count()) === 4);
    assert.equal(await page.locator("#view-audit tbody").getByText("cursor").count(), 0);
    await picture("audit");
    await page.getByRole("textbox", { name: "Since" }).fill("tomorrow");
    await page.getByRole("button", { name: "Search" }).click(); await seen(/Not searched: `since`/);
    await open("Overview"); await seen("Calls a minute"); await picture("overview");
    assert.ok(await page.locator(".chart .bar").count() > 0, "there are bars");
  });

  await check("by keyboard, tabs turn", async () => {
    await page.getByRole("tab", { name: /^Overview/ }).focus();
    await page.keyboard.press("ArrowRight");
    assert.equal(await page.locator("[role=tab][aria-selected=true]").getAttribute("id"), "tab-running");
    assert.equal(await page.evaluate(() => document.activeElement.id), "tab-running");
  });

  await check("a call is stopped, after a question", async () => {
    await open("Running");
    await page.getByRole("button", { name: /^Stop call \d+ of notebook/ }).first().click();
    await seen(/Stop call \d+ of notebook\?/);
    await picture("kill");
    await page.getByRole("button", { name: "Leave it" }).click();
    assert.equal(JSON.parse(snowgate("sessions", "--json")).find((session) => session.client === "notebook").running, 1);
    await page.getByRole("button", { name: /^Stop call \d+ of notebook/ }).first().click();
    await page.getByRole("button", { name: "Stop it" }).click();
    await seen(/Stopped call/);
    await until("it has stopped", () => JSON.parse(snowgate("sessions", "--json")).find((session) => session.client === "notebook").running === 0);
    await until("the page shows that", async () => (await page.getByRole("button", { name: /^Stop call \d+ of notebook/ }).count()) === 0);
  });

  const luminance = (color) => { const [r, g, b] = color.match(/[\d.]+/g).map(Number).map((c) => { const v = c / 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const contrast = async (selector) => {
    const [ink, paper] = await page.evaluate((selector) => { const element = document.querySelector(selector); let under = element; while (getComputedStyle(under).backgroundColor.endsWith(", 0)")) under = under.parentElement; return [getComputedStyle(element).color, getComputedStyle(under).backgroundColor]; }, selector);
    const [a, b] = [luminance(ink), luminance(paper)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
  await check("light and dark are readable; the system decides, or the switch", async () => {
    await open("Overview");
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const readable = async () => { for (const selector of ["h1", ".tile .name", "nav button[aria-selected=false]", "th", ".where"]) { const found = await contrast(selector); assert.ok(found >= 4.5, `${selector}: ${found}`); } };
    const light = await ground();
    await readable();
    await page.emulateMedia({ colorScheme: "dark" });
    assert.ok(luminance(await ground()) < 0.05 && luminance(light) > 0.8);
    await readable();
    await picture("overview-dark");
    await page.getByRole("button", { name: "Theme: system" }).click();
    assert.ok(luminance(await ground()) > 0.8, "the switch says light");
    await page.reload();
    await seen("Theme: light");
    await page.getByRole("button", { name: "Theme: light" }).click();
    await page.getByRole("button", { name: "Theme: dark" }).click();
    await page.emulateMedia({ colorScheme: "light" });
  });

  await check("hostile names and SQL are text", async () => {
    const hostile = HOSTILE.map(shimClient);
    hostile.forEach((client, at) => client.query(`select '${HOSTILE[at].replaceAll("'", "''")}' as "${HOSTILE[at].replaceAll('"', '""')}" from "<img src=x onerror=window.canary=1>"`));
    const more = shimClient("<b>endless</b>");
    more.query(`${ENDLESS} /* <script>window.canary=1</script> */ where '<img src=x onerror=window.canary=1>' <> ''`);
    for (const name of ["Sessions", "Running", "Flows", "Statements", "Limits", "Gateway", "Audit", "Overview"]) {
      await open(name);
      if (name === "Sessions") { await seen("<img src=x onerror=window.canary=1>"); await picture("hostile"); }
      await page.waitForTimeout(300);
      assert.equal(await page.evaluate(() => window.canary), undefined, name);
      assert.equal(await page.locator("#app script, #app img, #app b:not(.problem b), #app iframe, #app style").count(), 0, name);
    }
    for (const client of [...hostile, more]) client.process.stdin.end();
  });

  await check("at 400 px nothing scrolls sideways", async () => {
    await page.setViewportSize({ width: 400, height: 800 });
    for (const name of ["Overview", "Running", "Sessions", "Flows", "Statements", "Limits", "Gateway", "Audit"]) {
      await open(name);
      await page.waitForTimeout(100);
      const [wide, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
      assert.ok(wide <= screen, `${name}: ${wide} > ${screen}`);
      await picture(`narrow-${name.toLowerCase()}`);
    }
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  await check(`${SESSIONS} sessions: few rows are drawn, a filter finds the others, and the page stays quick`, async () => {
    for (let at = 0; at < SESSIONS; at += 25) await Promise.all(Array.from({ length: 25 }, (_, n) => httpClient(`agent-${String(at + n).padStart(3, "0")}`)));
    await open("Sessions");
    await seen(/100 of 5\d\d shown/);
    assert.equal(await page.locator("#view-sessions tbody tr").count(), 100);
    await page.getByRole("searchbox").fill("agent-437");
    await until("the filter has found it", async () => (await page.locator("#view-sessions tbody tr").count()) === 1);
    await page.getByRole("searchbox").fill("");
    await until("all are back", async () => (await page.locator("#view-sessions tbody tr").count()) === 100);
    const slowest = await page.evaluate(async () => { let slowest = 0, before = performance.now(); for (let n = 0; n < 120; n += 1) { await new Promise(requestAnimationFrame); const now = performance.now(); slowest = Math.max(slowest, now - before); before = now; } return slowest; });
    console.log(`# the slowest frame of 2 s with ${SESSIONS} sessions: ${Math.round(slowest)} ms`);
    await picture("many");
    const idle = await measure(5);
    console.log(`# updates of 5 s, of sessions that do nothing: ${idle.whole} bytes at first, then ${Math.round(idle.rest / 5)} a second`);
  });

  await check("after a restart the page finds the gateway again, and says that it may not stop calls any more", async () => {
    snowgate("restart");
    await seen("viewing only");
    await seen("live");
  });

  await check("a gateway that is gone is said to be", async () => {
    snowgate("stop");
    await seen(/connection lost/);
    await picture("lost");
    await start();
    await page.locator(".live:not(.lost)").waitFor({ timeout: WAIT_MS });
  });

  assert.deepEqual(foreign, [], "no request leaves");
  assert.deepEqual(faults, [], "no error in the page");
  console.log(`1..${passed}`);
} finally {
  await browser.close();
  for (const child of children) child.kill("SIGKILL");
  try { snowgate("stop"); } catch { /* It has ended. */ }
  rmSync(home, { recursive: true, force: true });
}
process.exit(0);

/** Bytes of the stream: its first update, and those that follow within `seconds`. */
async function measure(seconds) {
  const stop = new AbortController();
  const answer = await fetch(`${origin}/ui/events`, { signal: stop.signal });
  let whole = 0, rest = 0, text = "";
  const timer = setTimeout(() => stop.abort(), seconds * 1000);
  try {
    for await (const piece of answer.body) {
      if (whole) { rest += piece.length; continue; }
      text += Buffer.from(piece).toString("latin1");
      if (text.includes("\n\n")) whole = text.length;
    }
  } catch { /* The time is over. */ }
  clearTimeout(timer);
  return { whole, rest };
}
