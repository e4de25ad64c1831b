// The view of two entries: the answer, what it rests on, and what was measured of both.
function pairView(name, a, b) {
  const architecture = BY_NAME.get(name);
  if (!architecture || !a || !b) return [viewHead("Not in this report", "There is no such pair.")];
  const answer = answerOf(architecture, a, b);
  const known = [evidence(architecture, a, b, answer), findings(answer)].filter(Boolean);
  const picture = pictureSection(a, b, answer);
  const heading = el("span", { class: "pair" }, el("span", { class: "of" }, side("A"), entryName(a)), " ", el("span", { class: "of" }, side("B"), entryName(b)));
  return [
    viewHead(heading, null), el("p", { class: "around" }, el("a", { href: toArchitecture(name) }, `All of ${name}`)),
    el("p", { class: `verdict-line ${answer.level}` }, chip(answer.level), answer.difference ? `: ${answer.difference.answer}` : null),
    el("div", { class: "columns" }, picture ? [el("div", null, ...known), picture] : known),
    accuracySection(architecture, a, b), latencySection(architecture, a, b), claimsSection(architecture, a, b),
  ];
}

const side = (letter) => el("span", { class: "side" }, letter);
const facts = (pairs) => el("dl", { class: "method" }, pairs.filter(Boolean).flatMap(([what, how]) => [el("dt", null, what), el("dd", null, how)]));

/** What the answer rests on. */
function evidence(architecture, a, b, { level, difference, turned, known }) {
  const entries = [entryOf(architecture, a), entryOf(architecture, b)];
  const prints = difference ? [...list(difference.fingerprints)] : entries.map((entry) => entry?.fingerprint);
  if (turned) prints.reverse();
  const short = (print) => (print ? print.slice(0, 16) : "not computed");
  const compared = difference && (difference.entries[turned ? 1 : 0] !== a || difference.entries[turned ? 0 : 1] !== b);
  const rows = [
    difference ? ["Function", difference.sentence] : level === "same" ? ["Graphs", "Both have one graph: their fingerprints are equal."]
      : ["Graphs", known ? "Their graphs were not compared." : "One of the two was not described, so their graphs were not compared."],
    compared ? ["Compared by", [entryName(difference.entries[turned ? 1 : 0]), " and ", entryName(difference.entries[turned ? 0 : 1]), ", which have the same graphs"]] : null,
    prints.some(Boolean) ? ["Fingerprints", [el("code", { class: "hash" }, short(prints[0])), " and ", el("code", { class: "hash" }, short(prints[1]))]] : null,
    difference && difference.structures?.[0] && difference.structures[0] === difference.structures[1] ? ["Structure", "The structures of both graphs are equal, as those of a network and its export."] : null,
    ["Proof", "A study compares graphs and runs nothing for it. This command loads the weights, transfers them along the alignment, runs both networks, and draws the picture of the difference:"],
  ];
  return el("section", { class: "block" }, el("h3", null, "What the answer rests on"), facts(rows), command(`zoodiff diff ${quoted(a)} ${quoted(b)} --html diff.html`));
}

/** The findings with their places. */
function findings({ difference, turned }) {
  const rows = list(difference?.findings);
  if (!rows.length) return null;
  const item = (finding) => {
    const [left, right] = turned ? [finding.right, finding.left] : [finding.left, finding.right];
    const known = RULES[finding.code];
    return el("li", { class: finding.effect ? "other" : "same" },
      el("p", null, el("span", { class: "sign", "aria-hidden": "true" }, finding.effect ? "●" : "○"), " ", codeLink(finding.code), " ", el("b", null, finding.name), " ",
        el("span", { class: "quiet" }, finding.effect ? "changes the function, or may" : "changes no function")),
      el("p", null, side("A"), " ", breakable(left), " ", side("B"), " ", breakable(right)),
      el("p", { class: "quiet" }, breakable(finding.places)),
      known ? el("details", null, el("summary", null, "What it means"), el("p", null, known.cause, " ", known.consequence)) : null);
  };
  return el("section", { class: "block" }, el("h3", null, plural(rows.length + (difference.more || 0), "finding")), el("ul", { class: "findings" }, rows.map(item)),
    difference.more ? el("p", { class: "quiet" }, `${difference.more} more are in discrepancies.json.`) : null);
}

/** Both networks side by side, as an image: nothing in it can act on the page. */
function pictureSection(a, b, { difference, turned }) {
  const svg = pictureOf(difference);
  if (!svg) return null;
  const [first, second] = difference.entries;
  const image = el("img", { alt: `${first} on the left and ${second} on the right, aligned; the list of findings says where they differ.`, width: size(svg, "width"), height: size(svg, "height") });
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  const same = turned ? second === a && first === b : first === a && second === b;
  return el("section", { class: "block" }, el("h3", null, "The picture"),
    el("figure", { class: "figure picture", "aria-label": "The picture of the pair" },
      el("figcaption", null, "Both networks from their inputs to their outputs, with aligned layers side by side and equal stretches folded. ",
        same && !turned ? null : ["Here A is ", entryName(first), " and B is ", entryName(second), ". "],
        "Drawn from the graphs that the study compared; nothing was run for it.", DATA.drawn_by ? ` zoodiff ${DATA.drawn_by} drew it; the findings are those of zoodiff ${DATA.zoodiff}.` : null),
      image,
      el("div", { class: "save" }, button("SVG", () => save(new Blob([svg], { type: "image/svg+xml" }), `${first}-${second}.svg`), "Save the picture as SVG"),
        difference.page ? el("a", { href: difference.page }, "The whole picture, with every layer") : null)));
}

/** The width or height of a drawing. */
const size = (svg, name) => (svg.match(new RegExp(`<svg[^>]* ${name}="([0-9.]+)"`)) || [])[1];

/** A ranking's row in words. */
function rowFacts(row) {
  return facts([
    ["Values", [entryName(row.high), ` ${row.values[0]}`, el("br"), entryName(row.low), ` ${row.values[1]}`]],
    ["Difference", [el("b", null, row.difference), row.interval ? ` ${row.interval}` : null]],
    ["Verdict", row.verdict],
    row.doubtful ? ["Doubt", doubt(row.doubtful)] : null,
    list(row.why).length ? ["Why", reasons(row, 20)] : null,
    row.note ? ["Note", row.note] : null,
  ]);
}

/** On how many images both gave the same answer. */
function agreed(row) {
  if (row.same_answer === undefined) return null;
  const images = row.contingency.reduce((sum, each) => sum + each, 0);
  return el("p", { class: "small" }, "The same answer, right or wrong, on ", el("b", null, row.same_answer.toLocaleString("en")), ` of ${images.toLocaleString("en")} images (${percent(row.same_answer, images)}).`);
}

const percent = (part, whole) => `${(100 * part / whole).toFixed(part === whole || 100 * part / whole < 99.95 ? 1 : 2)} %`;

/** The images on which the two disagree, with both answers. */
function disagreed(row) {
  const images = list(row.disagreements);
  if (!images.length) return null;
  const answer = (text, right) => (right ? el("div", null, el("b", null, breakable(text)), " ", el("span", { class: "quiet" }, "right")) : breakable(text));
  const named = (each) => {
    const address = thumbnailOf(each.thumbnail);
    if (!address) return each.image;
    const small = el("img", { class: "thumbnail", alt: `The image ${each.image}`, width: "96", height: "96" });
    small.src = address;
    return [small, el("span", null, breakable(each.image))];
  };
  const rows = images.map((each) => [named(each), breakable(each.label), answer(each.high, each.right === "high"), answer(each.low, each.right === "low")]);
  const columns = [{ name: "Image" }, { name: "Its class" }, { name: row.high }, { name: row.low }];
  const all = row.contingency.reduce((sum, each) => sum + each, 0) - (row.same_answer ?? 0);
  return [el("h4", null, "Images on which they disagree"),
    el("p", { class: "small quiet" }, `${images.length === all ? "All" : "Some"} of them: first those that one of the two names correctly, the surest answers first. With each class its probability.`),
    DATA.no_thumbnails ? el("p", { class: "small" }, `The images are not shown: ${DATA.no_thumbnails}.`) : null,
    dataTable({ label: "Images on which they disagree", columns, rows })];
}

/** McNemar's table: on how many images each was right. */
function contingency(row) {
  const [both, high, low, neither] = row.contingency;
  const number = (value) => value.toLocaleString("en");
  return el("table", { class: "contingency", "aria-label": "Images by which of the two is right" },
    el("thead", null, el("tr", null, el("td"), el("th", { scope: "col" }, entryName(row.low), " right"), el("th", { scope: "col" }, "wrong"))),
    el("tbody", null,
      el("tr", null, el("th", { scope: "row" }, entryName(row.high), " right"), el("td", { class: "number" }, number(both)), el("td", { class: "number strong" }, number(high))),
      el("tr", null, el("th", { scope: "row" }, "wrong"), el("td", { class: "number strong" }, number(low)), el("td", { class: "number" }, number(neither)))));
}

function accuracySection(architecture, a, b) {
  const rows = rowsOf(architecture, a, b, "measured_top1");
  const attributions = list(architecture.attributions).filter((each) => (isOf(each.first, a) && isOf(each.second, b)) || (isOf(each.first, b) && isOf(each.second, a)));
  if (!rows.length && !attributions.length) return null;
  return el("section", { class: "block" }, el("h3", null, "Measured accuracy"),
    el("div", { class: "columns" },
      rows.map((row) => el("div", null, rowFacts(row), row.contingency ? [contingency(row), agreed(row)] : null)),
      attributions.map((each) => el("div", null,
        list(each.parts).length ? bars({
          title: "Where the difference comes from", caption: `${each.first} minus ${each.second}: ${each.summary}. Lines that are set in add up to the line above them; grey: the interval includes 0.`,
          name: `parts-${each.first}-${each.second}`, parts: each.parts, label: "percentage points",
        }) : el("p", { class: "quiet" }, each.summary),
        el("ul", { class: "notes" }, list(each.sentences).map((sentence) => el("li", null, breakable(sentence))))))),
    rows.map(disagreed));
}

function latencySection(architecture, a, b) {
  const rows = rowsOf(architecture, a, b, "latency");
  if (!rows.length) return null;
  const measured = (row) => [row.high, row.low].map((name) => list(architecture.entries).find((entry) => entry.name === name)).filter(Boolean);
  const both = (row) => intervals({ title: "Latency of both", caption: "A dot is the median, the line its interval, ticks are the medians of rounds.", name: `latency-${row.high}-${row.low}`, rows: intervalRows(measured(row), "latency"), label: "milliseconds" });
  const noise = (row) => (row.noise_percent ? el("p", { class: "small quiet" }, `The noise of the run is ${row.noise_percent.toPrecision(2)} %: a difference up to it is not told apart from none.`) : null);
  return el("section", { class: "block" }, el("h3", null, "Latency"), rows.map((row) => {
    const factors = factorsOf(row);
    return el("div", { class: "columns" }, factors
      ? [el("div", null, rowFacts(row), noise(row), both(row)), factors]
      : [el("div", null, rowFacts(row), noise(row)), both(row)]);
  }));
}

const FACTORS = { framework: "framework", layers: "layers", inside: "processing inside" };

/** The factors of a latency ratio as bars, with what they rest on. */
function factorsOf(row) {
  const factors = list(row.factors);
  if (!factors.length || !row.numbers) return null;
  const whole = row.numbers.map((percent) => 1 + percent / 100);
  const rows = [["", "the whole ratio", ...whole], ...factors].map(([code, what, value, low, high]) => ({ code, what: FACTORS[what] || what, value, low, high }));
  return el("div", null, factorBars({
    title: "Where the ratio sits", name: `factors-${row.high}-${row.low}`, rows,
    caption: `Times as long as ${row.low} that ${row.high} takes, and the factors that multiply to it. Both networks were also timed in ONNX Runtime, in the same rounds: what differs there is due to their layers and to the pre/post-processing that one of them has inside, the rest to their frameworks. Grey: the interval includes 1.`,
  }),
  el("ul", { class: "notes" }, rows.slice(1).map((each) => el("li", null, codeLink(each.code), ` ${each.what}: ${each.value.toFixed(2)} [${each.low.toFixed(2)}, ${each.high.toFixed(2)}]`))),
  layersOf(row) || [el("p", { class: "small quiet" }, "This study times networks as a whole, not layer by layer (layers = true). This command does both:"), command(`zoodiff latency ${quoted(row.high)} ${quoted(row.low)} --why`)]);
}

/** The layers that differ most in latency, as bars and in numbers; null if they were not timed. */
function layersOf(row) {
  const layers = list(row.layers).map(([what, op, high, low, codes]) => ({ what, op, high, low, codes: list(codes), value: high - low }));
  if (row.no_layers) return el("p", { class: "small quiet" }, `The layers could not be timed one by one: ${row.no_layers}`);
  if (!layers.length) return null;
  const milliseconds = (value) => value.toPrecision(3);
  return [bars({
    title: "Where the layers differ", name: `layers-${row.high}-${row.low}`, label: "milliseconds that the first takes longer",
    caption: `Medians of layers in ONNX Runtime under its profiler: ${row.high} minus ${row.low}, the largest differences first. They have no intervals; single layers of few microseconds are noise, and what the medians do not add up to is in the list alone.`,
    parts: layers.filter((each) => !each.what.startsWith("noise:")).map((each) => ({ ...each, depth: 1, code: each.codes.join(", "), low: each.value, high: each.value })),
  }),
  el("ul", { class: "notes" }, layers.map((each) => el("li", null, breakable(each.what), each.op ? ` (${each.op})` : "", `: ${milliseconds(each.high)} | ${milliseconds(each.low)} ms `, each.codes.map((code) => [codeLink(code), " "]))))];
}

function claimsSection(architecture, a, b) {
  const rows = rowsOf(architecture, a, b, "claimed_top1");
  if (!rows.length) return null;
  const sources = list(architecture.claims).filter((claim) => rows.some((row) => row.high === claim.label || row.low === claim.label));
  return el("section", { class: "block" }, el("h3", null, "Claimed accuracy"), rows.map(rowFacts),
    el("ul", { class: "notes" }, sources.map((claim) => el("li", null, entryName(claim.label), ` ${claim.top1.toFixed(2)} %: `,
      claim.source?.url ? el("a", { href: claim.source.url, rel: "noopener noreferrer" }, breakable(claim.source.text)) : claim.source?.text || "source not given"))));
}
