// The page of Snowgate's gateway. No text that comes from the gateway becomes markup: `textContent` and attributes alone.
"use strict";

const ROWS_MAX = 100; // Rows of a table that are drawn; a filter finds the others.
const SILENCE_MAX_MS = 30_000; // The gateway shows every 10 s that it lives.
const BACKOFF_MAX_MS = 15_000;
const HELLO_MAX_MS = 10_000; // Then the gateway is asked again.
const SVG = "http://www.w3.org/2000/svg";

const state = {
  facts: {}, tables: { sessions: new Map(), minutes: new Map(), queries: new Map() },
  offset: 0, session: null, view: "overview", isLive: false, lost: "", dirty: true, problems: 0,
};
const app = document.getElementById("app");

// ---- Elements ----

function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat()) if (child !== null && child !== undefined) element.append(child);
  return element;
}
function s(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  return element;
}
function setText(element, text) { if (element.textContent !== text) element.textContent = text; }
// Control characters, and those that turn the direction of text, are shown as what they are: something odd.
function clean(text) { return String(text ?? "").replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (c) => (c === "\n" || c === "\t" ? " " : "\ufffd")); }

// ---- Words and numbers ----

const number = new Intl.NumberFormat("en");
function count(value) { return number.format(value || 0); }
function bytes(value) {
  let n = value || 0;
  for (const unit of ["B", "kB", "MB", "GB"]) { if (n < 1000) return `${unit === "B" ? n : n.toFixed(n < 10 ? 1 : 0)} ${unit}`; n /= 1000; }
  return `${n.toFixed(1)} TB`;
}
function duration(ms) {
  if (!(ms >= 0)) return "0 s";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86400)} days`;
}
function age(at) { const ms = Math.max(0, now() - at); return ms < 60_000 ? `${Math.floor(ms / 1000)} s` : duration(ms); }
function milliseconds(value) { return value >= 10_000 ? duration(value) : `${value >= 100 ? Math.round(value) : (value || 0).toFixed(1)} ms`; }
function now() { return Date.now() + state.offset; }
function clock(at) { return new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }); }

// ---- The gateway ----

async function ask(path, body, answerMaxMs = 60_000) {
  const options = { credentials: "same-origin", cache: "no-store", signal: AbortSignal.timeout(answerMaxMs) };
  if (body !== undefined) Object.assign(options, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json", "X-Snowgate-Page": "1" } });
  const answer = await fetch(path, options);
  const text = await answer.text();
  let json = null;
  try { json = text ? JSON.parse(text) : null; } catch { json = null; }
  if (answer.ok) return json;
  const error = json?.error;
  const failure = new Error(error ? [error.message, error.next_step].filter(Boolean).join("; ") : `the gateway answered ${answer.status}`);
  failure.status = answer.status;
  throw failure;
}

let source = null, watchdog = 0, retry = 0, attempts = 0;

function disconnect() { source?.close(); source = null; clearTimeout(watchdog); clearTimeout(retry); }

function heard() {
  clearTimeout(watchdog);
  watchdog = setTimeout(() => lose("nothing was heard for 30 s"), SILENCE_MAX_MS);
}

function connect() {
  disconnect();
  source = new EventSource("/ui/events");
  heard();
  source.addEventListener("alive", heard);
  // While a gateway restarts, the one before it may have answered who we are.
  source.addEventListener("who", (event) => { state.session = JSON.parse(event.data); drawAccess(); });
  source.onmessage = (event) => {
    heard();
    attempts = 0;
    apply(JSON.parse(event.data));
    setLive(true);
  };
  source.onerror = () => lose("");
}

async function lose(why) {
  disconnect();
  const wait = Math.min(BACKOFF_MAX_MS, 500 * 2 ** attempts) * (0.75 + Math.random() / 2);
  attempts += 1;
  setLive(false, why);
  retry = setTimeout(reconnect, wait);
}

// Who we are may have changed: a restart forgets who had logged in.
async function reconnect() {
  try {
    await hello();
  } catch (error) {
    if (error.status === 401 || error.status === 403) return showLogin("The session has ended: the gateway was restarted, the key is good no more, or 12 hours have passed.");
    return lose("");
  }
  frame();
  connect();
}

async function hello() {
  state.session = await ask("/ui/session", undefined, HELLO_MAX_MS);
  if (!state.session.may_view) { const error = new Error("this key's role does not have the permission `health_check`, which the page needs"); error.status = 403; throw error; }
}

function apply(update) {
  state.offset = update.at_ms - Date.now();
  if (update.whole) {
    state.facts = {};
    for (const name of Object.keys(state.tables)) state.tables[name] = new Map();
  }
  Object.assign(state.facts, update.set);
  for (const [name, rows] of Object.entries(update.rows || {})) {
    for (const [key, row] of Object.entries(rows)) {
      const known = state.tables[name].get(key) || {};
      for (const [field, value] of Object.entries(row)) { if (value === null) delete known[field]; else known[field] = value; }
      state.tables[name].set(key, known);
    }
  }
  for (const [name, keys] of Object.entries(update.gone || {})) for (const key of keys) state.tables[name].delete(key);
  state.dirty = true;
  schedule();
}

let scheduled = false;
function schedule() {
  if (scheduled || document.hidden) return;
  scheduled = true;
  requestAnimationFrame(() => { scheduled = false; draw(); });
}

// ---- Log-in ----

function showLogin(why, problem) {
  disconnect();
  parts = null;
  const error = h("p", { class: "error", role: "alert", hidden: !problem }, problem || "");
  const field = h("input", { type: "password", name: "key", autocomplete: "off", "aria-label": "API key", placeholder: "sgk_...", spellcheck: "false" });
  const submit = async (event) => {
    event.preventDefault();
    const key = field.value.trim();
    if (!key) return field.focus();
    field.value = "";
    try { await ask("/ui/login", { key }); start(); } catch (failure) { error.textContent = `Not logged in: ${failure.message}`; error.hidden = false; field.focus(); }
  };
  app.replaceChildren(h("div", { class: "login" }, h("div", { class: "panel" },
    h("h1", {}, "Snowgate"),
    why ? h("p", {}, why) : null,
    error,
    h("form", { onsubmit: submit }, h("label", {}, "API key"), field, h("button", { class: "primary", type: "submit" }, "Log in")),
    h("p", {}, "On the machine that the gateway runs on, ", h("code", {}, "snowgate open"), " opens this page without a key."))));
  field.focus();
}

async function start() {
  // The ticket is in the fragment, which is sent nowhere; it is used up, and is not to stay in the history.
  const ticket = new URLSearchParams(location.hash.slice(1)).get("ticket");
  let problem = "";
  if (ticket) {
    history.replaceState(null, "", location.pathname);
    try { await ask("/ui/login", { ticket }); } catch (failure) { problem = `The link does not work: ${failure.message}`; }
  }
  try { await hello(); } catch (failure) {
    if (failure.status === 401 || failure.status === 403) return showLogin("", problem || (failure.status === 403 ? failure.message : ""));
    setLive(false, failure.message);
    app.replaceChildren(h("p", { class: "empty" }, "The gateway does not answer; trying again."));
    return lose("");
  }
  frame();
  if (problem) say(problem);
  connect();
}

async function logOut() {
  disconnect();
  try { await ask("/ui/logout", {}); } catch { /* Then the cookie is of no use any more. */ }
  start();
}

// ---- The frame ----

let parts = null;
const VIEWS = [
  ["overview", "Overview", drawOverview], ["running", "Running", drawRunning], ["sessions", "Sessions", drawSessions],
  ["flows", "Flows", drawFlows], ["queries", "Statements", drawQueries], ["limits", "Limits", drawLimits], ["gateway", "Gateway", drawGateway], ["audit", "Audit", drawAudit],
];

function frame() {
  if (parts) { drawAccess(); state.dirty = true; return schedule(); }
  const where = h("span", { class: "where" }), live = h("span", { class: "live", role: "status" }), access = h("span", { class: "access" });
  const problems = h("section", { class: "problems", "aria-label": "Problems" }), tiles = h("section", { class: "tiles", "aria-label": "Figures" });
  const tabs = h("nav", { role: "tablist", "aria-label": "Views", onkeydown: turn });
  const views = {}, buttons = {}, counts = {};
  const body = h("div", {});
  for (const [name, label] of VIEWS) {
    counts[name] = h("span", { class: "count" });
    buttons[name] = h("button", { role: "tab", id: `tab-${name}`, "aria-controls": `view-${name}`, onclick: () => show(name) }, label, counts[name]);
    tabs.append(buttons[name]);
    views[name] = h("div", { role: "tabpanel", id: `view-${name}`, "aria-labelledby": `tab-${name}` });
    body.append(views[name]);
  }
  const theme = h("button", { type: "button", onclick: switchTheme, title: "Light, dark, or as the system is" });
  parts = { where, live, access, problems, tiles, views, buttons, counts, theme, made: {} };
  app.replaceChildren(
    h("header", {}, h("h1", {}, "Snowgate"), where, h("div", { class: "right" }, live, access, theme)),
    h("main", {}, problems, tiles, tabs, body));
  showTheme();
  drawAccess();
  show(VIEWS.some(([name]) => name === location.hash.slice(1)) ? location.hash.slice(1) : state.view);
}

function drawAccess() {
  const { access } = parts, session = state.session;
  access.replaceChildren();
  const who = session.is_operator ? "operator" : session.key ? `key ${clean(session.key)}` : "viewing only";
  access.append(h("span", { class: "live-who", title: session.may_operate ? "may stop statements" : "to stop statements, run `snowgate open` on the gateway's machine, or use a key whose role has `admin_operations`" }, who));
  if (session.ends_in_s !== null && session.ends_in_s !== undefined) access.append(" ", h("button", { type: "button", onclick: logOut }, "Log out"));
}

function show(name) {
  state.view = name;
  history.replaceState(null, "", `#${name}`);
  for (const [view] of VIEWS) {
    parts.views[view].hidden = view !== name;
    parts.buttons[view].setAttribute("aria-selected", String(view === name));
    parts.buttons[view].tabIndex = view === name ? 0 : -1;
  }
  state.dirty = true;
  schedule();
}

function turn(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key], last = VIEWS.length - 1;
  const at = VIEWS.findIndex(([name]) => name === state.view);
  const next = step ? (at + step + VIEWS.length) % VIEWS.length : { Home: 0, End: last }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  show(VIEWS[next][0]);
  parts.buttons[VIEWS[next][0]].focus();
}

function setLive(isLive, why) {
  state.isLive = isLive;
  if (!parts) return;
  parts.live.classList.toggle("lost", !isLive);
  setText(parts.live, isLive ? "live" : `connection lost${why ? ` (${why})` : ""}; trying again`);
}

const THEMES = { "": "light", light: "dark", dark: "" };
function theme() { try { return localStorage.getItem("snowgate-theme") || ""; } catch { return ""; } }
function switchTheme() {
  try { localStorage.setItem("snowgate-theme", THEMES[theme()]); } catch { /* Then it is not remembered. */ }
  showTheme();
}
function showTheme() {
  const chosen = theme();
  if (chosen) document.documentElement.dataset.theme = chosen; else delete document.documentElement.dataset.theme;
  if (parts) setText(parts.theme, { "": "Theme: system", light: "Theme: light", dark: "Theme: dark" }[chosen]);
}

let saying = 0;
function say(text) {
  document.querySelector(".said")?.remove();
  const said = h("div", { class: "said", role: "status" }, clean(text));
  document.body.append(said);
  clearTimeout(saying);
  saying = setTimeout(() => said.remove(), 8_000);
}

// ---- Tables ----

// A table that keeps its rows, and so the focus in them, from one drawing to the next.
function makeTable({ columns, sort, empty, filter, title, note, rowsMax = ROWS_MAX }) {
  const order = { by: sort[0], down: sort[1] };
  const rows = new Map(), head = h("tr", {}), body = h("tbody", {}), notes = h("span", { class: "note" }), nothing = h("p", { class: "empty" }, empty);
  const heads = columns.map((column) => {
    const label = column.value ? h("button", { type: "button", onclick: () => { order.down = order.by === column ? !order.down : Boolean(column.num); order.by = column; state.dirty = true; schedule(); } }, column.label) : column.label;
    const cell = h("th", { scope: "col", class: classes(column) }, label);
    head.append(cell);
    return cell;
  });
  const find = filter ? h("input", { type: "search", placeholder: filter, "aria-label": filter, oninput: () => { state.dirty = true; schedule(); } }) : null;
  const table = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title }, h("table", {}, h("thead", {}, head), body));
  const element = h("section", { class: "panel" }, h("div", { class: "head" }, h("h2", {}, title), notes, find), table, nothing);
  if (typeof order.by === "string") order.by = columns.find((column) => column.id === order.by);
  function draw(all) {
    const wanted = find?.value.trim().toLowerCase();
    let found = wanted ? all.filter((row) => columns.some((column) => column.text && clean(column.text(row)).toLowerCase().includes(wanted))) : all;
    const by = order.by, sign = order.down ? -1 : 1;
    found = [...found].sort((a, b) => { const x = by.value(a), y = by.value(b); return (x < y ? -1 : x > y ? 1 : a.id < b.id ? -1 : 1) * (x === y ? 1 : sign); });
    const shown = found.slice(0, rowsMax);
    setText(notes, [found.length > shown.length ? `${shown.length} of ${found.length} shown; filter to find others` : wanted ? `${found.length} of ${all.length}` : "", note?.() || ""].filter(Boolean).join(" - "));
    heads.forEach((cell, at) => { if (columns[at] === by) cell.setAttribute("aria-sort", order.down ? "descending" : "ascending"); else cell.removeAttribute("aria-sort"); });
    const kept = new Set(shown.map((row) => row.id));
    for (const [id, drawn] of rows) if (!kept.has(id)) { drawn.element.remove(); rows.delete(id); }
    let at = body.firstChild;
    for (const row of shown) {
      let drawn = rows.get(row.id);
      if (!drawn) { drawn = makeRow(columns); rows.set(row.id, drawn); }
      drawn.row = row;
      drawn.update();
      if (drawn.element === at) at = at.nextSibling; else body.insertBefore(drawn.element, at);
    }
    table.hidden = shown.length === 0;
    nothing.hidden = shown.length > 0;
    setText(nothing, all.length > 0 ? "Nothing fits the filter." : empty);
  }
  return { element, draw };
}

function classes(column) { return [column.num && "num", column.wide && "wide", column.rank].filter(Boolean).join(" "); }

function makeRow(columns) {
  const drawn = { row: null, element: h("tr", {}) };
  const updates = columns.map((column) => {
    const base = classes(column), cell = h("td", { class: base });
    drawn.element.append(cell);
    if (column.make) { const made = column.make(() => drawn.row); cell.append(made.element); return made.update; }
    const text = h("span", { class: "text" });
    cell.append(text);
    return () => {
      const value = clean(column.text(drawn.row));
      if (text.textContent !== value) { text.textContent = value; if (value.length > 18) text.title = value; else text.removeAttribute("title"); }
      const tone = [base, column.tone?.(drawn.row)].filter(Boolean).join(" ");
      if (cell.className !== tone) cell.className = tone;
    };
  });
  drawn.update = () => updates.forEach((update) => update());
  return drawn;
}

function meter(share, isFault) {
  const rect = s("rect", { x: 0, y: 0, height: 8 }), box = s("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" });
  box.append(rect);
  const element = h("span", { class: "meter" }, box);
  return { element, set(value) { rect.setAttribute("width", String(Math.max(0, Math.min(100, 100 * value)))); element.className = `meter ${value >= 1 && isFault ? "bad" : value >= share ? "warn" : ""}`; } };
}

// ---- What there is to see ----

function sessions() { return [...state.tables.sessions].map(([id, row]) => ({ id, row })); }
function nameOf(row) { return row.name || row.client || "a client without a name"; }
function calls() {
  const found = [];
  for (const [session, row] of state.tables.sessions) for (const [call, since, tool, phase, pattern] of row.calls || []) found.push({ id: `${session}:${call}`, session, call, since, tool, phase, pattern, row });
  return found;
}
function flows() {
  const found = [];
  for (const connection of state.facts.connections || []) for (const flow of connection.allocator?.flows || []) found.push({ id: `${connection.name}\n${flow.flow}`, connection: connection.name, ...flow });
  return found;
}
function waiting() {
  const found = [];
  for (const connection of state.facts.connections || []) for (const request of connection.allocator?.requests || []) found.push({ id: `${request.session}:${request.request}`, connection: connection.name, ...request });
  return found;
}

// What is wrong, the worst first.
function problems() {
  const found = [], facts = state.facts;
  const add = (what, why, isBad) => { if (why) found.push({ what, why: typeof why === "string" ? why : JSON.stringify(why), isBad }); };
  for (const alert of alerts()) add(`Alert ${alert.alert}, ${alert.state}`, alertText(alert), alert.state === "firing" && alert.severity === "critical");
  for (const connection of facts.connections || []) {
    const breaker = connection.breaker || {}, isOpen = breaker.state && !["closed", "forced_closed"].includes(breaker.state);
    if (isOpen) add(`Breaker of ${connection.name}`, `${breaker.state.replace("_", " ")}${breaker.error ? `: ${breaker.error}` : ""}`, true);
    if (connection.problem && !isOpen) add(`Connection ${connection.name}`, connection.problem, true);
    if ((connection.allocator?.lag_to_bound || 0) > 1) add(`Fair share on ${connection.name}`, `a flow is ${connection.allocator.lag_to_bound.toFixed(2)} of its bound ahead`, false);
  }
  if (facts.backend_problem && !found.some((one) => one.why === facts.backend_problem)) add("Backend", facts.backend_problem, true);
  add("State file", facts.state_problem, true);
  add("Client settings", facts.settings_problem, false);
  add("Limits of the system", facts.limit_problem, false);
  add("HTTP", facts.http?.problem, false);
  add("API keys", facts.keys?.problem, true);
  add("API keys", facts.keys?.warning, false);
  for (const log of facts.logs || []) add(`Log ${log.stream}`, log.problem, false);
  add("Audit", facts.audit?.problem, true);
  for (const validator of facts.validators || []) add(`Validator ${validator.program || validator.name || ""}`, validator.problem, false);
  for (const warning of facts.config_warnings || []) add("Configuration", warning, false);
  let refused = 0;
  for (const [, row] of state.tables.sessions) if (row.problem || row.settings_refused) refused += 1;
  if (refused) add("Sessions", `${refused} with a problem; the view Sessions has them first`, false);
  return found.sort((a, b) => Number(b.isBad) - Number(a.isBad));
}
// Those that fire first, of these the critical ones.
function alerts() {
  const rank = (alert) => (alert.state === "firing" ? 0 : 2) + (alert.severity === "critical" ? 0 : 1);
  return (state.facts.alerts || []).filter((alert) => ["firing", "pending"].includes(alert.state)).sort((a, b) => rank(a) - rank(b));
}
function alertText(alert) {
  const figure = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
  return `${alert.subject ? `${alert.subject}: ` : ""}${alert.summary}: ${figure.format(alert.value)} (${alert.setting} = ${figure.format(alert.threshold)}), for ${duration(alert.since_ms)}. ${alert.runbook}`;
}

function draw() {
  if (!parts) return;
  const facts = state.facts, running = calls();
  document.title = state.isLive ? "Snowgate" : "Snowgate (connection lost)";
  setText(parts.where, clean(facts.version ? `${facts.version} - ${facts.backend}${facts.backend_target ? ` at ${facts.backend_target}` : ""} - up ${duration(now() - facts.started_at_ms)}` : "waiting for the gateway"));
  drawProblems();
  drawTiles(running);
  const numbers = { running: running.length, sessions: state.tables.sessions.size, flows: flows().length, queries: facts.statements?.patterns, limits: 0 };
  for (const [name, value] of Object.entries(numbers)) setText(parts.counts[name], value ? count(value) : "");
  for (const [name, , drawing] of VIEWS) if (name === state.view) drawing(parts.views[name], running);
  state.dirty = false;
}

function drawProblems() {
  const found = problems(), text = JSON.stringify(found);
  if (parts.problemText === text) return;
  parts.problemText = text;
  parts.problems.replaceChildren(...found.map(({ what, why, isBad }) => h("div", { class: `problem${isBad ? " bad" : ""}` }, h("b", {}, clean(what)), h("span", {}, clean(why)))));
  parts.problems.hidden = found.length === 0;
}

function drawTiles(running) {
  const facts = state.facts, totals = facts.totals || {}, minutes = lastHour(), last = minutes[minutes.length - 2];
  const lag = Math.max(0, ...(facts.connections || []).map((one) => one.allocator?.lag_to_bound || 0));
  const tiles = [
    ["Sessions", count(facts.sessions), `of ${count(facts.sessions_max)}`, ""],
    ["Running", count(running.filter((call) => call.phase !== "waiting").length), running.length ? `oldest ${age(Math.min(...running.map((call) => call.since)))}` : "", ""],
    ["Waiting", count(facts.requests_waiting), "for a connection", facts.requests_waiting > 0 ? "warn" : ""],
    ["Connections", `${count(facts.connections_open)} / ${count(facts.connections_max)}`, `${count(facts.connections_idle)} idle, ${count(facts.connections_pinned)} pinned`, ""],
    ["Calls", count(totals.calls), last ? `${count(last.calls)} last minute` : "", ""],
    ["Failed", count(totals.failed), `${count(totals.refused)} refused`, last?.errors > 0 ? "bad" : ""],
    ["Wait p95", milliseconds(last?.wait_p95_ms || 0), "in the last minute", last?.wait_p95_ms > 1000 ? "warn" : ""],
    ["Lag / bound", lag.toFixed(2), "over 1 is a fault", lag > 1 ? "bad" : ""],
  ];
  if (!parts.tileParts) {
    parts.tileParts = tiles.map(([name]) => { const tile = { element: h("div", { class: "tile" }), value: h("div", { class: "value" }), more: h("div", { class: "more" }) }; tile.element.append(h("div", { class: "name" }, name), tile.value, tile.more); return tile; });
    parts.tiles.replaceChildren(...parts.tileParts.map((tile) => tile.element));
  }
  tiles.forEach(([, value, more, tone], at) => { const tile = parts.tileParts[at]; setText(tile.value, value); setText(tile.more, more); tile.element.className = `tile ${tone}`; });
}

function made(name, view, make) {
  if (!parts.made[name]) { parts.made[name] = make(); view.append(parts.made[name].element); }
  return parts.made[name];
}

// ---- Overview ----

function lastHour() { return [...state.tables.minutes.values()].sort((a, b) => a.at_s - b.at_s); }

function drawOverview(view, running) {
  const charts = made("charts", view, () => {
    const calls = makeChart("Calls a minute", [["bar", "calls"], ["bar bad", "failed or refused"]], bars, (minute) => `${clock(minute.at_s * 1000)}: ${count(minute.calls)} calls, ${count(minute.errors)} failed, ${count(minute.refused)} refused, ${count(minute.rows)} rows, ${bytes(minute.bytes)}`);
    const waits = makeChart("Wait for a connection", [["line", "p95"], ["low", "p50"]], curves("wait"), (minute) => `${clock(minute.at_s * 1000)}: p50 ${milliseconds(minute.wait_p50_ms)}, p95 ${milliseconds(minute.wait_p95_ms)}`);
    const runs = makeChart("Run time", [["line", "p95"], ["low", "p50"]], curves("run"), (minute) => `${clock(minute.at_s * 1000)}: p50 ${milliseconds(minute.run_p50_ms)}, p95 ${milliseconds(minute.run_p95_ms)}`);
    return { element: h("div", { class: "two" }, calls.element, waits.element, runs.element), draw: (minutes) => [calls, waits, runs].forEach((chart) => chart.draw(minutes)) };
  });
  charts.draw(lastHour());
  made("oldest", view, () => runningTable("Running longest")).draw(running.filter((call) => call.phase !== "waiting").sort((a, b) => a.since - b.since).slice(0, 8));
  made("slowest", view, () => queryTable("Statements that took most time", false)).draw(queries().sort((a, b) => b.total_ms - a.total_ms).slice(0, 8));
}

function makeChart(title, keys, plot, words) {
  const svg = s("svg", { viewBox: "0 0 600 120", preserveAspectRatio: "none", role: "img", tabindex: "0" });
  const top = h("span", {}), first = h("span", {}), readout = h("output", { class: "readout" });
  const mark = s("rect", { class: "mark", y: 0, height: 120, width: 0 });
  let minutes = [], pointed = -1;
  const read = () => { const minute = minutes[pointed] || minutes[minutes.length - 1]; setText(readout, minute ? words(minute) : ""); const step = 600 / Math.max(1, minutes.length); mark.setAttribute("width", minutes[pointed] ? step : 0); mark.setAttribute("x", pointed * step); };
  svg.addEventListener("pointermove", (event) => { const box = svg.getBoundingClientRect(); pointed = Math.max(0, Math.min(minutes.length - 1, Math.floor((event.clientX - box.left) / box.width * minutes.length))); read(); });
  svg.addEventListener("pointerleave", () => { pointed = -1; read(); });
  svg.addEventListener("keydown", (event) => { const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key]; if (!step) return; event.preventDefault(); pointed = Math.max(0, Math.min(minutes.length - 1, (pointed < 0 ? minutes.length - 1 : pointed) + step)); read(); });
  svg.addEventListener("blur", () => { pointed = -1; read(); });
  const legend = h("span", { class: "note" }, keys.map(([kind, label]) => [h("span", { class: `key ${kind}` }), label]).flat());
  const element = h("section", { class: "panel chart" }, h("div", { class: "head" }, h("h2", {}, title), legend), h("div", { class: "body" }, h("div", { class: "scale" }, top), svg, h("div", { class: "scale" }, first, h("span", {}, "now")), readout));
  let drawn = "";
  return { element, draw(all) {
    minutes = all;
    const text = JSON.stringify(all);
    if (text !== drawn) {
      drawn = text;
      const { shapes, max } = plot(all);
      svg.replaceChildren(s("line", { class: "grid", x1: 0, x2: 600, y1: 0.5, y2: 0.5 }), s("line", { class: "grid", x1: 0, x2: 600, y1: 60, y2: 60 }), s("line", { class: "grid", x1: 0, x2: 600, y1: 119.5, y2: 119.5 }), ...shapes, mark);
      setText(top, max);
      setText(first, all[0] ? clock(all[0].at_s * 1000) : "");
      svg.setAttribute("aria-label", `${title}, the last hour; most: ${max}`);
    }
    read();
  } };
}

// A round number above all values.
function ceiling(value) { const power = 10 ** Math.floor(Math.log10(Math.max(value, 1))); return [1, 2, 5, 10].map((step) => step * power).find((round) => round >= value) || value; }

function bars(minutes) {
  const max = ceiling(Math.max(1, ...minutes.map((minute) => minute.calls))), step = 600 / Math.max(1, minutes.length), shapes = [];
  minutes.forEach((minute, at) => {
    const bad = (minute.errors + minute.refused) / max * 120, all = minute.calls / max * 120;
    if (all > 0) shapes.push(s("rect", { class: "bar", x: at * step + 1, width: step - 2, y: 120 - all, height: all }));
    if (bad > 0) shapes.push(s("rect", { class: "bar bad", x: at * step + 1, width: step - 2, y: 120 - bad, height: bad }));
  });
  return { shapes, max: count(max) };
}
function curves(kind) {
  return (minutes) => {
    const max = ceiling(Math.max(1, ...minutes.map((minute) => minute[`${kind}_p95_ms`]))), step = 600 / Math.max(1, minutes.length);
    const curve = (of, name) => s("polyline", { class: name, points: minutes.map((minute, at) => `${((at + 0.5) * step).toFixed(1)},${(120 - minute[`${kind}_${of}_ms`] / max * 118).toFixed(1)}`).join(" ") });
    return { shapes: [curve("p50", "curve low"), curve("p95", "curve")], max: milliseconds(max) };
  };
}

// ---- Running, sessions, flows, statements, limits, gateway ----

function runningTable(title, filter) {
  return makeTable({
    title, filter, sort: ["age", true], empty: "Nothing runs and nothing waits.",
    note: () => (state.session.may_operate ? "" : "to stop one, open the page with `snowgate open`"),
    columns: [
      { id: "age", label: "Age", num: true, value: (call) => -call.since, text: (call) => age(call.since), tone: (call) => (now() - call.since > 60_000 ? "warn" : "") },
      { label: "Phase", value: (call) => call.phase || "", text: (call) => call.phase || "-", tone: (call) => (call.phase === "waiting" ? "warn" : "") },
      { label: "Client", value: (call) => nameOf(call.row), text: (call) => nameOf(call.row) },
      { label: "Tool", rank: "second", value: (call) => call.tool || "", text: (call) => call.tool || "-" },
      { label: "Statement, without its literals", wide: true, text: (call) => call.pattern || "" },
      { label: "Call", rank: "third", text: (call) => `${call.session.slice(0, 8)}:${call.call}` },
      { label: "", make: (row) => { const button = h("button", { type: "button", class: "danger", onclick: () => askKill(row()) }, "Stop"); return { element: button, update: () => { button.hidden = !state.session.may_operate; button.setAttribute("aria-label", `Stop call ${row().call} of ${clean(nameOf(row().row))}`); } }; } },
    ],
  });
}
function drawRunning(view, running) {
  made("running", view, () => runningTable("Running and waiting", "Filter by client, tool or statement")).draw(running);
  made("waiting", view, () => makeTable({
    title: "In line for a connection", sort: ["position", false], empty: "No request waits.",
    columns: [
      { id: "position", label: "Place", num: true, value: (one) => one.position, text: (one) => count(one.position) },
      { label: "Flow", value: (one) => one.flow, text: (one) => one.flow },
      { label: "Connection", rank: "second", value: (one) => one.connection, text: (one) => one.connection },
      { label: "Waits since", num: true, value: (one) => one.waited_ms, text: (one) => duration(one.waited_ms) },
      { label: "Likely for", num: true, value: (one) => one.estimate_ms || 0, text: (one) => (one.estimate_ms === null || one.estimate_ms === undefined ? "-" : duration(one.estimate_ms)) },
      { label: "Call", rank: "third", text: (one) => `${one.session.slice(0, 8)}:${one.request}` },
    ],
  })).draw(waiting());
}

function drawSessions(view) {
  const rank = ({ row }) => (row.problem || row.settings_refused ? 4 : (row.calls || []).length ? 3 : row.pin ? 2 : 1);
  const figure = (label, field, rankClass, text, tone) => ({ label, num: true, rank: rankClass, value: ({ row }) => row[field] || 0, text: ({ row }) => (text || count)(row[field]), tone: tone && (({ row }) => (row[field] ? tone : "")) });
  made("sessions", view, () => makeTable({
    title: "Sessions", filter: "Filter by client, profile, key, database", sort: ["state", true], empty: "No client is connected.",
    columns: [
      { label: "Client", value: ({ row }) => nameOf(row).toLowerCase(), text: ({ row }) => [nameOf(row), row.version].filter(Boolean).join(" ") },
      { id: "state", label: "State", value: (one) => rank(one) * 1e15 + (one.row.active_at_ms || 0), text: ({ row }) => (row.problem ? row.problem : row.settings_refused ? "its settings are refused" : (row.calls || []).length ? `running ${row.calls.length}` : row.pin ? `holds ${row.pin}` : "idle"), tone: ({ row }) => (row.problem || row.settings_refused ? "bad" : (row.calls || []).length ? "" : "soft") },
      { label: "Last heard", num: true, value: ({ row }) => -(row.active_at_ms || 0), text: ({ row }) => age(row.active_at_ms) },
      { label: "Key", rank: "second", value: ({ row }) => row.key || "", text: ({ row }) => [row.key || "-", row.role && `(${row.role})`].filter(Boolean).join(" ") },
      { label: "Profile", rank: "second", value: ({ row }) => row.profile || "", text: ({ row }) => row.profile || "-" },
      { label: "Database", rank: "second", value: ({ row }) => row.database || "", text: ({ row }) => [row.database, row.schema].filter(Boolean).join(".") || "-" },
      figure("Requests", "requests"), figure("Rows", "rows", "second"), figure("Bytes", "bytes", "third", bytes), figure("Errors", "errors", "", null, "bad"), figure("Denied", "denials", "third", null, "warn"), figure("Limited", "limited", "third", null, "warn"),
      { label: "Since", rank: "third", num: true, value: ({ row }) => -row.started_at_ms, text: ({ row }) => age(row.started_at_ms) },
      { label: "Session", rank: "third", text: ({ id }) => id.slice(0, 8) },
    ],
  })).draw(sessions());
}

function drawFlows(view) {
  made("flows", view, () => makeTable({
    title: "Flows: who shares the connections", filter: "Filter by flow or connection", sort: ["waiting", true], empty: "No flow waits, runs or is ahead of others.",
    note: () => { const left = (state.facts.connections || []).reduce((sum, one) => sum + (one.allocator?.flows_left_out || 0), 0), one = (state.facts.connections || [])[0]?.allocator; return [one && `shared by ${one.fair_by}, ${one.strategy}`, left && `${left} more are not listed`].filter(Boolean).join(" - "); },
    columns: [
      { label: "Flow", value: (flow) => flow.flow, text: (flow) => flow.flow },
      { label: "Connection", rank: "second", value: (flow) => flow.connection, text: (flow) => flow.connection },
      { label: "Runs", num: true, value: (flow) => flow.running, text: (flow) => count(flow.running) + (flow.slots_max ? ` / ${flow.slots_max}` : "") },
      { id: "waiting", label: "Waits", num: true, value: (flow) => flow.waiting * 1e6 + flow.running, text: (flow) => count(flow.waiting), tone: (flow) => (flow.waiting ? "warn" : "") },
      { label: "Weight", num: true, rank: "third", value: (flow) => flow.weight, text: (flow) => String(flow.weight) },
      { label: "Lag", num: true, value: (flow) => flow.lag, text: (flow) => flow.lag.toFixed(2) },
      { label: "Bound", num: true, rank: "second", value: (flow) => flow.bound, text: (flow) => flow.bound.toFixed(2) },
      { label: "Lag / bound", value: (flow) => share(flow), make: (row) => { const bar = meter(0.75, true); return { element: bar.element, update: () => bar.set(share(row())) }; } },
    ],
  })).draw(flows());
}
function share(flow) { return flow.bound > 0 ? flow.lag / flow.bound : 0; }

function queries() { return [...state.tables.queries.values()]; }
function queryTable(title, filter) {
  const ms = (label, field, rank) => ({ id: field, label, num: true, rank, value: (one) => one[field], text: (one) => milliseconds(one[field]) });
  const figure = (label, field, rank, tone) => ({ id: field, label, num: true, rank, value: (one) => one[field], text: (one) => count(one[field]), tone: tone && ((one) => (one[field] ? tone : "")) });
  return makeTable({
    title, filter: filter && "Filter by statement or client", sort: ["total_ms", true], empty: "No statement has run yet.",
    note: () => { const facts = state.facts.statements || {}; return filter ? `${count(facts.statements)} ran, ${count(facts.slow)} over ${milliseconds(facts.slow_ms)}; those that took most time are listed` : ""; },
    columns: [
      { label: "Statement, without its literals", wide: true, text: (one) => one.pattern },
      figure("Runs", "count"), ms("p50", "p50_ms", "second"), ms("p95", "p95_ms"), ms("Longest", "max_ms", "second"), ms("Together", "total_ms"), figure("Slow", "slow", "second", "warn"), figure("Failed", "errors", "second", "bad"), figure("Rows", "rows", "third"),
      { label: "Clients", rank: "third", text: (one) => (one.clients || []).join(", ") },
      { label: "Last", num: true, rank: "third", value: (one) => one.last_ms, text: (one) => age(one.last_ms) },
    ],
  });
}
function drawQueries(view) { made("queries", view, () => queryTable("Statements", true)).draw(queries()); }

function drawLimits(view) {
  const rows = (state.facts.limits || []).map((limit) => ({ id: limit.limit, who: "all clients together", name: limit.limit, used: limit.used, max: limit.max, setting: limit.setting }));
  for (const [id, row] of state.tables.sessions) for (const [name, used, max] of row.limits || []) rows.push({ id: `${id}\n${name}`, who: nameOf(row), name, used, max, setting: `profile ${row.profile}` });
  made("limits", view, () => makeTable({
    title: "Limits and quotas", filter: "Filter by client or limit", sort: ["share", true], empty: "No limit is set, or none is used.",
    note: () => (state.facts.limit_refusals ? `${count(state.facts.limit_refusals)} calls were refused for limits` : ""),
    columns: [
      { label: "Client", value: (one) => one.who, text: (one) => one.who },
      { label: "Limit", value: (one) => one.name, text: (one) => one.name },
      { label: "Used", num: true, value: (one) => one.used, text: (one) => count(one.used) },
      { label: "Of", num: true, value: (one) => one.max, text: (one) => count(one.max) },
      { id: "share", label: "Share", value: (one) => one.used / Math.max(1, one.max), make: (row) => { const bar = meter(0.8, true); return { element: bar.element, update: () => bar.set(row().used / Math.max(1, row().max)) }; } },
      { label: "Setting", rank: "second", text: (one) => one.setting },
    ],
  })).draw(rows);
}

function drawGateway(view) {
  const facts = state.facts;
  made("connections", view, () => makeTable({
    title: "Connections and their breakers", sort: ["name", false], empty: "No connection is in use.",
    columns: [
      { id: "name", label: "Connection", value: (one) => one.name, text: (one) => one.name + (one.is_default ? " (default)" : "") },
      { label: "Backend", rank: "second", text: (one) => [one.kind, one.target].filter(Boolean).join(" at ") },
      { label: "Open", num: true, value: (one) => one.open, text: (one) => `${count(one.open)} / ${count(one.max)}` },
      { label: "Idle", num: true, value: (one) => one.idle, text: (one) => count(one.idle) },
      { label: "Waits", num: true, value: (one) => one.waiting, text: (one) => count(one.waiting), tone: (one) => (one.waiting ? "warn" : "") },
      { label: "Breaker", value: (one) => one.breaker?.state || "", text: (one) => (one.breaker?.state || "-").replace("_", " "), tone: (one) => (["closed", "forced_closed"].includes(one.breaker?.state) ? "" : "bad") },
      { label: "Failures", num: true, rank: "second", text: (one) => `${one.breaker?.failures || 0} / ${one.breaker?.failures_max || 0}` },
      { label: "Opened", num: true, rank: "third", text: (one) => count(one.breaker?.opened) },
      { label: "Granted", num: true, rank: "third", text: (one) => count(one.allocator?.granted) },
      { label: "Timed out", num: true, rank: "third", text: (one) => count(one.allocator?.timed_out) },
    ],
  })).draw((facts.connections || []).map((one) => ({ id: one.name, ...one })));
  const about = made("about", view, () => { const list = h("dl", { class: "facts" }), pool = h("dl", { class: "facts" }); return { list, pool, element: h("div", { class: "two" }, section("Pool", pool), section("Gateway", list)) }; });
  const p = facts.pool || {};
  definitions(about.pool, [["Uses of a connection", count(p.leases)], ["Found open", count(p.reused)], ["Opened", count(p.opened)], ["Switched context", count(p.switched)], ["Shared by identical requests", count(p.coalesced)], ["Had to wait", count(p.waited)], ["Longest use", duration((p.lease_us_max || 0) / 1000)], ["Pinned now", count(facts.connections_pinned)]]);
  definitions(about.list, [["Version", facts.version], ["Process", facts.pid && String(facts.pid)], ["Backend", [facts.backend, facts.backend_target].filter(Boolean).join(" at ")], ["HTTP", facts.http && `${facts.http.address}, auth ${facts.http.auth}${facts.http.tls ? ", TLS" : ""}, ${count(facts.http.connections)} / ${count(facts.http.connections_max)} connections`], ["API keys", facts.keys && `${count(facts.keys.keys)}; ${count(facts.keys.refused)} requests refused, ${count(facts.keys.locked_addresses)} addresses locked`], ["Config file", facts.config_file || "none"], ["Log", facts.log_file], ["Run by", facts.service?.manager], ["Answers of the journal", count(facts.totals?.answered_from_journal)], ["Outcome unknown", count(facts.totals?.outcome_unknown)]]);
}
function section(title, body) { return h("section", { class: "panel" }, h("div", { class: "head" }, h("h2", {}, title)), h("div", { class: "body" }, body)); }
function definitions(list, rows) {
  const shown = rows.filter(([, value]) => value), text = JSON.stringify(shown);
  if (list.drawn === text) return;
  list.drawn = text;
  list.replaceChildren(...shown.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, clean(value))]));
}

// ---- The audit trail: asked when it is wanted, not watched ----

const OUTCOMES = ["allowed", "denied", "failed", "cancelled", "outcome_unknown", "detached", "answered_from_journal"];

function drawAudit(view) {
  made("audit", view, makeAudit).draw();
}

function makeAudit() {
  let records = [], found = null, asked = 0, isFresh = false;
  const field = (name, label, placeholder) => h("input", { name, "aria-label": label, placeholder, spellcheck: "false", autocomplete: "off" });
  const outcome = h("select", { name: "outcome", "aria-label": "Outcome" }, h("option", { value: "" }, "any outcome"), OUTCOMES.map((name) => h("option", { value: name }, name.replaceAll("_", " "))));
  const limit = h("select", { name: "limit", "aria-label": "How many" }, ["100", "300", "1000"].map((many) => h("option", { value: many }, `newest ${many}`)));
  const submit = h("button", { class: "primary", type: "submit" }, "Search");
  const error = h("p", { class: "error", role: "alert", hidden: true });
  const form = h("form", { class: "search" }, field("client", "Client", "client"), field("object", "Object", "table or other object"), outcome, field("statement", "Digest of the statement", "SHA-256 of the statement"), field("since", "Since", "since: 24h, 2027-01-31"), field("until", "Until", "until"), limit, submit);
  const text = (name) => (record) => (record[name] === undefined || record[name] === null ? "-" : String(record[name]));
  const what = (record) => [record.tool, record.class, record.target && `target ${record.target}`, record.connection && record.event !== "call" && record.connection].filter(Boolean).join(" ") || "-";
  const who = (record) => record.client || record.key || record.via || "-";
  const cameOf = (record) => [record.outcome, record.rule || (record.error !== record.outcome && record.error)].filter(Boolean).join(": ") || "-";
  const table = makeTable({
    title: "Records", sort: ["seq", true], rowsMax: 1000, empty: "No record fits.",
    note: () => (found ? [`${count(records.length)} found`, found.has_more && "more exist: narrow the search, or use `snowgate audit search`", found.unread && `${count(found.unread)} lines are no records: \`snowgate audit verify\` says why`, !found.is_on && "the trail is off (audit.enabled = false)"].filter(Boolean).join(" - ") : ""),
    columns: [
      { id: "seq", label: "Record", num: true, rank: "second", value: (one) => one.seq || 0, text: text("seq") },
      { label: "Time (UTC)", value: (one) => one.time || "", text: (one) => String(one.time || "-").slice(0, 19).replace("T", " ") },
      { label: "Event", value: (one) => one.event || "", text: text("event") },
      { label: "Who", value: who, text: who },
      { label: "What", rank: "second", value: what, text: what },
      { label: "Objects", rank: "second", value: (one) => (one.objects || []).join(), text: (one) => (one.objects || []).join(", ") || "-" },
      { label: "Outcome", value: cameOf, text: cameOf, tone: (one) => ({ denied: "warn", failed: "bad", outcome_unknown: "bad" }[one.outcome] || "") },
      { label: "Took", num: true, rank: "third", value: (one) => one.total_ms || 0, text: (one) => (one.total_ms === undefined ? "-" : milliseconds(one.total_ms)) },
      { label: "Statement", rank: "third", text: (one) => one.text || (one.statement ? one.statement.slice(0, 12) : "-") },
    ],
  });
  const search = async () => {
    isFresh = true;
    const ours = ++asked, wanted = new URLSearchParams([...new FormData(form)].filter(([, value]) => value.trim()));
    submit.disabled = true;
    try {
      const answer = await ask(`/ui/audit?${wanted}`);
      if (ours !== asked) return;
      found = answer;
      records = answer.records.map((record, at) => ({ id: String(record.seq ?? `line ${at}`), ...record }));
      error.hidden = true;
    } catch (failure) { setText(error, `Not searched: ${failure.message}`); error.hidden = false; }
    submit.disabled = false;
    state.dirty = true;
    schedule();
  };
  form.addEventListener("submit", (event) => { event.preventDefault(); search(); });
  const refused = h("p", { class: "empty" }, "The audit trail is for operators: open the page with `snowgate open` where the gateway runs, or with a key whose role has `admin_operations`.");
  const element = h("div", {}, refused, h("section", { class: "panel" }, h("div", { class: "head" }, h("h2", {}, "Search the audit trail")), h("div", { class: "body" }, form, error)), table.element);
  return { element, draw() {
    const mayLook = state.session.may_operate;
    refused.hidden = mayLook;
    for (const part of [...element.children].slice(1)) part.hidden = !mayLook;
    if (!mayLook) { records = []; found = null; isFresh = false; asked += 1; return table.draw([]); }
    if (!isFresh) search();
    table.draw(records);
  } };
}

// ---- Stopping a call ----

function askKill(call) {
  const dialog = h("dialog", { "aria-labelledby": "kill-title" });
  const close = () => { dialog.close(); dialog.remove(); };
  const stop = async () => {
    close();
    try {
      const killed = await ask("/ui/kill", { session: call.session, request: call.call });
      say(killed.requests.length ? `Stopped call ${killed.requests.join(", ")} of ${nameOf(call.row)}.` : "It had ended already.");
    } catch (failure) { say(`Not stopped: ${failure.message}`); }
  };
  dialog.append(
    h("h2", { id: "kill-title" }, `Stop call ${call.call} of ${clean(nameOf(call.row))}?`),
    h("p", {}, "The client gets an error that says so. Its session goes on."),
    h("p", { class: "sql", hidden: !call.pattern }, clean(call.pattern)),
    h("div", { class: "buttons" }, h("button", { type: "button", autofocus: true, onclick: close }, "Leave it"), h("button", { type: "button", class: "danger primary", onclick: stop }, "Stop it")));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

// A page that is not looked at asks for nothing.
document.addEventListener("visibilitychange", () => {
  if (!parts) return;
  if (document.hidden) disconnect(); else { attempts = 0; reconnect(); }
});
window.addEventListener("pagehide", disconnect);
setInterval(() => { if (parts && !document.hidden) schedule(); }, 1_000); // Ages.
showTheme();
start();
