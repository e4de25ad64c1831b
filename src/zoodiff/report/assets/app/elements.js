// Elements from plain values: every text is text, an attribute is one of a few.
const ATTRIBUTES = new Set(["class", "id", "href", "title", "type", "role", "scope", "tabindex",
  "placeholder", "for", "value", "data-label", "data-sort", "data-chart", "aria-label", "aria-labelledby",
  "aria-hidden", "aria-sort", "aria-current", "aria-live", "autocomplete", "spellcheck", "rel", "download",
  "alt", "width", "height"]);
const LINKS = /^(#|https?:\/\/|pictures\/[0-9a-f]{16}\.html$)/;

/** An element with attributes and children: elements, texts, or lists of both; null is nothing. */
function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (!ATTRIBUTES.has(name)) throw new Error(`no attribute ${name}`);
    if (name === "href" && !LINKS.test(value)) continue;
    element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

/** A name that may be broken at its separators. */
function breakable(name) {
  const parts = String(name).split(/(?<=[:/_|])|(?=@)/);
  return parts.flatMap((part, index) => (index ? [document.createElement("wbr"), part] : [part]));
}

/** The name of an entry. */
const entryName = (name) => el("code", { class: "entry" }, breakable(name));

/** A list that the document leaves out where it is empty. */
const list = (value) => value || [];

const plural = (number, one, many) => `${number.toLocaleString("en")} ${number === 1 ? one : many || one + "s"}`;

/** A button. */
function button(label, action, title) {
  const element = el("button", { type: "button", title }, label);
  element.addEventListener("click", action);
  return element;
}

/** A table whose rows become cards where there is no room: cells are values, or {node, sort, class}. */
function dataTable({ label, columns, rows, kind }) {
  const table = el("table", { class: `cards ${kind || ""}`, "aria-label": label });
  const heads = columns.map((column) => el("th", { scope: "col", class: column.number ? "number" : null }, column.name));
  table.append(el("thead", null, el("tr", null, heads)));
  const body = el("tbody", null, rows.map((row) => tableRow(columns, row)));
  table.append(body);
  return table;
}

/** A row of a table: its first cell names it. */
function tableRow(columns, row) {
  const { cells, rowClass } = Array.isArray(row) ? { cells: row } : row;
  return el("tr", { class: rowClass }, cells.map((cell, index) => {
    const column = columns[index];
    const kind = `${column.number ? "number" : column.class || ""}${cell === "–" ? " absent" : ""}`.trim() || null;
    return index === 0 ? el("th", { scope: "row" }, cell) : el("td", { class: kind, "data-label": column.name }, cell);
  }));
}

const WORDS = {
  same: "same network", but: "same but for named differences", unknown: "not known", other: "other network",
};
const LETTERS = { same: "S", but: "B", unknown: "?", other: "O" };

/** The letter of an answer on its colour, with its words. */
const chip = (level, short) => el("span", { class: "answered" },
  el("b", { class: `chip ${level}`, "aria-hidden": "true" }, LETTERS[level]), short ? el("span", { class: "hidden" }, WORDS[level]) : ` ${WORDS[level]}`);

/** A command to copy. */
function command(text) {
  const quoted = el("pre", { tabindex: "0", "aria-label": "Command" }, el("code", null, text));
  return el("div", { class: "command" }, quoted);
}

/** An argument as a POSIX shell reads it. */
const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
