// The elements of the items; only those near the screen exist.

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function cell(className, ...children) {
  const gridCell = element("div", className);
  gridCell.setAttribute("role", "gridcell");
  gridCell.append(...children);
  return gridCell;
}

function itemElement(number, size) {
  const item = items[number];
  const row = element("div", `item ${item.level}`);
  row.id = `item-${number}`;
  row.dataset.item = number;
  row.setAttribute("role", "row");
  row.setAttribute("aria-rowindex", number + 1);
  row.setAttribute("aria-level", item.depth + 1);
  row.style.top = `${number * size.height}px`;
  if (item.mark) markCell(row, item);
  else if (item.block) blockCells(row, item);
  else layerCells(row, item.row);
  return row;
}

function markCell(row, item) {
  row.classList.add("mark");
  const only = cell("across", element("span", "", item.mark));
  only.setAttribute("aria-colspan", 3);
  row.append(only);
}

function layerCells(row, index) {
  const placed = data.rows[index];
  row.classList.add("layer");
  if (placed.k) row.classList.add("end");
  row.append(layerCell(index, 0), middleCell(index), layerCell(index, 1));
}

function layerCell(index, side) {
  const layer = layerOf(index, side);
  if (!layer) return cell(`side-${side} gap`, gapBox(index));
  const box = element("div", "box");
  const upper = element("div", "upper");
  upper.append(element("b", "", layer.op), " ", element("span", "settings", layer.summary));
  const lower = element("div", "lower");
  lower.append(nameElement(layer.name), element("span", "shape", layer.shape));
  box.append(upper, lower);
  return cell(`side-${side}`, box);
}

// A name that does not fit loses its beginning, which its neighbours share.
function nameElement(name) {
  const outer = element("span", "name");
  const inner = element("bdi", "", name);
  inner.dir = "ltr";
  outer.append(inner);
  return outer;
}

function gapBox(index) {
  const elsewhere = data.rows[index].e;
  const text = elsewhere === undefined ? "no counterpart" : "counterpart in another row";
  return element("div", "box", text);
}

// The sign, the code, and how far the outputs are apart.
function middleCell(index) {
  const placed = data.rows[index];
  const sign = element("span", "sign", SIGN[placed.l]);
  sign.setAttribute("aria-hidden", "true");
  const codes = codesOf(index);
  const parts = [sign, element("span", "hidden", WORDS[placed.l])];
  if (codes.length) parts.push(codeElement(codes));
  else if (placed.l === "weights") parts.push(element("span", "code", "weights"));
  if (placed.d !== undefined && (placed.d > 0 || typeof placed.d === "string")) {
    parts.push(element("span", placed.d > data.limit ? "apart far" : "apart", short(placed.d)));
  }
  return cell("middle", ...parts);
}

function codeElement(codes) {
  const label = element("span", "code", codes[0]);
  if (codes.length > 1) label.append(element("span", "more", ` +${codes.length - 1}`));
  return label;
}

// Codes of a row's findings, the most important first.
function codesOf(index) {
  const numbers = [...(data.rows[index].f || [])].sort((x, y) => x - y);
  return [...new Set(numbers.map((k) => data.findings[k].code))];
}

function short(value) {
  return typeof value === "string" ? value : value >= 0.01 ? value.toPrecision(2) : value.toExponential(0);
}

function blockCells(row, item) {
  const { block } = item;
  row.classList.add("block");
  row.classList.toggle("open", block.open);
  row.setAttribute("aria-expanded", block.open);
  const sign = element("span", "sign", block.open ? "" : SIGN[item.level]);
  sign.setAttribute("aria-hidden", "true");
  const middle = [sign];
  if (!block.open) middle.push(element("span", "code", differing(block)));
  row.append(blockCell(block, 0), cell("middle", ...middle), blockCell(block, 1));
}

function differing(block) {
  const all = block.last - block.first + 1;
  const equal = block.counts.equal || 0;
  return equal === all ? "equal" : `${all - equal} of ${all}`;
}

function blockCell(block, side) {
  const count = layersIn(block, side);
  const box = element("div", "box");
  const label = nameElement(block.labels[side] || firstName(block, side));
  label.className = "label";
  const arrow = element("span", "arrow", block.open ? "▾" : "▸");
  arrow.setAttribute("aria-hidden", "true");
  box.append(arrow, label, element("span", "count", `${count} layer${count === 1 ? "" : "s"}`));
  return cell(`side-${side}${count ? "" : " gap"}`, box);
}

function layersIn(block, side) {
  let count = 0;
  for (let row = block.first; row <= block.last; row += 1) count += "ab"[side] in data.rows[row];
  return count;
}

function firstName(block, side) {
  for (let row = block.first; row <= block.last; row += 1) {
    const layer = layerOf(row, side);
    if (layer) return `${layer.name} …`;
  }
  return "no counterpart";
}
