// What is known of a result without a page to show it in: pure functions. tests/clients/browser/app.mjs runs them in Node.
"use strict";

const NUMBER = /^-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?$/;
const INFINITE = /^-?(?:Inf|NaN)$/i;
const DATE = /^\d{4}-\d\d(?:-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?: ?(?:Z|[-+]\d\d:?\d\d))?)?)?$/;
const YEAR = /^[12]\d{3}$/;
const CALENDAR = /(?:^|_)(?:year|quarter|month|week|day|hour|yr)(?:$|_)/i;
const IDENTIFIER = /(?:^|_)(?:id|code|zip)$|_(?:number|nr|no)$|key$/i;
const CAMEL_IDENTIFIER = /[a-z]I[dD]$/;
const SUMMARY = /^summary of (?:all|the first) \d+ rows:$/;
const FOOTER = /^\((\d+)(?: of (?:at least )?\d+)? rows?\b/;
// Lines that look like a result's last one.
const TRIES_MAX = 100;
// Of a chart: columns of numbers, labels with bars, points of a line.
const SERIES_MAX = 6;
const BARS_MAX = 60;
const POINTS_MAX = 2000;

// The gateway's text of a result (mcp/table.rs): a header, rows, and a line that says how many they are. Where something is missing that is the
// first line, too, and a summary may follow. null: it is not a text of rows. `shown`: how many there are, where that is known.
function parseResult(text, shown) {
  const lines = String(text).split("\n"), first = FOOTER.exec(lines[0]), foot = first ? Number(first[1]) + 2 : 0;
  if (first && lines[foot]?.startsWith(lines[0]) && (foot + 1 === lines.length || SUMMARY.test(lines[foot + 1]))) {
    const table = parseTable(lines, 1, foot);
    if (table) return withNotes(lines, foot, table);
  }
  for (let at = lines.length - 1, tries = 0; at > 0 && tries < TRIES_MAX; at -= 1) {
    const said = FOOTER.exec(lines[at]), head = at - 1 - Number(said ? said[1] : shown);
    if (!lines[at].startsWith("(")) continue;
    tries += 1;
    const table = head >= 0 && parseTable(lines, head, at);
    if (table) return withNotes(lines, at, table);
  }
  return null;
}

function withNotes(lines, foot, table) {
  const after = SUMMARY.test(lines[foot + 1]) ? foot + 1 : 0, isCut = /^\(\d+ more columns\)$/.test(lines[lines.length - 1]);
  const summary = after ? parseTable(lines, after + 1, lines.length - (isCut ? 1 : 0)) : null;
  return { ...table, note: noteOf(lines[foot], summary ? [] : lines.slice(foot + 1)), summary: summary && { title: lines[after], ...summary } };
}

// From the end: what is not a table shows there.
function parseTable(lines, head, end) {
  const columns = parseLine(lines[head] ?? "").map((name) => name ?? "NULL"), rows = [];
  for (let at = end - 1; at > head; at -= 1) {
    const row = parseLine(lines[at]);
    if (row.length !== columns.length) return null;
    rows.push(row);
  }
  return { columns, rows: rows.reverse() };
}

// What a reader is told: not how many rows there are, and not how a model gets more.
function noteOf(footer, others) {
  const end = footer.lastIndexOf(")"), parts = footer.slice(1, end).split("; ");
  const said = parts.slice(1).filter((part) => !part.startsWith("more: get_result ")).join("; ");
  return [said, footer.slice(end + 1).trim(), ...others].filter(Boolean).join("\n");
}

// Values of a line; null is NULL.
function parseLine(line) {
  const cells = [];
  let cell = "", from = 0, isEscaped = false;
  for (let at = 0; at < line.length; at += 1) {
    const c = line.charCodeAt(at);
    if (c === 124) { cells.push(asValue(cell + line.slice(from, at), isEscaped)); cell = ""; from = at + 1; isEscaped = false; }
    else if (c === 92 && at + 1 < line.length) {
      const next = line[at + 1];
      cell += line.slice(from, at) + (next === "n" ? "\n" : next === "r" ? "\r" : next);
      isEscaped = true;
      at += 1;
      from = at + 1;
    }
  }
  cells.push(asValue(cell + line.slice(from), isEscaped));
  return cells;
}
function asValue(cell, isEscaped) {
  if (cell === "NULL" && !isEscaped) return null;
  const quotes = /^("+)NULL("+)$/.exec(cell);
  return quotes && quotes[1].length === quotes[2].length ? cell.slice(1, -1) : cell;
}

function isNumber(value) { return value.length <= 100 && (NUMBER.test(value) || INFINITE.test(value)); }
function toNumber(value) { return INFINITE.test(value) ? (value[0] === "-" ? -Infinity : Infinity) : Number(value); }

// "number", "date", "text", or "empty" of each column.
function kindsOf(result) {
  return result.columns.map((_, column) => {
    let kind = "empty";
    for (const row of result.rows) {
      const value = row[column];
      if (value === null) continue;
      const own = isNumber(value) ? "number" : DATE.test(value) ? "date" : "text";
      if (own === "text" || (kind !== "empty" && kind !== own)) return "text";
      kind = own;
    }
    return kind;
  });
}

const collator = new Intl.Collator("en");
function compareNumbers(a, b) {
  const [x, y] = [toNumber(a), toNumber(b)];
  if (x !== y) return x < y ? -1 : 1;
  if (a === b || !/^-?\d+$/.test(a) || !/^-?\d+$/.test(b)) return 0;
  // Past 2^53 doubles are the same where the numbers are not.
  const [m, n] = [BigInt(a), BigInt(b)];
  return m < n ? -1 : m > n ? 1 : 0;
}

// The numbers of the rows, in order of a column; NULL is last both ways, and equal ones keep their order.
function sortRows(rows, column, kind, isDescending) {
  const compare = kind === "number" ? compareNumbers : collator.compare, sign = isDescending ? -1 : 1;
  return rows.map((_, at) => at).sort((one, other) => {
    const a = rows[one][column], b = rows[other][column];
    if (a === null || b === null) return (a === null) - (b === null) || one - other;
    return sign * compare(a, b) || one - other;
  });
}

// What the shape suggests: one column of labels or dates, the others numbers. null: no chart.
function chartOf(result, kinds) {
  const columns = result.columns.map((_, at) => at);
  let labels = columns.filter((at) => kinds[at] !== "number");
  const isCalendar = (at) => CALENDAR.test(result.columns[at]) && result.rows.every((row) => row[at] !== null && /^\d{1,4}$/.test(row[at]));
  if (labels.length === 0 && columns.length > 1 && isCalendar(0)) labels = [0];
  const label = labels[0], series = columns.filter((at) => at !== label);
  if (labels.length !== 1 || kinds[label] === "empty" || series.length < 1 || series.length > SERIES_MAX) return null;
  if (series.some((at) => IDENTIFIER.test(result.columns[at]) || CAMEL_IDENTIFIER.test(result.columns[at]))) return null;
  const isLine = kinds[label] === "date" || (kinds[label] === "number" && result.rows.every((row) => YEAR.test(row[label])));
  if (result.rows.length < 2 || result.rows.length > (isLine ? POINTS_MAX : BARS_MAX)) return null;
  const names = result.rows.map((row) => row[label]);
  if (names.includes(null) || new Set(names).size !== names.length) return null;
  const values = result.rows.flatMap((row) => series.map((at) => row[at])).filter((value) => value !== null);
  if (!values.length || !values.every((value) => Math.abs(toNumber(value)) < 1e150)) return null;
  return { kind: isLine ? "line" : "bars", label, series };
}

// A number that grows with the date or the year; NaN where it cannot be told.
function timeOf(label) {
  if (YEAR.test(label)) return Number(label);
  const [, day, time, zone] = /^([\d-]+)(?:[ T]([\d:.]+) ?(.*))?$/.exec(label) || [];
  return Date.parse(time ? `${day}T${time}${zone ? zone.replace(/^([-+]\d\d):?(\d\d)$/, "$1:$2") : "Z"}` : day);
}

// Where on a line of length 1 each label of an ascending list stands: by time, or evenly where that cannot be told.
function placesOf(labels) {
  const times = labels.map(timeOf), first = times[0], span = times[times.length - 1] - first;
  const isTimed = span > 0 && times.every((time, at) => at === 0 || time >= times[at - 1]);
  return labels.map((_, at) => (isTimed ? (times[at] - first) / span : at / Math.max(1, labels.length - 1)));
}

// Round numbers from below `low` to above `high`, about five.
function ticksOf(low, high) {
  const span = high - low || Math.abs(high) || 1, power = 10 ** Math.floor(Math.log10(span / 4));
  const step = [1, 2, 5, 10].map((of) => of * power).find((step) => span / step <= 5) || span;
  const first = Math.floor(low / step), last = Math.ceil(high / step) + (high === low ? 1 : 0);
  return Array.from({ length: Math.min(12, last - first + 1) }, (_, n) => Number(((first + n) * step).toPrecision(12)));
}

// Control characters and those that turn the direction of text are shown as something odd; the text is at most `most` long.
function shownText(value, most) {
  let text = String(value);
  const all = text.length;
  if (all > most) text = text.slice(0, most).replace(/[\ud800-\udbff]$/, "");
  text = text.replace(/\r\n?|\n/g, "\u21b5").replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, "\ufffd");
  return all > most ? `${text}\u2026 (${all} characters)` : text;
}
