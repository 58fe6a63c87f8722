// How numbers are written.

const NAME = 60;
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const share = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });

export const count = (value) => whole.format(value);
export const rate = (value) => (value >= 100 ? whole.format(value) : short.format(value));

export function seconds(value) {
  if (value < 1) return `${short.format(value * 1000)} ms`;
  if (value < 120) return `${short.format(value)} s`;
  return value < 7200 ? `${whole.format(value / 60)} min` : `${whole.format(value / 3600)} h`;
}

export function score(value, as) {
  if (value === null) return "none";
  return as === "softmax" ? share.format(value) : short.format(value);
}

export function cell(value) {
  if (value === null || value === undefined) return "";
  return typeof value === "number" ? String(value) : value;
}

// A name that was cut comes with a digest behind it, by which it is told from others.
export const named = (key) => (key.length > NAME ? [...key].slice(0, NAME).join("") : key);
