// Scrolling, zooming, and drawing what is near the screen.

const view = element("div", "view");
view.tabIndex = 0;
view.setAttribute("role", "treegrid");
view.setAttribute("aria-label", "Layers of both networks, aligned");
view.setAttribute("aria-colcount", 3);
const sheet = element("div", "sheet");
sheet.setAttribute("role", "rowgroup");
const drawings = [0, 1].map(() => edgeDrawing());
const overview = element("canvas", "overview");
overview.setAttribute("aria-hidden", "true");

const SPARE = 6;                  // items drawn beyond the screen
const drawn = new Map();          // number of an item -> its element
let zoom = 1;
let selected = -1;                // an item
let size = null;                  // see measure()
let waiting = false;
let whole = null;                 // the overview without the part on the screen

function edgeDrawing() {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "edges");
  svg.setAttribute("aria-hidden", "true");
  ["line", "line marked"].forEach((name) => {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("class", name);
    svg.append(path);
  });
  return svg;
}

// Widths and heights in pixels, for the present zoom and width of the window.
function measure() {
  const width = Math.max(view.clientWidth, Math.round(view.clientWidth * Math.max(zoom, 1)));
  const narrow = view.clientWidth < 560;
  const height = Math.max(4, Math.round(FULL_HEIGHT * zoom));
  const step = Math.min(8, (narrow ? 16 : 96) / Math.max(lanesNeeded(), 1));
  const lanes = Math.round(12 + step * lanesNeeded());
  const middle = narrow ? 58 : 84;
  const box = (width - 2 * lanes - middle) / 2;
  const rail = narrow ? 7 : 14;
  size = {
    width, height, step, lanes, middle, inset: Math.max(0.5, 3 * zoom),
    outer: [lanes, width - lanes], rail: [lanes + rail, lanes + box + middle + rail],
  };
  const outer = view.parentElement.style;
  outer.setProperty("--height", `${height}px`);
  outer.setProperty("--lanes", `${lanes}px`);
  outer.setProperty("--middle", `${middle}px`);
  outer.setProperty("--zoom", zoom);
  outer.setProperty("--content", `${items.length * height + 4}px`);
  view.classList.toggle("small", zoom < 0.7);
  view.classList.toggle("tiny", zoom < 0.4);
  sheet.style.width = `${width}px`;
  sheet.style.height = `${items.length * height}px`;
}

// Everything anew: after folding, zooming, and changes of the window.
function redraw() {
  drawn.forEach((row) => row.remove());
  drawn.clear();
  arrangeEdges();
  measure();
  whole = null;
  view.setAttribute("aria-rowcount", items.length);
  draw();
}

function later() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; draw(); });
}

function draw() {
  const first = Math.max(0, Math.floor(view.scrollTop / size.height) - SPARE);
  const last = Math.min(items.length - 1, Math.ceil((view.scrollTop + view.clientHeight) / size.height) + SPARE);
  drawn.forEach((row, number) => {
    if (number < first || number > last) { row.remove(); drawn.delete(number); }
  });
  // In the order of reading: what comes above stands above.
  const above = document.createDocumentFragment(), below = document.createDocumentFragment();
  const top = Math.min(...drawn.keys());
  for (let number = first; number <= last; number += 1) {
    if (!drawn.has(number)) {
      const row = itemElement(number, size);
      drawn.set(number, row);
      (number < top ? above : below).append(row);
    }
    const mark = number === selected;
    drawn.get(number).classList.toggle("selected", mark);
    drawn.get(number).setAttribute("aria-selected", mark);
    drawn.get(number).classList.toggle("matching", isMatching(number));
  }
  sheet.insertBefore(above, sheet.querySelector(".item"));
  sheet.append(below);
  drawEdges(first, last);
  drawOverview();
}

function drawEdges(first, last) {
  drawings.forEach((svg, side) => {
    svg.style.top = `${first * size.height}px`;
    svg.setAttribute("width", size.width);
    svg.setAttribute("height", (last - first + 1) * size.height);
    paths(side, first, last, selected, size).forEach((path, k) => svg.children[k].setAttribute("d", path));
  });
}

// All items as thin lines, drawn once per arrangement, with the part that is on the screen.
function drawOverview() {
  const scale = window.devicePixelRatio || 1;
  const [width, height] = [overview.clientWidth, overview.clientHeight];
  if (!width || !height) return;
  if (overview.width !== Math.round(width * scale) || overview.height !== Math.round(height * scale)) {
    [overview.width, overview.height] = [Math.round(width * scale), Math.round(height * scale)];
    whole = null;
  }
  whole = whole || allItems(width, height, scale);
  const pen = overview.getContext("2d");
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, overview.width, overview.height);
  pen.drawImage(whole, 0, 0);
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  const per = overviewLine() / size.height;
  pen.strokeStyle = colour("--ink");
  pen.lineWidth = 1.5;
  pen.strokeRect(1, view.scrollTop * per + 1, width - 2, Math.max(6, view.clientHeight * per - 2));
}

function overviewLine() {
  return Math.min(6, overview.clientHeight / items.length);
}

function colour(name) {
  return getComputedStyle(view).getPropertyValue(name);
}

function allItems(width, height, scale) {
  const sheetOf = document.createElement("canvas");
  [sheetOf.width, sheetOf.height] = [overview.width, overview.height];
  const pen = sheetOf.getContext("2d");
  pen.scale(scale, scale);
  const line = overviewLine();
  RANK.slice().reverse().forEach((level) => {
    pen.fillStyle = colour(`--${level}`);
    pen.globalAlpha = level === "equal" ? 0.25 : 1;
    items.forEach((item, k) => {
      if (item.level !== level || item.mark || (item.block && item.block.open)) return;
      pen.fillRect(6, k * line, width - 12, Math.max(1, line * 0.75));
    });
  });
  pen.globalAlpha = 1;
  pen.fillStyle = colour("--cause");
  items.forEach((item, k) => { if (item.mark) pen.fillRect(0, (k + 0.5) * line, width, 2); });
  return sheetOf;
}

function scrollToItem(number, middle) {
  const top = number * size.height;
  const hidden = top < view.scrollTop || top + size.height > view.scrollTop + view.clientHeight;
  if (!hidden && !middle) return;
  view.scrollTop = top - (middle || hidden ? (view.clientHeight - size.height) / 2 : 0);
}

function select(number, middle = false) {
  selected = Math.max(0, Math.min(items.length - 1, number));
  scrollToItem(selected, middle);
  draw();
  view.setAttribute("aria-activedescendant", `item-${selected}`);
}

// Show a row, whatever hides it, with its details.
function reveal(row) {
  if (uncover(row)) { arrange(); redraw(); }
  select(itemOf[row], true);
  showDetails(row);
}

function setZoom(wanted) {
  const middle = (view.scrollTop + view.clientHeight / 2) / size.height;
  zoom = Math.max(0.15, Math.min(2, wanted));
  redraw();
  view.scrollTop = middle * size.height - view.clientHeight / 2;
  zoomShown.textContent = `${Math.round(zoom * 100)} %`;
  zoomShown.setAttribute("aria-label", `${zoomShown.textContent}, full size (0)`);
}
