// Charts by Observable Plot. Colours are written as numbers, so that a saved chart keeps them.
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const SANS = "system-ui, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif";

/** A chart with its caption and buttons that save it. `draw(width)` returns options of Plot. */
function chart({ title, caption, name, draw, height, onChoice }) {
  const place = el("div", { class: "chart-place" });
  const figure = el("figure", { class: "figure", "aria-label": title });
  place.style.minHeight = `${height}px`;
  const tools = el("div", { class: "save" },
    button("SVG", () => saveSvg(place, name), `Save the chart “${title}” as SVG`),
    button("PNG", () => savePng(place, name), `Save the chart “${title}” as PNG`));
  figure.append(el("figcaption", null, el("b", null, title), caption ? ` ${caption}` : null), place, tools);
  figure.redraw = () => {
    const width = Math.max(280, Math.round(figure.clientWidth || 640));
    const svg = Plot.plot({
      className: "zd-plot", width, height, marginLeft: 48, ...draw(width),
      style: { background: "transparent", color: colour("ink"), fontFamily: SANS, fontSize: "12px", overflow: "visible" },
    });
    // Plot names its groups, which have no role; the whole chart is one picture with a text.
    svg.querySelectorAll("g[aria-label]").forEach((group) => {
      group.dataset.mark = group.getAttribute("aria-label");
      group.removeAttribute("aria-label");
    });
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", caption ? `${title}. ${caption}` : title);
    if (onChoice) svg.addEventListener("click", () => svg.value && onChoice(svg.value));
    place.replaceChildren(svg);
  };
  return figure;
}

/** Draw the charts inside an element, which is on the page. */
function drawCharts(inside) {
  inside.querySelectorAll("figure.figure").forEach((figure) => figure.redraw && figure.redraw());
}

/** The chart as the text of an SVG file. */
function svgText(place) {
  const svg = place.querySelector("svg").cloneNode(true);
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  svg.setAttribute("color", colour("ink"));
  svg.setAttribute("font-family", SANS);
  svg.setAttribute("font-size", "12");
  svg.removeAttribute("style");
  svg.querySelectorAll('[aria-label="tip"], [data-mark="tip"]').forEach((tip) => tip.remove());
  const back = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const [key, value] of [["width", "100%"], ["height", "100%"], ["fill", colour("paper")]]) back.setAttribute(key, value);
  svg.prepend(back);
  return new XMLSerializer().serializeToString(svg);
}

const saveSvg = (place, name) => save(new Blob([svgText(place)], { type: "image/svg+xml" }), `${name}.svg`);

function savePng(place, name) {
  const svg = place.querySelector("svg");
  const image = new Image();
  image.onload = () => {
    const canvas = document.createElement("canvas");
    canvas.width = 2 * svg.clientWidth;
    canvas.height = 2 * svg.clientHeight;
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => save(blob, `${name}.png`), "image/png");
  };
  image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(svgText(place));
}

/** Offer a file to be saved; its name has harmless characters only. */
function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name.replace(/[^\w.-]+/g, "_");
  document.documentElement.dataset.saved = `${link.download} ${blob.type} ${blob.size}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** Accuracy over a cost, with the Pareto front as steps. */
function tradeoff(cost) {
  const AXES = { macs: "MACs, billions", latency: "latency, ms", size: "size, MB" };
  const points = list(DATA.points).filter((point) => point[cost] > 0);
  const better = (a, b) => a[cost] - b[cost] || b.top1 - a.top1;
  // The front of accuracy and this cost; measured and claimed accuracies are of other images.
  const front = (measured) => points.filter((p) => Boolean(p.measured) === measured).sort(better)
    .reduce((best, p) => (best.length && p.top1 <= best.at(-1).top1 ? best : [...best, p]), []);
  const onFront = [...front(true), ...front(false)];
  const about = (p) => `${p.name}\n${p.top1.toFixed(2)} % (${p.measured ? "measured" : "claim"})\n${AXES[cost]}: ${p[cost].toPrecision(3)}`;
  const shape = (measured, symbol) => Plot.dot(points.filter((p) => Boolean(p.measured) === measured), {
    x: cost, y: "top1", symbol, r: 4, stroke: (p) => colour(onFront.includes(p) ? "accent" : "quiet"),
    fill: (p) => colour(onFront.includes(p) ? "accent" : "paper"), strokeWidth: 1.2,
  });
  const named = onFront.map((p) => p.name);
  return chart({
    title: `Top-1 accuracy over ${AXES[cost]}`,
    caption: `Filled: on the Pareto front of both (${named.slice(0, 6).join(", ")}${named.length > 6 ? ` and ${named.length - 6} more` : ""}). Squares were measured, circles are claims.`,
    name: `accuracy-${cost}`,
    height: 380,
    onChoice: (point) => BY_NAME.has(point.architecture) && (location.hash = toArchitecture(point.architecture)),
    draw: () => ({
      grid: true, marginBottom: 42,
      x: { type: "log", label: AXES[cost], ticks: 5, tickFormat: ",~g" },
      y: { label: "top-1, %", nice: true },
      symbol: { legend: false },
      marks: [
        ...[true, false].map((measured) => Plot.line(front(measured), { x: cost, y: "top1", curve: "step-after", stroke: colour("accent"), strokeWidth: 1.4 })),
        shape(false, "circle"), shape(true, "square"),
        Plot.tip(points, Plot.pointer({ x: cost, y: "top1", title: about, fill: colour("paper"), stroke: colour("line") })),
      ],
    }),
  });
}

/** One row per name: a dot on its interval, with samples as ticks behind it. */
function intervals({ title, caption, name, rows, label, zero }) {
  const short = (text, width) => (text.length > width ? `…${text.slice(1 - width)}` : text);
  return chart({
    title, caption, name,
    height: 46 + 30 * rows.length,
    draw: (width) => {
      const room = Math.min(260, Math.round(width * 0.42));
      const fits = Math.floor(room / 6.6);
      return {
        marginLeft: room, marginRight: 18, marginBottom: 34,
        x: { label, grid: true, nice: true, zero: Boolean(zero) },
        y: { label: null, domain: rows.map((row, index) => index), tickFormat: (index) => short(rows[index].name, fits), tickSize: 0 },
        marks: [
          zero ? Plot.ruleX([0], { stroke: colour("quiet") }) : null,
          Plot.tickX(rows.flatMap((row, index) => list(row.samples).map((value) => ({ value, index }))),
            { x: "value", y: "index", stroke: colour("bar"), strokeOpacity: 0.45, inset: 4 }),
          Plot.ruleY(rows.filter((row) => row.low !== undefined), { x1: "low", x2: "high", y: (row) => rows.indexOf(row), stroke: colour("ink"), strokeWidth: 2 }),
          Plot.dot(rows, {
            x: "value", y: (row) => rows.indexOf(row), r: 4.5, stroke: colour("accent"), strokeWidth: 1.6,
            fill: (row) => colour(row.hollow ? "paper" : "accent"),
            title: (row) => row.words,
          }),
        ].filter(Boolean),
      };
    },
  });
}

/** Claims as dots on one line per zoo. */
function strip({ title, caption, name, claims }) {
  const zoos = [...new Set(claims.map((claim) => claim.zoo))].sort();
  return chart({
    title, caption, name,
    height: 46 + 28 * zoos.length,
    draw: (width) => ({
      marginLeft: Math.min(130, Math.round(width * 0.3)), marginRight: 18, marginBottom: 34,
      x: { label: "top-1, %", grid: true, nice: true },
      y: { label: null, domain: zoos, tickSize: 0 },
      marks: [
        Plot.dot(claims, {
          x: "top1", y: "zoo", r: 5, strokeWidth: 1.5,
          symbol: (claim) => (claim.doubtful ? "times" : "circle"),
          stroke: (claim) => colour(claim.doubtful ? "warn" : claim.compared ? "accent" : "quiet"),
          fill: (claim) => (claim.doubtful ? "none" : colour(claim.compared ? "accent" : "paper")),
        }),
        Plot.tip(claims, Plot.pointer({
          x: "top1", y: "zoo", fill: colour("paper"), stroke: colour("line"),
          title: (claim) => `${claim.label}\n${claim.top1.toFixed(2)} %${claim.doubtful ? "\ndoubtful" : ""}`,
        })),
      ],
    }),
  });
}

/** The parts of a difference as bars from zero, with their intervals. */
function bars({ title, caption, name, parts, label }) {
  const indented = parts.map((part, index) => ({ ...part, index, words: "  ".repeat(Math.max(0, part.depth - 1)) + part.what + (part.code ? ` ${part.code}` : "") }));
  return chart({
    title, caption, name,
    height: 46 + 26 * parts.length,
    draw: (width) => {
      const room = Math.min(280, Math.round(width * 0.45));
      const fits = Math.floor(room / 6.6);
      return {
        marginLeft: room, marginRight: 18, marginBottom: 34,
        x: { label, grid: true, nice: true },
        y: { label: null, domain: indented.map((part) => part.index), tickFormat: (index) => indented[index].words.slice(0, fits), tickSize: 0 },
        marks: [
          Plot.barX(indented, { x: "value", y: "index", inset: 4, fill: (part) => colour(part.low * part.high > 0 ? "bar" : "noise") }),
          Plot.ruleY(indented, { x1: "low", x2: "high", y: "index", stroke: colour("ink"), strokeWidth: 1.4 }),
          Plot.ruleX([0], { stroke: colour("quiet") }),
        ],
      };
    },
  });
}

/** Factors of a ratio as bars from 1, on a logarithmic axis, with their intervals. */
function factorBars({ title, caption, name, rows }) {
  const words = rows.map((row) => `${row.what} ${row.code}`.trim());
  return chart({
    title, caption, name,
    height: 50 + 28 * rows.length,
    draw: (width) => {
      const room = Math.min(220, Math.round(width * 0.42));
      const ends = rows.flatMap((row) => [row.low, row.high, row.value, 1]).filter((value) => value > 0);
      return {
        marginLeft: room, marginRight: 22, marginBottom: 34,
        x: { type: "log", domain: [Math.min(...ends) * 0.97, Math.max(...ends) * 1.03], label: "times as long", grid: true, ticks: width < 500 ? 3 : 5, tickFormat: ".3~g" },
        y: { label: null, domain: rows.map((row, index) => index), tickFormat: (index) => words[index].slice(0, Math.floor(room / 6.6)), tickSize: 0 },
        marks: [
          Plot.barX(rows, { x1: 1, x2: "value", y: (row) => rows.indexOf(row), insetTop: 4, insetBottom: 4, fill: (row) => colour(row.low > 1 || row.high < 1 ? "bar" : "noise") }),
          Plot.ruleY(rows, { x1: "low", x2: "high", y: (row) => rows.indexOf(row), stroke: colour("ink"), strokeWidth: 1.4 }),
          Plot.ruleX([1], { stroke: colour("quiet") }),
        ],
      };
    },
  });
}
