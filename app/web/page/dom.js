// Elements of the page. Everything that comes from records becomes text here, and never markup.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

export function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

export function drawn(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, String(value));
  return made;
}

// What is the same already is left alone: a selection in it stays, and nobody is told again.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setHidden(node, hidden) {
  if (node.hidden !== hidden) node.hidden = hidden;
}

// Makes the children of a node as many as there are items, keeping those that are there, and fills each.
export function fill(parent, items, make, write) {
  while (parent.children.length > items.length) parent.lastElementChild.remove();
  while (parent.children.length < items.length) parent.append(make(parent.children.length));
  items.forEach((item, place) => write(parent.children[place], item, place));
}

export function head(table, titles) {
  fill(table.tHead.rows[0], titles, () => element("th"), (cell, [title, kind]) => {
    cell.scope = "col";
    cell.className = kind ?? "";
    setText(cell, title);
  });
}

// A list of terms; those without a value are left out.
export function facts(list, pairs) {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined);
  fill(list, known, () => element("div", "", element("dt"), element("dd")), (pair, [name, value]) => {
    setText(pair.children[0], name);
    setText(pair.children[1], value);
  });
}
