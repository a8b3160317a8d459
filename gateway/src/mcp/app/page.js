// A result's page (MCP Apps, 2026-01-26). No value becomes markup: `textContent` and attributes of a fixed name alone.

const PROTOCOL = "2026-01-26";
// What is drawn: rows at a time, columns; characters of a value, of one under the pointer, of a text that is not rows.
const ROWS_DRAWN = 200;
const COLUMNS_MAX = 60;
const CELL_CHARS_MAX = 200;
const TITLE_CHARS_MAX = 2000;
const TEXT_CHARS_MAX = 20000;
// Rows that are asked for at once, pages to go back to, and how long an answer may take.
const PAGE_ROWS = 500;
const PAGES_KEPT = 20;
const REQUEST_MAX_MS = 300000;
const SVG = "http://www.w3.org/2000/svg";
const STYLE_VARIABLES = ["--color-background-primary", "--color-background-secondary", "--color-text-primary", "--color-text-secondary", "--color-text-danger", "--color-border-primary", "--font-sans", "--font-mono", "--border-radius-sm"];

const app = document.getElementById("app");
const offered = document.body.dataset.tools.split(" ");
const state = { host: {}, context: {}, page: null, before: [], sort: null, order: [], drawn: 0, busy: false, said: "", input: {} };

// ---- The host ----

const pending = new Map();
let nextId = 1;
function post(message) { window.parent.postMessage({ jsonrpc: "2.0", ...message }, "*"); }
function request(method, params) {
  const id = nextId++;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => { pending.delete(id); reject(new Error("no answer came in 5 minutes")); }, REQUEST_MAX_MS);
    pending.set(id, { resolve, reject, timer });
    post({ id, method, params });
  });
}
const HANDLERS = {
  "ui/notifications/tool-input": (params) => { state.input = params.arguments || {}; draw(); },
  "ui/notifications/tool-result": (params) => { state.before = []; show(pageOf(params, null)); },
  "ui/notifications/tool-cancelled": (params) => show({ text: `Cancelled. ${shownText(params.reason || "", 500)}` }),
  "ui/notifications/host-context-changed": (params) => { Object.assign(state.context, params); applyContext(); draw(); },
};
window.addEventListener("message", (event) => {
  const message = event.data;
  if (event.source !== window.parent || !message || message.jsonrpc !== "2.0") return;
  if (message.method === undefined) return settle(message);
  if (message.id !== undefined) {
    const isKnown = message.method === "ping" || message.method === "ui/resource-teardown";
    return post({ id: message.id, ...(isKnown ? { result: {} } : { error: { code: -32601, message: "Method not found" } }) });
  }
  if (Object.hasOwn(HANDLERS, message.method)) HANDLERS[message.method](message.params || {});
});
function settle(message) {
  const waiting = pending.get(message.id);
  if (!waiting) return;
  pending.delete(message.id);
  clearTimeout(waiting.timer);
  if (message.error) waiting.reject(new Error(message.error.message || "the host refused it")); else waiting.resolve(message.result || {});
}
async function callTool(name, args) {
  const result = await request("tools/call", { name, arguments: args });
  if (result.isError) throw new Error(textsOf(result).join(" ") || "the tool failed");
  return result;
}

function applyContext() {
  const root = document.documentElement, { theme, styles, displayMode } = state.context;
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  root.dataset.mode = displayMode === "fullscreen" ? "fullscreen" : "inline";
  for (const name of STYLE_VARIABLES) {
    const value = styles?.variables?.[name];
    if (typeof value === "string" && value.length < 300 && !/url\(|image/i.test(value)) root.style.setProperty(name, value);
  }
}

// The frame has no size of its own before the host has answered.
let told = "", isReady = false;
function tellSize() {
  if (!isReady) return;
  const { width, height } = app.getBoundingClientRect(), size = { width: Math.ceil(width), height: Math.ceil(height) };
  if (told === (told = `${size.width} ${size.height}`)) return;
  post({ method: "ui/notifications/size-changed", params: size });
}

// ---- Results ----

function partsOf(result, type) { return (Array.isArray(result.content) ? result.content : []).filter((part) => part?.type === type); }
function textsOf(result) { return partsOf(result, "text").map((part) => String(part.text)); }

// What is to be shown of a tool's result. `asked`: the handle and the offset that it was asked for with.
function pageOf(result, asked) {
  const said = result._meta?.["snowgate/result"], meta = said && typeof said.handle === "string" ? said : null;
  const texts = textsOf(result), others = partsOf(result, "resource_link").map((part) => `${part.name || ""} ${part.uri || ""}`);
  if (result.isError) return { text: texts.join("\n"), isError: true };
  if (meta?.running) return { text: texts.join("\n"), handle: meta.handle };
  for (const text of texts) {
    const table = parseResult(text, meta?.shown);
    if (!table) continue;
    const paging = meta || asked ? { handle: (meta || asked).handle, offset: meta?.offset ?? asked?.offset ?? 0, rows: meta?.rows, isComplete: meta?.complete === true } : null;
    const kinds = kindsOf(table);
    return { table, kinds, chart: chartOf(table, kinds), paging, note: [table.note, ...texts.filter((other) => other !== text), ...others].filter(Boolean).join("\n") };
  }
  return { text: [...texts, ...others].join("\n") || "The result is empty." };
}

function show(page) {
  Object.assign(state, { page, sort: null, drawn: ROWS_DRAWN, said: "", busy: false, isNew: true });
  state.order = page.table ? page.table.rows.map((_, at) => at) : [];
  draw();
}

function mayCall(tool) { return state.host.serverTools && offered.includes(tool); }
function nextOffset() {
  const { paging, table } = state.page, end = paging ? paging.offset + table.rows.length : 0;
  if (!paging || !mayCall("get_result")) return null;
  return (Number.isInteger(paging.rows) ? end < paging.rows : !paging.isComplete) ? end : null;
}

async function run(what, body) {
  const page = state.page;
  state.busy = true;
  state.said = `${what}\u2026`;
  draw();
  let said = "";
  try { said = await body(); } catch (error) { said = `${what} failed: ${error.message}`; }
  if (state.page === page) Object.assign(state, { said, busy: false });
  draw();
}

function next() {
  const from = state.page, offset = nextOffset(), handle = from.paging.handle;
  run("Next page", async () => {
    const page = pageOf(await callTool("get_result", { handle, offset, limit: PAGE_ROWS }), { handle, offset });
    if (state.page !== from) return "";
    if (!page.table) return page.text;
    if (!page.table.rows.length) { from.paging.rows = offset; return "There are no more rows."; }
    state.before = [...state.before, from].slice(-PAGES_KEPT);
    show(page);
    return "";
  });
}
function wait() {
  const from = state.page;
  run("Waiting", async () => {
    const page = pageOf(await callTool("get_result", { handle: from.handle }), null);
    if (state.page === from) show(page);
    return "";
  });
}
function previous() { const page = state.before.pop(); show(page); }

function exportAll(format, name) {
  const { handle } = state.page.paging;
  run("Export", async () => {
    const done = textsOf(await callTool("export_result", { handle, format, name })).join(" ");
    chosen.name = "";
    return done || "Exported.";
  });
}

function sortBy(column) {
  const { sort, page } = state;
  state.sort = sort?.column !== column ? { column, isDescending: false } : sort.isDescending ? null : { column, isDescending: true };
  state.order = state.sort ? sortRows(page.table.rows, column, page.kinds[column], state.sort.isDescending) : page.table.rows.map((_, at) => at);
  Object.assign(state, { drawn: ROWS_DRAWN, isNew: true });
  draw();
}

// ---- Elements ----

function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat()) if (child !== null && child !== undefined) element.append(child);
  return element;
}
function s(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}
function button(id, text, onclick, disabled) { return h("button", { type: "button", id, onclick, disabled }, text); }
const plain = new Intl.NumberFormat("en"), compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 4 });

let focused = "";
app.addEventListener("focusin", (event) => { focused = event.target.id; });
function draw() {
  const { page } = state, place = app.querySelector(".scroll"), [left, top] = [place?.scrollLeft || 0, state.isNew ? 0 : place?.scrollTop || 0], held = focused;
  if (!page) app.replaceChildren(h("p", { class: "soft" }, state.input.query ? `Waiting for the rows of: ${shownText(state.input.query, 300)}` : "Waiting for the result\u2026", state.said));
  else if (!page.table) app.replaceChildren(h("p", { class: page.isError ? "text bad" : "text", role: page.isError ? "alert" : null }, readable(page.text)), h("header", {}, page.handle && mayCall("get_result") ? button("wait", "Wait for the result", wait, state.busy) : null, said()));
  else {
    app.replaceChildren(...[bar(page), page.chart && chart(page), table(page), foot(page), page.table.summary && summary(page.table.summary)].filter(Boolean));
    Object.assign(app.querySelector(".scroll"), { scrollLeft: left, scrollTop: top });
    if (held && document.hasFocus()) document.getElementById(held)?.focus({ preventScroll: true });
    focused = held;
  }
  state.isNew = false;
  tellSize();
}
// A text that may have lines of its own.
function readable(text) { return String(text).slice(0, TEXT_CHARS_MAX).split("\n").map((line) => shownText(line, TEXT_CHARS_MAX)).join("\n"); }

function bar(page) {
  const { table, paging } = page, first = paging ? paging.offset + 1 : 1, last = first + table.rows.length - 1;
  const of = Number.isInteger(paging?.rows) ? ` of ${paging.isComplete ? "" : "the first "}${plain.format(paging.rows)}` : paging && !paging.isComplete ? " of more" : "";
  const where = table.rows.length ? (paging ? `Rows ${plain.format(first)} to ${plain.format(last)}${of}` : `${plain.format(table.rows.length)} row${table.rows.length === 1 ? "" : "s"}`) : "No rows";
  const more = nextOffset(), canFill = state.context.availableDisplayModes?.includes("fullscreen") && state.context.displayMode !== "fullscreen";
  return h("header", {}, h("span", { class: "where" }, where),
    state.before.length ? button("previous", "Previous page", previous, state.busy) : null,
    more !== null ? button("next", "Next page", next, state.busy) : null,
    paging && mayCall("export_result") ? exporting() : null,
    canFill ? button("fill", "Full screen", fill) : null,
    said());
}
function said() { return h("span", { class: "said", role: "status" }, shownText(state.said, 1000)); }
function fill() { request("ui/request-display-mode", { mode: "fullscreen" }).then(({ mode }) => { if (mode) state.context.displayMode = mode; applyContext(); draw(); }, () => {}); }

const chosen = { format: "csv", name: "" };
function exporting() {
  const stamp = new Date().toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "-");
  if (!chosen.name) chosen.name = `result-${stamp}.${chosen.format}`;
  const format = h("select", { "aria-label": "Format" }, ["csv", "jsonl", "json", "parquet"].map((name) => h("option", { selected: name === chosen.format }, name)));
  const name = h("input", { id: "file", "aria-label": "File name", value: chosen.name, maxlength: "200", spellcheck: "false", autocomplete: "off" });
  format.addEventListener("change", () => { name.value = name.value.replace(/\.(csv|jsonl|json|parquet)$/, `.${format.value}`); Object.assign(chosen, { format: format.value, name: name.value }); });
  name.addEventListener("input", () => { chosen.name = name.value; });
  // Not a form: hosts' sandboxes forbid those.
  const send = () => { if (!state.busy && name.value.trim()) exportAll(format.value, name.value.trim()); };
  name.addEventListener("keydown", (event) => { if (event.key === "Enter") send(); });
  return h("details", { class: "export", open: chosen.open, ontoggle: (event) => { chosen.open = event.target.open; tellSize(); } }, h("summary", {}, "Export"), h("div", {}, format, name, button("export", "Export all rows", send, state.busy)));
}

function table(page) {
  const columns = page.table.columns.slice(0, COLUMNS_MAX), rows = state.order.slice(0, state.drawn);
  const heads = columns.map((name, at) => {
    const isSorted = state.sort?.column === at, sort = isSorted ? (state.sort.isDescending ? "descending" : "ascending") : null;
    return h("th", { scope: "col", "aria-sort": sort, class: page.kinds[at] === "number" ? "num" : null }, button(`sort-${at}`, shownText(name, 80) || "\u00a0", () => sortBy(at)));
  });
  return h("div", { class: "scroll", id: "rows", tabindex: "0" }, h("table", {}, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows.map((at) => h("tr", {}, columns.map((_, column) => cell(page.table.rows[at][column], page.kinds[column])))))));
}
function cell(value, kind) {
  if (value === null) return h("td", { class: kind === "number" ? "null num" : "null" }, "NULL");
  const text = shownText(value, CELL_CHARS_MAX);
  return h("td", { class: kind === "number" ? "num" : null }, h("span", { title: value.length > 24 ? shownText(value, TITLE_CHARS_MAX) : null }, text));
}

let isSummaryOpen = false;
function summary({ title, columns, rows }) {
  const line = (tag, values) => h("tr", {}, values.map((value) => h(tag, {}, shownText(value ?? "", 80))));
  return h("details", { open: isSummaryOpen, ontoggle: (event) => { isSummaryOpen = event.target.open; tellSize(); } }, h("summary", {}, shownText(title.replace(":", "").replace(/^s/, "S"), 80)), h("div", { class: "summary" }, h("table", {}, h("thead", {}, line("th", columns)), h("tbody", {}, rows.slice(0, COLUMNS_MAX).map((row) => line("td", row))))));
}
function foot(page) {
  const { columns, rows } = page.table, drawn = Math.min(state.drawn, rows.length), left = [];
  if (drawn < rows.length) left.push(`The first ${plain.format(drawn)} of ${plain.format(rows.length)} rows are drawn`);
  if (columns.length > COLUMNS_MAX) left.push(`the first ${COLUMNS_MAX} of ${plain.format(columns.length)} columns are drawn`);
  const more = () => { state.drawn += ROWS_DRAWN; draw(); };
  return h("footer", {}, left.length ? h("span", { class: "drawn" }, `${left.join("; ")}.`) : null, drawn < rows.length ? button("more", `Draw ${ROWS_DRAWN} more`, more) : null, page.note ? h("p", { class: "note" }, readable(page.note)) : null);
}

// ---- The chart ----

// The width that it is drawn for.
let isChartOpen = true, drawnAt = 0;
function chart(page) {
  const { rows, columns } = page.table, { kind, label, series } = page.chart;
  const order = kind === "line" ? sortRows(rows, label, page.kinds[label], false) : state.order;
  const values = series.map((at) => order.map((row) => (rows[row][at] === null ? null : toNumber(rows[row][at]))));
  const flat = values.flat().filter((value) => value !== null);
  const low = flat.reduce((a, b) => Math.min(a, b)), high = flat.reduce((a, b) => Math.max(a, b));
  const fromZero = kind === "bars" || (low > 0 && low < high / 2) || (high < 0 && high > low / 2);
  const ticks = ticksOf(fromZero ? Math.min(0, low) : low, fromZero ? Math.max(0, high) : high);
  drawnAt = app.clientWidth;
  const width = Math.max(260, drawnAt - 22), height = 200, [top, right, bottom, start] = [8, 8, 20, 52];
  const bottomValue = ticks[0], topValue = ticks[ticks.length - 1];
  const y = (value) => top + (height - top - bottom) * (1 - (value - bottomValue) / (topValue - bottomValue)), wide = (width - start - right) / order.length;
  const across = kind === "line" ? placesOf(order.map((row) => rows[row][label])) : null, x = (at) => start + (width - start - right) * across[at];
  const nameOf = (at) => shownText(rows[order[at]][label], 60), titleOf = (at, one) => `${nameOf(at)}: ${shownText(columns[series[one]], 40)} ${rows[order[at]][series[one]]}`;
  const title = `${series.map((at) => shownText(columns[at], 40)).join(", ")} by ${shownText(columns[label], 40)}${page.paging ? ", of these rows" : ""}`;
  const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${kind === "line" ? "Line" : "Bars"}: ${title}`, class: kind });
  for (const tick of ticks) svg.append(s("line", { class: tick === 0 ? "zero" : "grid", x1: start, x2: width - right, y1: y(tick), y2: y(tick) }), s("text", { x: start - 6, y: y(tick) + 4, "text-anchor": "end" }, compact.format(tick)));
  let free = 0;
  order.forEach((row, at) => {
    const place = kind === "line" ? x(at) : start + wide * (at + 0.5);
    if (place < free) return;
    free = place + 100;
    svg.append(s("text", { x: place, y: height - 5, "text-anchor": kind === "bars" ? "middle" : at === 0 ? "start" : place > width - 60 ? "end" : "middle" }, shownLabel(rows[row][label], Math.max(14, Math.floor(wide / 7)))));
  });
  values.forEach((own, one) => {
    if (kind === "line") return line(svg, own, one, x, y, titleOf);
    const bar = (wide * 0.8) / series.length, zero = y(Math.min(topValue, Math.max(bottomValue, 0)));
    own.forEach((value, at) => {
      if (value === null) return;
      const mark = s("rect", { class: `s${one}`, x: start + wide * (at + 0.1) + bar * one, width: Math.max(0.5, bar - 1), y: Math.min(y(value), zero), height: Math.max(1, Math.abs(y(value) - zero)) });
      mark.append(s("title", {}, titleOf(at, one)));
      svg.append(mark);
    });
  });
  const legend = series.length > 1 ? h("p", { class: "legend" }, series.map((at, one) => h("span", { class: `s${one}` }, shownText(columns[at], 40)))) : null;
  return h("details", { class: "chart", open: isChartOpen, ontoggle: (event) => { isChartOpen = event.target.open; tellSize(); } }, h("summary", {}, title), svg, legend);
}
function shownLabel(value, most) { return value.length > most ? `${shownText(value.slice(0, most - 1).replace(/[\ud800-\udbff]$/, ""), most)}\u2026` : shownText(value, most); }
function line(svg, values, one, x, y, titleOf) {
  let path = "", isGap = true;
  values.forEach((value, at) => {
    if (value !== null) path += `${isGap ? "M" : "L"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    isGap = value === null;
  });
  svg.append(s("path", { class: `s${one}`, d: path }));
  if (values.length > 120) return;
  values.forEach((value, at) => {
    if (value === null) return;
    const mark = s("circle", { class: `s${one}`, cx: x(at), cy: y(value), r: 2.5 });
    mark.append(s("title", {}, titleOf(at, one)));
    svg.append(mark);
  });
}

// ---- The beginning ----

new ResizeObserver(() => {
  if (state.page?.chart && Math.abs(app.clientWidth - drawnAt) > 8) app.querySelector(".chart")?.replaceWith(chart(state.page));
  tellSize();
}).observe(app);
draw();
request("ui/initialize", { protocolVersion: PROTOCOL, appInfo: { name: "snowgate-result", version: "1" }, appCapabilities: { availableDisplayModes: ["inline", "fullscreen"] } }).then((answer) => {
  state.host = answer.hostCapabilities || {};
  state.context = answer.hostContext || {};
  applyContext();
  post({ method: "ui/notifications/initialized", params: {} });
  isReady = true;
  draw();
}, (error) => { state.said = error.message; draw(); });
