// The newest rankings of single records.

import { byId, element, fill, head, setHidden, setText } from "./dom.js";
import { cell, count, named, score, seconds } from "./format.js";

export function showRankings(message) {
  const { about, rankings } = message;
  const instead = rankings.length === 0 && message.standings.length > 0;
  setHidden(byId("rankings"), instead);
  setHidden(byId("to-rankings"), instead);
  setText(byId("rankings-note"), note(about, rankings));
  const table = byId("newest");
  if (about.shows_records) showValues(table, about, rankings, message.at);
  else showPlaces(table, rankings, message.at);
}

function note(about, rankings) {
  if (!about.shows_records) return "Ids, labels and scores are not shown; PAGE_SHOWS_RECORDS=true shows them.";
  return rankings.length ? "" : "Nothing was published since this page was opened.";
}

function showPlaces(table, rankings, now) {
  head(table, [["Record"], ["Entries", "number"], ["Age", "number"]]);
  fill(table.tBodies[0], rankings, () => row(2), (tr, ranking) => {
    setText(tr.cells[0], ranking.place);
    setText(tr.cells[1], ranking.count === null ? "not read" : count(ranking.count));
    setText(tr.cells[2], seconds(Math.max(0, now - ranking.at)));
  });
}

function showValues(table, about, rankings, now) {
  head(table, [["Record"], ["Ranking"], ...about.fields.map((name) => [name]), ["Version"], ["Age", "number"]]);
  fill(table.tBodies[0], rankings, () => row(about.fields.length + 3), (tr, ranking) => {
    const [name, bars, ...rest] = tr.cells;
    setText(name, ranking.id ?? ranking.place);
    if (name.title !== ranking.place) name.title = ranking.place;
    showBars(bars, ranking, about.scores_as);
    about.fields.forEach((_, place) => setText(rest[place], cell(ranking.fields[place])));
    setText(rest.at(-2), ranking.version ?? "");
    setText(rest.at(-1), seconds(Math.max(0, now - ranking.at)));
  });
}

function row(cells) {
  const made = element("tr", "", element("th"));
  made.cells[0].scope = "row";
  for (let place = 0; place < cells; place++) made.append(element("td"));
  made.lastElementChild.className = "number";
  return made;
}

function showBars(parent, ranking, as) {
  if (!parent.firstElementChild) parent.append(element("ol", "bars"));
  const scores = ranking.entries.map((entry) => entry[1] ?? 0);
  const low = Math.min(0, ...scores);
  const span = Math.max(...scores) - low || 1;
  fill(parent.firstElementChild, ranking.entries, bar, (item, [label, value]) => {
    const width = `${(100 * ((value ?? low) - low)) / span}%`;
    if (item.children[0].style.width !== width) item.children[0].style.width = width;
    setText(item.children[1], named(label));
    setText(item.children[2], score(value, as));
  });
}

const bar = () => element("li", "", element("span", "bar"), element("span"), element("span"));
