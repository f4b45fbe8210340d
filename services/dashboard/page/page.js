// Asks for the overview once a second while the page is seen, and changes only what has changed.

const PERIOD_MS = 1000;
const DEADLINE_MS = 5000;
const CHART = { width: 600, height: 120, gap: 1 };
const SVG = "http://www.w3.org/2000/svg";

const at = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1000) return `${ms} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 7_200_000 ? `${Math.floor(ms / 60_000)} min` : `${Math.floor(ms / 3_600_000)} h`;
}

function size(bytes) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, bytes > 0 ? Math.floor(Math.log10(bytes) / 3) : 0);
  return `${(bytes / 1000 ** power).toFixed(power > 0 ? 1 : 0)} ${units[power]}`;
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// A figure, and a smaller line below it.
function figure(id, text, note = "") {
  const node = at(id);
  if (!node.lastElementChild) node.replaceChildren(document.createTextNode(""), document.createElement("small"));
  if (node.firstChild.data !== text) node.firstChild.data = text;
  write(node.lastElementChild, note);
}

// As many children of `parent` as there are `items`, each made once and then filled anew.
function fill(parent, items, make, update) {
  while (parent.childElementCount > items.length) parent.lastElementChild.remove();
  while (parent.childElementCount < items.length) parent.append(make());
  items.forEach((item, index) => update(parent.children[index], item));
}

const element = (name) => () => document.createElement(name);

function table(id, rows) {
  fill(at(id), rows, element("tr"), (row, cells) => fill(row, cells, element("td"), write));
}

function chart(overview) {
  const buckets = overview.chart_s / overview.bucket_s;
  const last = Math.floor(overview.time / 1000 / overview.bucket_s);
  const rows = new Map(overview.ingest.map((bucket) => [bucket.t / overview.bucket_s, bucket.rows]));
  const rates = Array.from({ length: buckets }, (_, index) => (rows.get(last - buckets + index) ?? 0) / overview.bucket_s);
  const peak = Math.max(...rates);
  const width = CHART.width / buckets;
  fill(at("chart"), rates, () => document.createElementNS(SVG, "rect"), (bar, rate) => {
    const index = [...bar.parentNode.children].indexOf(bar);
    const height = peak > 0 ? (rate / peak) * CHART.height : 0;
    const shape = { x: index * width, y: CHART.height - height, width: width - CHART.gap, height, fill: "currentColor" };
    for (const [name, value] of Object.entries(shape)) bar.setAttribute(name, value);
  });
  write(at("peak"), peak > 0 ? `highest ${whole.format(Math.round(peak))} rows/s` : "no rows");
  at("chart").setAttribute("aria-label", `Now ${Math.round(rates.at(-1))}, at most ${Math.round(peak)} rows per second`);
  return rates.at(-1);
}

function figures(overview, rate) {
  const bucket = overview.ingest.at(-1);
  const known = overview.lag.filter((partition) => partition.lag !== null);
  const total = known.reduce((sum, partition) => sum + partition.lag, 0);
  const raw = overview.tables.find((entry) => entry.table.startsWith("market_tickers"));
  const bytes = overview.tables.reduce((sum, entry) => sum + entry.bytes, 0);
  figure("rate", overview.age ? whole.format(Math.round(rate)) : "–", "last 5 s");
  figure("age", duration(overview.age?.age_ms), "visible in ClickHouse");
  figure("delay", bucket ? duration(bucket.median_ms) : "–", bucket ? `slowest ${duration(bucket.slowest_ms)}` : "");
  figure("lag", known.length ? whole.format(total) : "–", known.length ? "messages" : "");
  figure("stored", raw ? short.format(raw.rows) : "–", raw ? `${size(bytes)} in all` : "");
  figure("prices", overview.prices ? whole.format(overview.prices.symbols) : "–",
    overview.prices ? `${overview.prices.source}, ${duration(overview.prices.age_ms)} old` : "");
  const tape = overview.tape;
  figure("tape", tape ? short.format(tape.present + tape.filled) : "–",
    tape ? `${whole.format(tape.filled)} filled, ${whole.format(tape.missing)} missing` : "");
  const filling = overview.fill;
  figure("fill", filling ? `${whole.format(filling.symbols_done)} of ${whole.format(filling.symbols_total)}` : "–",
    filling ? filling.current ?? filling.state : "");
}

function show(overview) {
  fill(at("problems"), overview.problems, element("li"), write);
  figures(overview, chart(overview));
  table("partitions", overview.lag.map(({ topic, partition, end, committed, lag }) => [
    `${topic} ${partition}`, ...[end, committed, lag].map((number) => (number === null ? "–" : whole.format(number)))]));
  table("tables", overview.tables.map((entry) =>
    [entry.table, whole.format(entry.rows), size(entry.bytes), whole.format(entry.parts)]));
  const moment = (t) => new Date(t).toISOString().slice(0, 19).replace("T", " ");
  const breaks = overview.breaks.map(({ from_ms, to_ms, frames, reason }) =>
    ["all mini-tickers", `${moment(from_ms)} – ${moment(to_ms).slice(11)}`, frames === null ? "?" : `${frames} frames`, reason]);
  const holes = (overview.tape?.holes ?? []).map(({ symbol, t, missing, reason }) =>
    [symbol, moment(t).slice(0, 16), `${whole.format(missing)} trades`, reason]);
  table("holes", [...breaks, ...holes]);
  fill(at("columns"), overview.columns, () => {
    const heading = document.createElement("th");
    heading.scope = "col";
    return heading;
  }, write);
  table("rows", overview.rows);
}

function state(kind, text) {
  if (at("state").className !== kind) at("state").className = kind;
  write(at("state-text"), text);
}

async function refresh() {
  try {
    const answer = await fetch("v1/overview", { signal: AbortSignal.timeout(DEADLINE_MS) });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const overview = await answer.json();
    show(overview);
    const count = overview.problems.length;
    state(count ? "bad" : "good", count === 0 ? "Everything answers" : count === 1 ? "One problem" : `${count} problems`);
  } catch {
    state("bad", "The dashboard does not answer. What is shown below is old.");
  }
}

async function live() {
  for (;;) {
    if (!document.hidden) await refresh();
    await new Promise((resume) => setTimeout(resume, PERIOD_MS));
  }
}

live();
