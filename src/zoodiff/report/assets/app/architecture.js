// The view of an architecture: its entries side by side.
const ofArchitecture = (architecture, ...children) => el("section", { class: "block" }, ...children);

function architectureView(name) {
  const architecture = BY_NAME.get(name);
  if (!architecture) return [viewHead("Not in this report", `There is no architecture of the name ${name}.`)];
  const others = ARCHITECTURES.indexOf(architecture);
  const beside = [ARCHITECTURES[others - 1], ARCHITECTURES[others + 1]];
  const around = el("p", { class: "around" },
    beside[0] ? el("a", { href: toArchitecture(beside[0].name) }, `← ${beside[0].name}`) : null, " ",
    beside[1] ? el("a", { href: toArchitecture(beside[1].name) }, `${beside[1].name} →`) : null);
  return [
    viewHead(name, architecture.summary, architecture.level ? chip(architecture.level) : null), around,
    el("div", { class: "columns" }, sharedGraphs(architecture), pairMatrix(architecture)),
    sideBySide(architecture),
    el("div", { class: "columns" }, latencyChart(architecture), accuracyChart(architecture), claimsChart(architecture)),
    agreement(architecture), claimsTable(architecture), rankedRows(architecture), propertiesTable(architecture),
  ];
}

/** Which entries have one graph. */
function sharedGraphs(architecture) {
  const graphs = list(architecture.graphs);
  if (!graphs.length) return null;
  const rows = graphs.map((names, index) => {
    const known = list(architecture.entries).find((entry) => entry.graph === index && entry.fingerprint);
    return [`Graph ${index + 1}`, names.map((each) => el("div", null, entryName(each))), known ? el("code", { class: "hash" }, known.fingerprint.slice(0, 16)) : "–"];
  });
  return ofArchitecture(architecture, el("h3", null, "Who shares a graph"),
    dataTable({ label: "Entries by graph", columns: [{ name: "Graph" }, { name: "Entries" }, { name: "Fingerprint" }], rows }));
}

/** The answer about each two graphs. */
function pairMatrix(architecture) {
  const graphs = list(architecture.graphs);
  if (graphs.length < 2 || graphs.length > 40) return null;
  const some = graphs.length > 4 ? 1 : 2;
  const cells = (row) => graphs.map((names, column) => {
    if (column === row) return el("td", { class: "none" }, el("span", { class: "hidden" }, "itself"));
    const { level, difference } = answerOf(architecture, graphs[row][0], names[0]);
    const codes = [...new Set(list(difference?.findings).filter((f) => f.effect || level !== "other").map((f) => f.code))];
    const words = `${graphs[row][0]} and ${names[0]}: ${WORDS[level]}${codes.length ? ` (${codes.join(", ")})` : ""}`;
    return el("td", { class: level, "data-label": `Graph ${column + 1}` }, el("a", { href: toPair(architecture.name, graphs[row][0], names[0]), title: words },
      el("b", { "aria-hidden": "true" }, LETTERS[level]), el("span", { class: "hidden" }, words), el("span", { class: "codes", "aria-hidden": "true" }, codes.slice(0, some).join(" ") + (codes.length > some ? ` +${codes.length - some}` : ""))));
  });
  const table = el("table", { class: "matrix", "aria-label": "Answers about each two graphs" },
    el("thead", null, el("tr", null, el("th", { scope: "col" }, "Graph"), graphs.map((names, index) => el("th", { scope: "col", title: names[0] }, el("span", null, String(index + 1)))))),
    el("tbody", null, graphs.map((names, row) => el("tr", null, el("th", { scope: "row", title: names[0] }, `${row + 1} `, entryName(names[0])), cells(row)))));
  return ofArchitecture(architecture, el("h3", null, "Each two graphs"), table);
}

/** Entries as rows, measurements as columns. */
function sideBySide(architecture) {
  const entries = list(architecture.entries);
  if (!entries.length) return null;
  const has = (key) => entries.some((entry) => list(entry[key]).length || list(entry.failed).includes({ latency: "latency", top1: "accuracy", top5: "accuracy" }[key]));
  const columns = [{ name: "Entry" }, { name: "Weights" }, { name: "Graph", number: true }, { name: "Input" }, { name: "Parameters", number: true }, { name: "MACs", number: true }, { name: "Layers c/n/l", number: true }];
  const measured = [["latency", "Latency"], ["top1", "Top-1"], ["top5", "Top-5"]].filter(([key]) => has(key));
  measured.forEach(([, name]) => columns.push({ name, number: true }));
  const kinds = { latency: "latency", top1: "accuracy", top5: "accuracy" };
  const rows = entries.map((entry) => [
    [entryName(entry.name), list(entry.remarks).map((text) => el("div", { class: "inside" }, text))],
    weightsWord(entry), entry.graph === undefined ? "–" : String(entry.graph + 1), entry.input?.text || "–",
    counted(entry.parameters), counted(entry.macs), counted(entry.layers),
    ...measured.map(([key]) => (list(entry.failed).includes(kinds[key]) && !list(entry[key]).length ? el("span", { class: "failed" }, "failed") : measuredCell(entry[key]))),
  ]);
  return ofArchitecture(architecture, el("h3", null, "Entries side by side"), dataTable({ label: "Entries side by side", columns, rows }));
}

const intervalRows = (entries, key, unit) => entries.flatMap((entry) => list(entry[key]).map((each) => ({
  name: entry.name, ...each, hollow: entry.untrained, words: `${entry.name}: ${each.text}`,
})));

function latencyChart(architecture) {
  const rows = intervalRows(list(architecture.entries), "latency");
  return rows.length < 1 ? null : ofArchitecture(architecture, intervals({
    title: "Latency", caption: "Milliseconds per batch: a dot is the median, the line its interval, ticks are the medians of rounds. Hollow: weights that were not trained.",
    name: `latency-${architecture.name}`, rows, label: "milliseconds",
  }));
}

function accuracyChart(architecture) {
  const rows = intervalRows(list(architecture.entries), "top1");
  return rows.length < 1 ? null : ofArchitecture(architecture, intervals({
    title: "Measured top-1", caption: "Percent of the images, with intervals.", name: `top1-${architecture.name}`, rows, label: "top-1, %",
  }));
}

/** On which share of the images each two entries give the same answer. */
function agreement(architecture) {
  const pairs = list(architecture.rows).filter((row) => row.same_answer !== undefined);
  if (!pairs.length) return null;
  const images = (row) => row.contingency.reduce((sum, each) => sum + each, 0);
  const heading = [el("h3", null, "Who gives the same answers"), el("p", { class: "small quiet" },
    "Percent of the images, of those that both saw, to which both entries give the same class, right or wrong. Two networks that are equally accurate may still answer differently.")];
  const best = new Map(pairs.flatMap((row) => [[row.high, parseFloat(row.values[0])], [row.low, parseFloat(row.values[1])]]));
  const names = [...best.keys()].sort((a, b) => best.get(b) - best.get(a));
  const link = (row, text) => el("a", { href: toPair(architecture.name, row.high, row.low) }, text);
  if (names.length > MOST_IN_MATRIX) {
    const least = [...pairs].sort((a, b) => a.same_answer / images(a) - b.same_answer / images(b)).slice(0, 20);
    const columns = [{ name: "Pair" }, { name: "Same answer", number: true }, { name: "Images", number: true }];
    return ofArchitecture(architecture, heading, el("p", { class: "small" }, `The ${least.length} pairs of ${pairs.length} that agree least:`),
      dataTable({ label: "Pairs that agree least", columns, rows: least.map((row) => [link(row, [entryName(row.high), el("br"), entryName(row.low)]), percent(row.same_answer, images(row)), images(row).toLocaleString("en")]) }));
  }
  const cell = (first, second, column) => {
    if (first === second) return el("td", { class: "none" }, el("span", { class: "hidden" }, "itself"));
    const row = pairs.find((each) => (each.high === first && each.low === second) || (each.high === second && each.low === first));
    if (!row) return el("td", { class: "unknown", "data-label": String(column + 1) }, el("span", { class: "hidden" }, "not compared"));
    const share = percent(row.same_answer, images(row));
    return el("td", { class: "share", "data-label": String(column + 1) }, link(row, [share.replace(" %", ""), el("span", { class: "hidden" }, ` percent of ${images(row)} images: ${first} and ${second}`)]));
  };
  return ofArchitecture(architecture, heading, el("table", { class: "matrix", "aria-label": "Same answers of each two entries, percent" },
    el("thead", null, el("tr", null, el("th", { scope: "col" }, "Entry"), names.map((name, index) => el("th", { scope: "col", title: name }, el("span", null, String(index + 1)))))),
    el("tbody", null, names.map((name, index) => el("tr", null, el("th", { scope: "row", title: name }, `${index + 1} `, entryName(name)), names.map((each, column) => cell(name, each, column)))))));
}

const MOST_IN_MATRIX = 12;

function claimsChart(architecture) {
  const claims = list(architecture.claims);
  return claims.length < 2 ? null : ofArchitecture(architecture, strip({
    title: "Claimed top-1", caption: "Percent, by zoo. Filled: compared in this study. A cross is a number that the catalogue doubts.",
    name: `claims-${architecture.name}`, claims,
  }));
}

function claimsTable(architecture) {
  const claims = list(architecture.claims);
  if (!claims.length) return null;
  const sorted = [...claims].sort((a, b) => b.top1 - a.top1);
  const source = (claim) => (claim.source ? (claim.source.url ? el("a", { href: claim.source.url, rel: "noopener noreferrer", title: claim.source.detail }, breakable(claim.source.text)) : claim.source.text) : "not given");
  const rows = sorted.map((claim) => [entryName(claim.label), claim.top1.toFixed(2), source(claim),
    [claim.compared ? "compared in this study" : null, claim.copied ? el("div", null, "copied by the zoo from elsewhere") : null, doubt(claim.doubtful)]]);
  const table = dataTable({ label: "Claims with sources", columns: [{ name: "Claim" }, { name: "Top-1, %", number: true }, { name: "Source", class: "source" }, { name: "Remarks", class: "wide" }], rows });
  const count = plural(claims.length, "claim");
  return ofArchitecture(architecture, claims.length > 8 ? el("details", null, el("summary", null, `${count} with sources`), table) : [el("h3", null, `${count} with sources`), table]);
}

function rankedRows(architecture) {
  const rows = list(architecture.rows);
  if (!rows.length) return null;
  const explained = rows.slice(0, 40).some((row) => row.doubtful || list(row.why).length);
  const cells = rows.slice(0, 40).map((row) => [
    el("a", { href: toPair(architecture.name, row.high, row.low) }, entryName(row.high), el("br"), entryName(row.low)),
    METRICS[row.metric], [row.values[0], el("br"), row.values[1]], [el("b", null, row.difference), row.interval ? [el("br"), row.interval] : null],
    row.verdict, ...(explained ? [[doubt(row.doubtful), reasons(row, 3)]] : []),
  ]);
  const columns = [{ name: "Pair, higher or slower first" }, { name: "Compared in" }, { name: "Values", number: true }, { name: "Difference", number: true }, { name: "Verdict" }, ...(explained ? [{ name: "Why", class: "why" }] : [])];
  return ofArchitecture(architecture, el("h3", null, "Pairs"), dataTable({ label: "Pairs of this architecture", columns, rows: cells }),
    rows.length > 40 ? el("p", null, el("a", { href: `#/pairs?filter=${encodeURIComponent(architecture.name)}` }, `All ${rows.length} pairs`)) : null);
}

/** Counts in which entries differ: a letter names each distinct value. */
function propertiesTable(architecture) {
  const properties = list(architecture.properties);
  if (!properties.length) return null;
  const columns = [{ name: "Entry" }, ...properties.map((each) => ({ name: each.name }))];
  const rows = list(architecture.columns).map((name, index) => [entryName(name), ...properties.map((each) => {
    const [text, letter, differs] = each.values[index];
    return [differs ? el("mark", null, text) : text, letter ? el("span", { class: "letter" }, letter) : null];
  })]);
  return ofArchitecture(architecture, el("h3", null, "Counts in which they differ"),
    el("p", { class: "small quiet" }, "A letter names each distinct value; marked cells differ from the commonest, or from each other where none is commonest."),
    architecture.because ? el("p", { class: "small" }, architecture.because) : null,
    dataTable({ label: "Counts in which entries differ", columns, rows }));
}
