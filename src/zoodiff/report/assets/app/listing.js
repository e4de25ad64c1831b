// Long tables: a filter, a sort order, and rows that are drawn in pieces.
const PIECE = 60;

/** A table of `items` with a filter and sortable columns. `asked` are the parameters of the address.
    A column has name, key, cell(item), and value(item) to sort by. */
function listing({ id, label, noun, items, columns, search, asked, more }) {
  const texts = new Map();
  const textOf = (item) => {
    if (!texts.has(item)) texts.set(item, search(item).toLowerCase());
    return texts.get(item);
  };
  const state = {
    sort: columns.some((column) => column.key === asked.get("sort")) ? asked.get("sort") : "",
    order: asked.get("order") === "desc" ? "desc" : "asc",
    filter: asked.get("filter") || "", shown: PIECE,
  };
  const filter = el("input", { id: `${id}-filter`, type: "search", placeholder: `Filter ${noun}`, autocomplete: "off", spellcheck: "false", value: state.filter });
  const count = el("span", { class: "quiet small", role: "status" });
  const further = button("Show more", () => { state.shown += 5 * PIECE; draw(); });
  const body = el("tbody");
  const heads = columns.map((column) => el("th", { scope: "col", class: column.number ? "number" : column.class, "data-sort": column.key }, column.value
    ? button(column.name, () => {
      state.order = state.sort === column.key && state.order === "asc" ? "desc" : "asc";
      state.sort = column.key;
      draw(); remember();
    }) : column.name));
  const table = el("table", { class: `cards listing ${id}`, "aria-label": label }, el("thead", null, el("tr", null, heads)), body);

  function chosen() {
    const words = state.filter.toLowerCase().split(/\s+/).filter(Boolean);
    const kept = words.length ? items.filter((item) => words.every((word) => textOf(item).includes(word))) : items;
    const column = columns.find((each) => each.key === state.sort);
    if (!column) return kept;
    const sign = state.order === "desc" ? -1 : 1;
    const decorated = kept.map((item, index) => ({ item, index, value: column.value(item) ?? null }));
    decorated.sort((a, b) => {
      // What was not measured comes last in either direction.
      if (a.value === null || b.value === null) return (a.value === null) - (b.value === null) || a.index - b.index;
      const by = typeof a.value === "number" ? a.value - b.value : a.value.localeCompare(b.value, "en", { numeric: true });
      return sign * by || a.index - b.index;
    });
    return decorated.map((each) => each.item);
  }

  function draw() {
    const rows = chosen();
    const some = rows.slice(0, state.shown);
    body.replaceChildren(...some.map((item) => tableRow(columns, columns.map((column) => column.cell(item)))));
    heads.forEach((head) => {
      if (head.dataset.sort !== state.sort) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", state.order === "desc" ? "descending" : "ascending");
    });
    count.textContent = `${some.length.toLocaleString("en")} of ${items.length.toLocaleString("en")} ${noun}${rows.length > some.length ? `, ${rows.length.toLocaleString("en")} match` : ""}`;
    further.hidden = rows.length <= some.length;
  }

  function remember() {
    const parts = [...asked].filter(([key]) => !["sort", "order", "filter"].includes(key));
    if (state.sort) parts.push(["sort", state.sort]);
    if (state.sort && state.order === "desc") parts.push(["order", "desc"]);
    if (state.filter) parts.push(["filter", state.filter]);
    const query = new URLSearchParams(parts).toString();
    try {
      history.replaceState(null, "", `#/${id}${query ? `?${query}` : ""}`);
    } catch { /* a page without an address has nothing to remember */ }
  }

  filter.addEventListener("input", () => { state.filter = filter.value.trim(); state.shown = PIECE; draw(); remember(); });
  draw();
  const tools = el("div", { class: "tools" }, el("label", { for: `${id}-filter` }, "Filter"), filter, count, more || null);
  return [tools, table, el("p", null, further)];
}

/** A cell of counts, with its number in words. */
const counted = (cell) => (cell ? el("span", { title: cell.exact }, cell.text) : "–");
const first = (values) => list(values)[0];
/** "94.11 [92.26, 95.54] %" as a number with its unit, and its interval below it. */
const inTwo = (text) => {
  const parts = text.match(/^(.*?) (\[.*\])(.*)$/);
  return parts ? [parts[1] + parts[3], el("small", null, parts[2])] : text;
};
const measuredCell = (values) => (list(values).length ? list(values).map((each) => el("div", { title: each.exact }, inTwo(each.text), list(each.doubts).length ? el("span", { class: "flag", title: each.doubts.join("; ") }, " ?") : null)) : "–");
const weightsWord = (entry) => (entry.untrained
  ? el("span", { class: "weights unpublished", title: "not trained: what it answers means nothing" }, `${entry.weights} †`)
  : entry.weights);

/** All entries. */
function entriesView(asked) {
  const items = ARCHITECTURES.flatMap((architecture) => list(architecture.entries).map((entry) => ({ architecture, entry })));
  const failed = (entry, kind) => (list(entry.failed).includes(kind) ? el("span", { class: "failed" }, "failed") : "–");
  const or = (cell, entry, kind) => (cell === "–" ? failed(entry, kind) : cell);
  return [viewHead("Entries", plural(items.length, "entry with one set of weights", "entries, each a model of a zoo with one set of weights")),
    listing({
      id: "entries", label: "All entries", noun: "entries", items, asked,
      search: ({ architecture, entry }) => `${architecture.name} ${entry.name} ${entry.weights} ${entry.input?.text || ""}`,
      columns: [
        { name: "Entry", key: "entry", value: (i) => i.entry.name, cell: (i) => [entryName(i.entry.name), list(i.entry.remarks).map((text) => el("div", { class: "inside" }, text))] },
        { name: "Architecture", key: "architecture", value: (i) => i.architecture.name, cell: (i) => el("a", { href: toArchitecture(i.architecture.name) }, breakable(i.architecture.name)) },
        { name: "Weights", key: "weights", value: (i) => i.entry.weights, cell: (i) => weightsWord(i.entry) },
        { name: "Input", key: "input", value: (i) => i.entry.input?.text, cell: (i) => i.entry.input?.text || "–" },
        { name: "Parameters", key: "parameters", number: true, value: (i) => i.entry.parameters?.sort, cell: (i) => counted(i.entry.parameters) },
        { name: "MACs", key: "macs", number: true, value: (i) => i.entry.macs?.sort, cell: (i) => counted(i.entry.macs) },
        { name: "Layers c/n/l", key: "layers", number: true, value: (i) => i.entry.layers?.sort, cell: (i) => counted(i.entry.layers) },
        { name: "Latency", key: "latency", number: true, value: (i) => first(i.entry.latency)?.value, cell: (i) => or(measuredCell(i.entry.latency), i.entry, "latency") },
        { name: "Top-1", key: "top1", number: true, value: (i) => first(i.entry.top1)?.value, cell: (i) => or(measuredCell(i.entry.top1), i.entry, "accuracy") },
        { name: "Top-5", key: "top5", number: true, value: (i) => first(i.entry.top5)?.value, cell: (i) => or(measuredCell(i.entry.top5), i.entry, "accuracy") },
      ],
    })];
}

const METRICS = { claimed_top1: "claimed accuracy", measured_top1: "measured accuracy", latency: "latency" };
const OF_ANCHOR = { claimed: "claimed_top1", accuracy: "measured_top1", latency: "latency" };

/** All pairs of the rankings and of distinct graphs. */
function pairsView(asked) {
  const only = OF_ANCHOR[asked.get("metric")];
  const rows = ARCHITECTURES.flatMap((architecture) => list(architecture.rows).map((row) => ({ architecture, row, first: row.high, second: row.low })));
  rows.sort((a, b) => a.row.metric.localeCompare(b.row.metric) || a.row.rank - b.row.rank);
  const graphs = ARCHITECTURES.flatMap((architecture) => list(architecture.differences).map((difference) =>
    ({ architecture, difference, first: difference.entries[0], second: difference.entries[1] })));
  const items = only ? rows.filter((item) => item.row.metric === only) : [...graphs, ...rows];
  const kind = (item) => (item.row ? METRICS[item.row.metric] : "network");
  const codes = (item) => (item.row ? list(item.row.why).map(([code]) => code) : [...new Set(list(item.difference.findings).map((f) => f.code))]);
  const links = only ? el("a", { href: "#/pairs" }, "All kinds") : null;
  return [viewHead("Pairs", only ? `Every pair of entries compared in ${METRICS[only]}, the largest difference first.` : "Every pair of distinct graphs, and every pair of the three rankings."),
    listing({
      id: "pairs", label: "All pairs", noun: "pairs", items, asked, more: links,
      search: (item) => `${item.architecture.name} ${item.first} ${item.second} ${kind(item)} ${codes(item).join(" ")} ${item.row ? item.row.verdict : WORDS[item.difference.level]} ${item.row?.doubtful ? "doubtful" : ""}`,
      columns: [
        { name: "Pair", key: "pair", value: (i) => i.first, cell: (i) => el("a", { href: toPair(i.architecture.name, i.first, i.second) }, entryName(i.first), el("br"), entryName(i.second)) },
        { name: "Architecture", key: "architecture", value: (i) => i.architecture.name, cell: (i) => el("a", { href: toArchitecture(i.architecture.name) }, breakable(i.architecture.name)) },
        { name: "Compared in", key: "kind", value: kind, cell: kind },
        { name: "Difference", key: "difference", class: "wide", value: (i) => (i.row ? i.row.numbers?.[0] ?? parseFloat(i.row.difference) : null), cell: (i) => (i.row ? [el("b", null, i.row.difference), ` ${i.row.interval || ""}`] : chip(i.difference.level)) },
        { name: "Verdict", key: "verdict", value: (i) => (i.row ? i.row.verdict : i.difference.answer), cell: (i) => [i.row ? i.row.verdict : i.difference.answer, i.row?.doubtful ? el("span", { class: "flag", title: i.row.doubtful }, " doubtful") : null] },
        { name: "Why", key: "why", class: "wide", cell: (i) => codes(i).slice(0, 8).map((code) => [codeLink(code), " "]) },
      ],
    })];
}

/** All architectures. */
function architecturesView(asked) {
  const largest = (architecture, metric) => list(architecture.rows).find((row) => row.metric === metric && !row.doubtful) || null;
  const cell = (architecture, metric) => {
    const row = largest(architecture, metric);
    return row ? el("a", { href: toPair(architecture.name, row.high, row.low), title: row.verdict }, row.difference) : "–";
  };
  const value = (metric) => (architecture) => { const row = largest(architecture, metric); return row ? row.numbers?.[0] ?? parseFloat(row.difference) : null; };
  const columns = [
    { name: "Name", key: "name", value: (a) => a.name, cell: (a) => el("a", { href: toArchitecture(a.name) }, breakable(a.name)) },
    { name: "Answer", key: "answer", value: (a) => (a.level ? ORDER.indexOf(a.level) : null), cell: (a) => (a.level ? chip(a.level) : "–") },
    { name: "Entries", key: "entries", number: true, value: (a) => list(a.entries).length, cell: (a) => String(list(a.entries).length) },
    { name: "Graphs", key: "graphs", number: true, value: (a) => list(a.graphs).length || null, cell: (a) => String(list(a.graphs).length || "–") },
  ];
  for (const [metric, name] of [["claimed_top1", "Claims differ by"], ["measured_top1", "Accuracy differs by"], ["latency", "Latency differs by"]]) {
    if (ARCHITECTURES.some((a) => list(a.rows).some((row) => row.metric === metric))) {
      columns.push({ name, key: metric, number: true, value: value(metric), cell: (a) => cell(a, metric) });
    }
  }
  return [viewHead("Architectures", "Names whose entries are compared with each other; the largest differences that nothing speaks against."),
    listing({
      id: "architectures", label: "All architectures", noun: "architectures", items: ARCHITECTURES, columns, asked,
      search: (a) => `${a.name} ${a.level ? WORDS[a.level] : ""} ${list(a.entries).map((entry) => entry.name).join(" ")}`,
    })];
}
