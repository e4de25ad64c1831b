// What is on the screen, from the top: layers, and blocks that are folded or open.

const data = JSON.parse(document.getElementById("data").textContent);
const texts = data.texts;
const FULL_HEIGHT = 46;           // of an item at 100 %, in pixels
const RANK = ["cause", "may", "form", "weights", "none", "equal"];
const SIGN = { cause: "●", may: "◆", form: "▲", weights: "■", none: "○", equal: "=" };
const WORDS = {
  cause: "makes the functions differ", may: "may change the function",
  form: "changes precision, preprocessing or scale", weights: "weights differ",
  none: "without effect", equal: "equal",
};

// A block of the networks: the rows `first` to `last`, and the blocks inside.
const blocks = data.blocks.map(([first, last, depth, a, b, open]) => (
  { first, last, depth, labels: [a, b], open: Boolean(open), inner: [], counts: countLevels(first, last) }));
const outermost = nested(blocks);

function countLevels(first, last) {
  const counts = {};
  for (let row = first; row <= last; row += 1) {
    const level = data.rows[row].l;
    counts[level] = (counts[level] || 0) + 1;
  }
  return counts;
}

function nested(all) {
  const top = [], path = [];
  all.forEach((block) => {
    path.length = block.depth;
    (block.depth ? path[block.depth - 1].inner : top).push(block);
    path[block.depth] = block;
  });
  return top;
}

// The items in order; `itemOf[row]` is the item that shows a row, folded or not.
let items = [];
const itemOf = new Int32Array(data.rows.length);

function arrange() {
  items = [];
  place(outermost, 0, data.rows.length - 1, 0);
}

function place(inner, first, last, depth) {
  let row = first;
  inner.forEach((block) => {
    placeRows(row, block.first - 1, depth);
    const parts = block.first <= data.parting && data.parting <= block.last;
    if (parts && data.parting !== null && !block.open) placeMark(block.first, depth, "outputs begin to differ in this block");
    if (block.open) {
      items.push({ block, depth, level: strongest(block.counts) });
      place(block.inner, block.first, block.last, depth + 1);
    } else {
      itemOf.fill(items.length, block.first, block.last + 1);
      items.push({ block, depth, level: strongest(block.counts) });
    }
    row = block.last + 1;
  });
  placeRows(row, last, depth);
}

function placeRows(first, last, depth) {
  for (let row = first; row <= last; row += 1) {
    if (row === data.parting) placeMark(row, depth, "outputs differ from here on");
    itemOf[row] = items.length;
    items.push({ row, depth, level: data.rows[row].l });
  }
}

// The line from which on outputs differ.
function placeMark(before, depth, mark) {
  items.push({ mark, before, depth, level: "equal" });
}

function strongest(counts) {
  return RANK.find((level) => counts[level]) || "equal";
}

// Whether a network has anything in an item.
function occupied(item, side) {
  const key = "ab"[side];
  if (item.mark) return false;
  if (!item.block) return key in data.rows[item.row];
  if (item.block.open) return false;
  for (let row = item.block.first; row <= item.block.last; row += 1) {
    if (key in data.rows[row]) return true;
  }
  return false;
}

// Open every block that hides a row; returns whether one was folded.
function uncover(row) {
  const hiding = blocks.filter((b) => b.first <= row && row <= b.last && !b.open);
  hiding.forEach((block) => { block.open = true; });
  return hiding.length > 0;
}

// A layer's parts by name; texts are numbers in the data.
function layerOf(row, side) {
  const parts = data.rows[row]["ab"[side]];
  if (!parts) return null;
  const [name, op, summary, shape, macs, nodes, weights] = parts;
  return { name: texts[name], op: texts[op], summary: texts[summary], shape: texts[shape], macs, nodes, weights };
}
