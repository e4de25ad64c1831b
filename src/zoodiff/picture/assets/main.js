// The tools above the graphs, the keyboard and the pointer.

const search = element("input", "search");
const zoomShown = element("button", "", "100 %");
const searchShown = element("span", "matches");
let matches = [];                 // rows

function isMatching(number) {
  const { row } = items[number];
  return matches.length > 0 && row !== undefined && matches.includes(row);
}

// Rows whose names, operators or codes hold all words.
function find() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  matches = words.length ? data.rows.map((_, row) => row).filter((row) => holds(row, words)) : [];
  searchShown.textContent = words.length ? `${matches.length} of ${data.rows.length}` : "";
  later();
}

function holds(row, words) {
  const sides = [layerOf(row, 0), layerOf(row, 1)].filter(Boolean);
  const text = [...sides.flatMap((s) => [s.name, s.op, s.summary]), ...codesOf(row)].join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}

// The first of some rows behind (or before) the selected item, round the end.
function step(rows, forward) {
  if (!rows.length) return;
  const item = items[selected];
  const at = item ? positionOf(item, forward) : -1;
  const order = forward ? rows : rows.slice().reverse();
  reveal(order.find((row) => (forward ? row > at : row < at)) ?? order[0]);
}

function positionOf(item, forward) {
  if (item.mark) return forward ? item.before - 1 : item.before;
  if (!item.block) return item.row;
  return forward ? item.block.first - 1 : item.block.last + 1;
}

const differences = data.interesting.length
  ? data.interesting : data.rows.map((_, row) => row).filter((row) => data.rows[row].l !== "equal");

function toggle(number, open) {
  const { block } = items[number] || {};
  if (!block || block.open === open) return;
  block.open = open ?? !block.open;
  arrange();
  redraw();
  select(number);
}

function foldAll(open) {
  blocks.forEach((block) => { block.open = open; });
  selected = -1;
  arrange();
  redraw();
}

function activate(number) {
  if (number < 0) return;
  if (items[number].block) toggle(number);
  else if (!items[number].mark) showDetails(items[number].row);
}

const ACTIONS = {
  ArrowDown: () => select(selected + 1),
  ArrowUp: () => select(selected - 1),
  ArrowRight: () => (items[selected]?.block ? toggle(selected, true) : view.scrollBy(60, 0)),
  ArrowLeft: () => (items[selected]?.block?.open ? toggle(selected, false) : toParent()),
  Home: () => select(0),
  End: () => select(items.length - 1),
  PageDown: () => select(selected + Math.floor(view.clientHeight / size.height)),
  PageUp: () => select(selected - Math.floor(view.clientHeight / size.height)),
  Enter: () => activate(selected),
  " ": () => activate(selected),
  n: () => step(differences, true),
  p: () => step(differences, false),
  "/": () => search.focus(),
  "+": () => setZoom(zoom * 1.25),
  "=": () => setZoom(zoom * 1.25),
  "-": () => setZoom(zoom / 1.25),
  0: () => setZoom(1),
  Escape: () => showHint(),
};

// To the heading of the block that holds the selected item.
function toParent() {
  if (selected < 0) return;
  let at = selected - 1;
  while (at > 0 && items[at].depth >= items[selected].depth) at -= 1;
  if (items[at]?.block?.open) select(at);
}

function listen() {
  view.addEventListener("scroll", later, { passive: true });
  view.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in ACTIONS)) return;
    event.preventDefault();
    ACTIONS[event.key]();
  });
  view.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    setZoom(zoom * (event.deltaY < 0 ? 1.1 : 1 / 1.1));
  }, { passive: false });
  new ResizeObserver(() => { if (view.clientWidth) redraw(); }).observe(view);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { whole = null; later(); });
  listenToPointer();
  listenToOverview();
  document.querySelectorAll("a[data-row]").forEach((link) => link.addEventListener("click", (event) => {
    event.preventDefault();
    document.getElementById("graph").scrollIntoView();
    reveal(Number(link.dataset.row));
    view.focus({ preventScroll: true });
  }));
}

// A click chooses; pulling moves the sheet. Fingers scroll as everywhere.
function listenToPointer() {
  let start = null, moved = false;
  view.addEventListener("pointerdown", (event) => {
    moved = false;
    if (event.pointerType !== "mouse" || event.button !== 0) return;
    start = { x: event.clientX, y: event.clientY, left: view.scrollLeft, top: view.scrollTop };
  });
  view.addEventListener("pointermove", (event) => {
    if (!start) return;
    const [x, y] = [event.clientX - start.x, event.clientY - start.y];
    if (!moved && Math.abs(x) + Math.abs(y) < 5) return;
    if (!moved) view.setPointerCapture(event.pointerId);
    moved = true;
    view.classList.add("pulled");
    view.scrollTo(start.left - x, start.top - y);
  });
  const end = () => { start = null; view.classList.remove("pulled"); };
  view.addEventListener("pointerup", end);
  view.addEventListener("pointercancel", end);
  view.addEventListener("click", (event) => {
    const row = event.target.closest(".item");
    if (moved || !row) return;
    const number = Number(row.dataset.item);
    select(number);
    activate(number);
  });
}

function listenToOverview() {
  const go = (event) => {
    view.scrollTop = (event.offsetY / overviewLine()) * size.height - view.clientHeight / 2;
  };
  overview.addEventListener("pointerdown", (event) => { overview.setPointerCapture(event.pointerId); go(event); });
  overview.addEventListener("pointermove", (event) => { if (event.buttons) go(event); });
}

function button(text, label, act) {
  const control = typeof text === "string" ? element("button", "", text) : text;
  control.type = "button";
  control.setAttribute("aria-label", label);
  control.title = label;
  control.addEventListener("click", act);
  return control;
}

function tools() {
  const bar = element("div", "tools");
  bar.setAttribute("role", "toolbar");
  bar.setAttribute("aria-label", "Tools of the graphs");
  search.type = "search";
  search.placeholder = "Search layers and codes";
  search.setAttribute("aria-label", "Search layers, operators and codes");
  search.addEventListener("input", find);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") step(matches, !event.shiftKey);
    if (event.key === "Escape") view.focus();
  });
  searchShown.setAttribute("role", "status");
  const group = (...children) => { const box = element("div", "group"); box.append(...children); return box; };
  bar.append(
    group(search, searchShown),
    group(
      button("◂ Difference", "Previous difference (p)", () => step(differences, false)),
      button("Difference ▸", "Next difference (n)", () => step(differences, true))),
    group(
      button("Fold all", "Fold all blocks", () => foldAll(false)),
      button("Unfold all", "Unfold all blocks", () => foldAll(true))),
    group(
      button("−", "Smaller (−)", () => setZoom(zoom / 1.25)),
      button(zoomShown, "100 %, full size (0)", () => setZoom(1)),
      button("+", "Larger (+)", () => setZoom(zoom * 1.25))));
  return bar;
}

function titles() {
  const bar = element("div", "titles");
  data.names.forEach((name, side) => {
    const title = element("div", side ? "second" : "first");
    title.title = name;
    title.append(element("span", "side", "AB"[side]), nameElement(name));
    bar.append(title);
  });
  return bar;
}

function start() {
  const app = document.getElementById("app");
  const body = element("div", "body");
  const graph = element("div", "graph");
  sheet.append(...drawings);
  view.append(sheet);
  graph.append(titles(), view, overview);
  body.append(graph, panel);
  app.append(tools(), body);
  app.hidden = false;
  document.documentElement.classList.add("script");
  showHint();
  arrange();
  redraw();
  listen();
  const first = data.interesting[0] ?? data.parting;
  if (first !== undefined && first !== null) {
    selected = itemOf[first];
    view.scrollTop = Math.max(0, (itemOf[first] - 3) * size.height);
    view.setAttribute("aria-activedescendant", `item-${selected}`);
    draw();
  }
}

start();
