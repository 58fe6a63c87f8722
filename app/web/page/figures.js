// Figures of the stream, dead letters and the model.

import { byId, element, facts, fill, head, setHidden, setText } from "./dom.js";
import { count, rate, seconds } from "./format.js";
import { draw } from "./lines.js";

const KEPT = 120;
const published = [];

export function showStream(message) {
  const { rates, latency, lag } = message;
  facts(byId("figures"), [
    ["Records in, a second", rates ? rate(rates.consumed) : "…"],
    ["Published, a second", rates ? rate(rates.published) : "…"],
    ["Latency, p50", latency ? seconds(latency.p50) : "none"],
    ["Latency, p99", latency ? seconds(latency.p99) : "none"],
    ["Lag, records", lag ? count(lag.records) : "unknown"],
    ["Lag, time", lag ? seconds(lag.seconds) : "unknown"],
    ["In flight", count(message.in_flight)],
    ["Published in all", count(message.totals.published ?? 0)],
    ["Expired in all", message.totals.expired ? count(message.totals.expired) : null],
    ["Uptime", seconds(message.uptime)],
  ]);
  if (rates) showThroughput(message.at, rates.published);
}

function showThroughput(at, value) {
  const last = published.at(-1);
  if (last && at - last[0] < 1) return;
  published.push([at, value]);
  if (published.length > KEPT) published.shift();
  const svg = byId("throughput");
  draw(svg, [published]);
  const most = Math.max(...published.map((point) => point[1]));
  svg.setAttribute("aria-label", `Records published a second: ${rate(value)} now, ${rate(most)} at most`);
}

export function showLetters(letters) {
  setHidden(byId("no-letters"), letters.length > 0);
  setHidden(byId("some-letters"), letters.length === 0);
  const table = byId("letters");
  head(table, [["Stage"], ["Reason"], ["Records", "number"]]);
  fill(table.tBodies[0], letters, letterRow, (row, [stage, reason, records]) => {
    setText(row.cells[0], stage);
    setText(row.cells[1], reason);
    setText(row.cells[2], count(records));
  });
}

function letterRow() {
  const reason = element("th");
  reason.scope = "row";
  return element("tr", "", element("td"), reason, element("td", "number"));
}

export function showModel(model) {
  if (model === null) return facts(byId("model-facts"), [["Model", "not loaded yet"]]);
  const { versions } = model;
  facts(byId("model-facts"), [
    ["Name", model.name],
    ["Version", model.version],
    ["Device", model.device],
    ["On probation after", versions.on_probation_after],
    ["Canary", versions.canary && `version ${versions.canary.version}, ${count(versions.canary.share * 100)} % of keys`],
    ["Shadow", versions.shadow && `version ${versions.shadow.version}`],
    ["Being tried", versions.trying === null || versions.trying === undefined ? null : `version ${versions.trying}`],
    ...Object.entries(versions.refused ?? {}).map(([version, why]) => [`Version ${version} refused`, String(why)]),
    ["Trouble", versions.trouble],
  ]);
}
