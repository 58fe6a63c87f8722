// The standing of one group: its members in the predicted order, and how their scores went.

import { byId, element, fill, head, setHidden, setText } from "./dom.js";
import { cell, count, named, score } from "./format.js";
import { draw, swatches } from "./lines.js";

const LINES = 6;
const KEPT = 400;
// By group, points of [x, scores by label]; a chart begins when the page is opened.
const courses = new Map();
// After so many seconds without a ranking another group is shown, unless somebody has chosen this one.
const QUIET = 2;
let latest = null;
let byHand = false;

export function showStandings(message) {
  latest = message;
  const { standings } = message;
  setHidden(byId("standings"), standings.length === 0);
  setHidden(byId("to-standings"), standings.length === 0);
  for (const standing of standings) follow(standing);
  for (const group of courses.keys()) if (!standings.some((each) => each.group === group)) courses.delete(group);
  showGroups(standings.map((standing) => standing.group));
  if (!byHand) followWhatIsLive(message);
  showChosen();
}

export function choose() {
  byHand = true;
  showChosen();
}

function followWhatIsLive({ at, standings }) {
  const select = byId("group");
  const live = standings.filter((each) => at - each.at < QUIET);
  if (!live.length || live.some((each) => each.group === select.value)) return;
  // What has begun last: there is most to be seen of it.
  live.sort((one, other) => courses.get(one.group).length - courses.get(other.group).length);
  select.value = live[0].group;
}

export function showChosen() {
  const chosen = latest?.standings.find((each) => each.group === byId("group").value);
  if (!chosen) return;
  const ordered = typeof chosen.order === "number";
  setText(byId("order"), chosen.order === null ? "" : `at ${cell(chosen.order)}`);
  showTable(chosen, latest.about);
  showCourse(chosen, latest.about, ordered);
}

function follow(standing) {
  const course = courses.get(standing.group) ?? [];
  courses.set(standing.group, course);
  if (course.at(-1)?.at === standing.at) return;
  const x = typeof standing.order === "number" ? standing.order : standing.at;
  // Of one lap only the last word counts; going back means that it was begun anew.
  while (course.length && course.at(-1).x >= x) course.pop();
  course.push({ at: standing.at, x, scores: new Map(standing.entries.map(([label, value]) => [label, value])) });
  if (course.length > KEPT) course.shift();
}

function showGroups(groups) {
  const select = byId("group");
  const chosen = select.value;
  fill(select, groups, () => element("option"), (option, group) => {
    if (option.value !== group) option.value = group;
    setText(option, named(group));
  });
  // A group that came in between has moved the others.
  if (groups.includes(chosen) && select.value !== chosen) select.value = chosen;
}

function showTable({ group, count: members, version, entries }, about) {
  const table = byId("standing");
  const shown = entries.length < members ? `, the first ${entries.length} of ${count(members)}` : "";
  setText(byId("standing-caption"), `Predicted order of ${named(group)}${shown}, by version ${version}`);
  const title = about.scores_as === "softmax" ? "Win probability" : "Score";
  head(table, [["Rank", "number"], ["Member"], ["Places"], [title, "number"], ...about.fields.map((name) => [name])]);
  fill(table.tBodies[0], entries, () => row(about.fields.length), (tr, [label, value, change, fields], place) => {
    setText(tr.cells[0], String(place + 1));
    setText(tr.cells[1], named(label));
    showChange(tr.cells[2], change);
    setText(tr.cells[3], score(value, about.scores_as));
    about.fields.forEach((_, field) => setText(tr.cells[4 + field], cell(fields[field])));
  });
}

function row(fields) {
  const member = element("th");
  member.scope = "row";
  const change = element("td", "", element("span"), element("span", "spoken"));
  change.firstChild.setAttribute("aria-hidden", "true");
  const made = element("tr", "", element("td", "number"), member, change, element("td", "number"));
  for (let place = 0; place < fields; place++) made.append(element("td"));
  return made;
}

function showChange(parent, change) {
  const places = Math.abs(change ?? 0) === 1 ? "place" : "places";
  const [sign, said, kind] =
    change === null ? ["new", "new", ""]
    : change > 0 ? [`▲ ${change}`, `${change} ${places} won`, "won"]
    : change < 0 ? [`▼ ${-change}`, `${-change} ${places} lost`, "lost"]
    : ["–", "no change", ""];
  setText(parent.children[0], sign);
  setText(parent.children[1], said);
  if (parent.className !== kind) parent.className = kind;
}

function showCourse({ group, entries }, about, ordered) {
  const course = courses.get(group) ?? [];
  const first = entries.slice(0, LINES).map(([label]) => label);
  const lines = first.map((label) =>
    course.filter(({ scores }) => typeof scores.get(label) === "number").map(({ x, scores }) => [x, scores.get(label)]),
  );
  const what = about.scores_as === "softmax" ? "Win probability" : "Score";
  draw(byId("chart"), lines, {
    x: ordered ? String : (at) => new Date(at * 1000).toLocaleTimeString("en-GB"),
    y: (value) => score(value, about.scores_as),
  });
  const caption = `${what} of the first ${first.length}, ${ordered ? "by the group's own order" : "over time"}`;
  setText(byId("chart-caption"), caption);
  swatches(byId("legend"), first.map(named));
  const said = entries.slice(0, LINES).map(([label, value]) => `${named(label)} ${score(value, about.scores_as)}`);
  byId("chart").setAttribute("aria-label", `${caption}. Now: ${said.join(", ")}`);
}
