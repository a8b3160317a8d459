// Pages in Chromium against /mcp: one of an allowed origin is served, one of another is not. See README.md.
//
// Usage: node browser.mjs GATEWAY [CHROMIUM]

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [gateway, executablePath = "/usr/bin/chromium"] = process.argv.slice(2);
const WAIT_MS = 30_000;

/** A server of one empty page; its origin. */
async function pages() {
  const server = createServer((_, answer) => answer.setHeader("Content-Type", "text/html").end("<!doctype html>"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, origin: `http://127.0.0.1:${server.address().port}` };
}

/** A gateway that lets in pages of `origin`; its URL. */
async function start(home, origin) {
  const port = 10_000 + Math.floor(Math.random() * 20_000);
  const http = `[http]\nenabled = true\nauth = "none"\nlisten = "127.0.0.1:${port}"\nallowed_origins = ["${origin}"]\n`;
  writeFileSync(join(home, "config.toml"), `[sqlite]\nsample_data = false\n${http}`);
  const program = spawn(gateway, ["serve"], { env: { ...process.env, SNOWGATE_HOME: home }, stdio: "ignore" });
  const url = `http://127.0.0.1:${port}`;
  for (const end = Date.now() + WAIT_MS; ; ) {
    const up = await fetch(`${url}/health`).catch(() => undefined);
    if (up?.ok) return { program, url: `${url}/mcp` };
    if (Date.now() > end) throw new Error("the gateway does not start");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Runs in the page: a session over fetch, then a WebSocket. What came of each. */
async function inPage(url) {
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "page", version: "1" } };
  const initialize = JSON.stringify({ jsonrpc: "2.0", id: 0, method: "initialize", params });
  const headers = { "Content-Type": "application/json", Accept: "application/json, text/event-stream" };
  const overFetch = async () => {
    const opened = await fetch(url, { method: "POST", headers, body: initialize });
    const session = opened.headers.get("Mcp-Session-Id");
    if (!session) return `status ${opened.status}, no session id`;
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" });
    const listed = await fetch(url, { method: "POST", headers: { ...headers, "Mcp-Session-Id": session }, body });
    return `${(await listed.json()).result.tools.length} tools`;
  };
  const overSocket = new Promise((resolve) => {
    const socket = new WebSocket(url.replace("http", "ws"), "mcp");
    socket.onopen = () => socket.send(initialize);
    socket.onmessage = (event) => resolve(JSON.parse(event.data).result.serverInfo.name);
    socket.onerror = () => resolve("refused");
  });
  return { fetch: await overFetch().catch(() => "refused"), socket: await overSocket };
}

const home = mkdtempSync(join(tmpdir(), "snowgate-browser-"));
const [allowed, other] = [await pages(), await pages()];
const { program, url } = await start(home, allowed.origin);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
let failed = 0;
try {
  const wanted = [
    [allowed.origin, { fetch: "14 tools", socket: "snowgate" }],
    [other.origin, { fetch: "refused", socket: "refused" }],
  ];
  for (const [origin, expected] of wanted) {
    const page = await browser.newPage();
    await page.goto(origin);
    const found = await page.evaluate(inPage, url);
    const isRight = JSON.stringify(found) === JSON.stringify(expected);
    failed += isRight ? 0 : 1;
    const which = origin === allowed.origin ? "an allowed origin" : "another origin";
    console.log(`${isRight ? "ok" : "not ok"} - a page of ${which}: ${JSON.stringify(found)}`);
  }
} finally {
  await browser.close();
  program.kill("SIGTERM");
  await once(program, "exit");
  allowed.server.close();
  other.server.close();
  rmSync(home, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
