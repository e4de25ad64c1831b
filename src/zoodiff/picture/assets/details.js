// The panel with both layers of a row.

const panel = element("aside", "panel");
panel.setAttribute("aria-label", "Both layers");
panel.setAttribute("aria-live", "polite");
panel.tabIndex = -1;

const KEYS = [
  ["↑ ↓", "move"], ["← →", "fold, unfold"], ["Enter", "open both layers, or a block"],
  ["n, p", "next, previous difference"], ["/", "search"], ["+ − 0", "zoom"], ["Esc", "close"],
];

function showHint() {
  const list = element("dl", "keys");
  KEYS.forEach(([key, meaning]) => list.append(element("dt", "", key), element("dd", "", meaning)));
  panel.replaceChildren(
    element("p", "hint", "Choose a row to see both layers: settings, weights, costs, outputs."), list);
  panel.classList.remove("filled");
}

function showDetails(index) {
  const placed = data.rows[index];
  const close = element("button", "close", "Close");
  close.type = "button";
  close.addEventListener("click", () => { showHint(); view.focus(); });
  const title = element("h3", placed.l, `${SIGN[placed.l]} ${WORDS[placed.l]}`);
  const parts = [close, title, ...findingsOf(index), table(index), ...weightsOf(index)];
  if (placed.e !== undefined) parts.splice(2, 0, counterpart(placed.e));
  panel.replaceChildren(...parts);
  panel.classList.add("filled");
  panel.scrollTop = 0;
}

function counterpart(row) {
  const button = element("button", "", "Show the counterpart, in another row");
  button.type = "button";
  button.addEventListener("click", () => reveal(row));
  return button;
}

function findingsOf(index) {
  return (data.rows[index].f || []).map((k) => {
    const finding = data.findings[k];
    const paragraph = element("p", `finding ${finding.level}`);
    paragraph.append(element("b", "", `${finding.code} ${finding.name}`), ": ", finding.left, element("span", "bar", " | "), finding.right);
    return paragraph;
  });
}

// One table: what, in A, in B; lines that differ are marked.
function table(index) {
  const sides = [layerOf(index, 0), layerOf(index, 1)];
  const comparison = element("table", "compare");
  const head = comparison.createTHead().insertRow();
  ["", "A", "B"].forEach((text) => {
    const title = element(text ? "th" : "td", "", text);
    if (text) title.scope = "col";
    head.append(title);
  });
  const body = comparison.createTBody();
  const line = (name, values, marks = true) => addLine(body, name, values, marks);
  line("layer", sides.map((s) => s && s.name), false);
  line("operator", sides.map((s) => s && s.op));
  [...settings(sides)].forEach(([name, values]) => line(name, values));
  line("result", sides.map((s) => s && s.shape));
  line("multiply-accumulates", sides.map((s) => s && s.macs.toLocaleString("en")));
  [...weightLines(sides)].forEach(([name, values]) => line(name, values));
  const apart = data.rows[index].d;
  if (apart !== undefined) body.append(acrossLine("outputs apart by", outputs(apart)));
  return comparison;
}

function outputs(apart) {
  if (apart === 0) return "nothing";
  const far = typeof apart === "string" || apart > data.limit;
  return `${short(apart)} of their spread${far ? "" : ", which rounding explains"}`;
}

function addLine(body, name, values, marks) {
  if (values.every((value) => value === null || value === undefined || value === "")) return;
  const row = body.insertRow();
  const title = element("th", "", name);
  title.scope = "row";
  row.append(title, ...values.map((value) => element("td", "", value ?? "–")));
  if (marks && values[0] !== values[1]) row.className = "differs";
}

function acrossLine(name, text) {
  const row = element("tr");
  const title = element("th", "", name);
  title.scope = "row";
  const value = element("td", "", text);
  value.colSpan = 2;
  row.append(title, value);
  return row;
}

// Settings of the operators, by operator and name.
function settings(sides) {
  const lines = new Map();
  sides.forEach((side, number) => (side ? side.nodes : []).forEach(([, op, setting], k) => {
    const pairs = data.settings[setting];
    for (let at = 0; at < pairs.length; at += 2) {
      const name = k ? `${texts[op]}: ${texts[pairs[at]]}` : texts[pairs[at]];
      if (!lines.has(name)) lines.set(name, [null, null]);
      lines.get(name)[number] = texts[pairs[at + 1]];
    }
  }));
  return lines;
}

function weightLines(sides) {
  const lines = new Map();
  sides.forEach((side, number) => (side ? side.weights : []).forEach(([role, , shape, dtype]) => {
    let name = texts[role] || "weight";
    while (lines.has(name) && lines.get(name)[number] !== null) name += "′";
    if (!lines.has(name)) lines.set(name, [null, null]);
    lines.get(name)[number] = `${texts[shape]} ${texts[dtype]}`;
  }));
  return lines;
}

function weightsOf(index) {
  const { w: compared, r: related = [] } = data.rows[index];
  const parts = [];
  if (compared) {
    const by = typeof compared[1] === "number" && compared[1] > 0 ? `, by ${short(compared[1])} of the largest` : "";
    parts.push(element("p", "relation", `Weights: ${compared[0]}${by}.`));
  }
  related.forEach((k) => parts.push(element("p", "relation", data.relations[k])));
  [0, 1].forEach((side) => {
    const layer = layerOf(index, side);
    if (!layer || !layer.weights.length) return;
    const list = element("ul", "names");
    layer.weights.forEach(([, name, , , layout]) => list.append(
      element("li", "", texts[layout] ? `${texts[name]} (${texts[layout]})` : texts[name])));
    parts.push(element("h4", "", `Weights in ${"AB"[side]}`), list);
  });
  return parts;
}
