// The live page: takes events, shows the newest of them.

import { byId, setHidden, setText } from "./dom.js";
import { Events } from "./events.js";
import { showLetters, showModel, showStream } from "./figures.js";
import { showRankings } from "./rankings.js";
import { choose, showChosen, showStandings } from "./standings.js";

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const CALM_MS = 1000;
let newest = null;
let shownAt = 0;
let connection = "connecting";

function show() {
  const message = newest;
  newest = null;
  if (message === null) return;
  shownAt = performance.now();
  showHead(message);
  showStream(message);
  showStandings(message);
  showRankings(message);
  showLetters(message.dead_letters);
  showModel(message.model);
}

function take(message) {
  const waiting = newest !== null;
  newest = message;
  if (waiting) return;
  const rest = calm.matches ? Math.max(0, CALM_MS - (performance.now() - shownAt)) : 0;
  setTimeout(() => requestAnimationFrame(show), rest);
}

function showHead({ about, reason, model }) {
  const route = `${about.input} to ${about.output}, ranked by ${about.rank_by}`;
  setText(byId("route"), model ? `${route}, model ${model.name}` : route);
  setText(byId("reason"), reason ?? "");
  setHidden(byId("reason"), reason === null);
  showState(reason === null ? "ready" : "unready");
}

const WORDS = {
  connecting: "Connecting",
  ready: "Live, ready",
  unready: "Live, not ready",
  lost: "Connection lost, trying again",
  paused: "Paused",
};

// The only thing that a screen reader is told by itself, and only when it changes.
function showState(state) {
  if (connection !== "live" && state !== connection) return;
  const node = byId("state");
  if (node.dataset.state !== state) node.dataset.state = state;
  setText(node, WORDS[state]);
}

function connected(state) {
  connection = state;
  if (state !== "live") showState(state);
}

const events = new Events("events", take, connected);
const pause = byId("pause");
pause.addEventListener("click", () => {
  events.pause(!events.paused);
  setText(pause, events.paused ? "Go on" : "Pause");
});
byId("group").addEventListener("change", choose);
addEventListener("resize", showChosen);
events.settle();
