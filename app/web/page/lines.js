// Lines over time, or over whatever a group counts, as inline SVG.

import { drawn, fill } from "./dom.js";

const MARGIN = { left: 54, right: 8, top: 8, bottom: 20 };

// Draws `lines`, each an array of [x, y], into an element as wide as it is; `texts` writes x and y.
export function draw(svg, lines, texts) {
  const box = svg.getBoundingClientRect();
  const width = box.width || 600;
  const height = box.height || 200;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const inner = texts ? MARGIN : { left: 0, right: 0, top: 2, bottom: 2 };
  const x = scale(lines.flatMap((line) => line.map((point) => point[0])), inner.left, width - inner.right);
  const y = scale([0, ...lines.flatMap((line) => line.map((point) => point[1]))], height - inner.bottom, inner.top);
  const parts = texts ? axes(x, y, width, height, inner, texts) : [];
  lines.forEach((line, place) => {
    const points = line.map(([at, value]) => `${x.of(at).toFixed(1)},${y.of(value).toFixed(1)}`).join(" ");
    parts.push(drawn("polyline", { class: `s${place}`, points }));
  });
  svg.replaceChildren(...parts);
}

export function swatches(list, names) {
  fill(list, names, swatch, (item, name) => {
    if (item.lastChild.textContent !== name) item.lastChild.textContent = name;
  });
}

function swatch(place) {
  const item = document.createElement("li");
  const line = drawn("svg", { viewBox: "0 0 28 12", "aria-hidden": "true" });
  line.append(drawn("polyline", { class: `s${place}`, points: "0,6 28,6" }));
  item.append(line, document.createElement("span"));
  return item;
}

function scale(values, from, to) {
  const low = values.length ? Math.min(...values) : 0;
  const high = values.length ? Math.max(...values) : 1;
  const span = high - low || 1;
  return { low, high, of: (value) => from + ((value - low) / span) * (to - from) };
}

function axes(x, y, width, height, inner, texts) {
  const parts = [];
  for (const value of [y.low, (y.low + y.high) / 2, y.high]) {
    const at = y.of(value);
    parts.push(drawn("line", { class: "grid", x1: inner.left, x2: width - inner.right, y1: at, y2: at }));
    parts.push(label(texts.y(value), inner.left - 6, at + 4, "end"));
  }
  parts.push(label(texts.x(x.low), inner.left, height - 4, "start"));
  if (x.high > x.low) parts.push(label(texts.x(x.high), width - inner.right, height - 4, "end"));
  return parts;
}

function label(text, x, y, anchor) {
  const made = drawn("text", { x, y, "text-anchor": anchor });
  made.textContent = text;
  return made;
}
