// The document of the page, and what follows from it.
const DATA = JSON.parse(document.getElementById("data").textContent);
const ARCHITECTURES = list(DATA.architectures);
const BY_NAME = new Map(ARCHITECTURES.map((each) => [each.name, each]));
const RULES = DATA.rules || {};
let pictures = null;
/** The drawing of a pair as the text of an SVG file; all are read when the first is asked for. */
function pictureOf(difference) {
  if (!difference?.picture) return null;
  pictures ||= JSON.parse(document.getElementById("pictures").textContent);
  return pictures[difference.picture] || null;
}
let thumbnails = null;
/** The small picture of an image as a data: address. */
function thumbnailOf(name) {
  if (!name) return null;
  thumbnails ||= JSON.parse(document.getElementById("thumbnails").textContent);
  const address = thumbnails[name] || "";
  return address.startsWith("data:image/jpeg;base64,") ? address : null;
}
const ORDER = ["same", "but", "unknown", "other"];

const route = (...parts) => "#/" + parts.map(encodeURIComponent).join("/");
const toArchitecture = (name) => route("architecture", name);
const toPair = (architecture, first, second) => route("pair", architecture, first, second);

/** What a claim or an entry is about: zoo and model, without its weights. */
const modelOf = (name) => (name.includes("@") ? name.slice(0, name.lastIndexOf("@")) : name);

/** The entry of a name, or the only one of its model. */
function entryOf(architecture, name) {
  const entries = list(architecture.entries);
  const exact = entries.find((entry) => entry.name === name);
  if (exact) return exact;
  const same = entries.filter((entry) => modelOf(entry.name) === modelOf(name));
  return same.length === 1 ? same[0] : null;
}

/** The number of the graph of a name. */
function graphOf(architecture, name) {
  const graphs = list(architecture.graphs);
  const exact = graphs.findIndex((names) => names.includes(name));
  if (exact >= 0) return exact;
  const known = list(architecture.entries).find((each) => each.name === name);
  if (known) return known.graph ?? null;
  const model = modelOf(name);
  const like = graphs.flatMap((names, index) => (names.some((each) => modelOf(each) === model) ? [index] : []));
  return like.length === 1 ? like[0] : null;
}

/** The answer about two names: its level, and the difference of their graphs where there is one. */
function answerOf(architecture, first, second) {
  const one = graphOf(architecture, first), two = graphOf(architecture, second);
  if (one === null || two === null) return { level: "unknown", difference: null, known: false };
  if (one === two) return { level: "same", difference: null, known: true };
  const difference = list(architecture.differences).find((each) =>
    (each.first === one && each.second === two) || (each.first === two && each.second === one)) || null;
  const turned = difference !== null && difference.first === two;
  return { level: difference ? difference.level : "unknown", difference, turned, known: true };
}

/** Whether a name is one of two, by its entry or by its model where that is the same. */
const isOf = (name, entry) => name === entry || modelOf(name) === modelOf(entry);

/** The rows of a ranking about two names. */
function rowsOf(architecture, first, second, metric) {
  const about = (row) => (isOf(row.high, first) && isOf(row.low, second)) || (isOf(row.high, second) && isOf(row.low, first));
  const rows = list(architecture.rows).filter((row) => row.metric === metric && about(row));
  const exact = rows.filter((row) => [row.high, row.low].includes(first) && [row.high, row.low].includes(second));
  return exact.length ? exact : rows;
}

/** The code of a finding: a link to what it means. */
function codeLink(code, words) {
  const known = RULES[code];
  const title = words || (known ? known.name : null);
  return known ? el("a", { class: "code", href: `#rule-${code}`, title }, code) : el("span", { class: "code", title }, code);
}

/** Codes with words, the largest part first. */
const reasons = (row, most) => list(row.why).slice(0, most).map(([code, words]) => el("p", null, codeLink(code), " ", breakable(words)));

/** A sign that a number is probably wrong, with the reason. */
const doubt = (why) => (why ? el("p", { class: "doubt" }, el("b", null, "Doubtful"), " ", breakable(why)) : null);
