// Edges between items: a rail to the next item, and lanes beside the boxes for the rest. The lanes
// were chosen for all rows; folding moves rows together, so they stay apart.

let visibleEdges = [null, null];

function arrangeEdges() {
  visibleEdges = [0, 1].map((side) => edgesOf(side));
}

function edgesOf(side) {
  const { rails, lanes } = data.edges[side];
  const below = nextOccupied(side);
  const straight = new Map();
  const curved = new Map();
  const join = (upper, lower) => straight.set(upper * items.length + lower, [upper, lower]);
  rails.forEach(([upper, lower]) => {
    if (itemOf[upper] !== itemOf[lower]) join(itemOf[upper], itemOf[lower]);
  });
  lanes.forEach(([sourceRow, lane, readers]) => {
    const source = itemOf[sourceRow];
    const ends = new Set(readers.map((row) => itemOf[row]));
    ends.delete(source);
    if (ends.delete(below[source])) join(source, below[source]);
    if (!ends.size) return;
    const key = `${lane} ${source}`;
    const known = curved.get(key) || { lane, source, readers: new Set() };
    ends.forEach((end) => known.readers.add(end));
    curved.set(key, known);
  });
  return { straight: [...straight.values()], curved: inLanes([...curved.values()]) };
}

// For each item the next one in which the network has something.
function nextOccupied(side) {
  const below = new Int32Array(items.length).fill(-1);
  let next = -1;
  for (let k = items.length - 1; k >= 0; k -= 1) {
    below[k] = next;
    if (occupied(items[k], side)) next = k;
  }
  return below;
}

// Lanes numbered without gaps.
function inLanes(curved) {
  const used = [...new Set(curved.map((edge) => edge.lane))].sort((x, y) => x - y);
  const rank = new Map(used.map((lane, k) => [lane, k]));
  return curved.map((edge) => {
    const readers = [...edge.readers].sort((x, y) => x - y);
    return { lane: rank.get(edge.lane), source: edge.source, readers, last: readers[readers.length - 1] };
  });
}

function lanesNeeded() {
  return Math.max(0, ...visibleEdges.flatMap((side) => side.curved.map((edge) => edge.lane + 1)));
}

// The paths of one side between two items, as the attribute `d`; `chosen` is the selected item.
function paths(side, first, last, chosen, size) {
  const plain = [], marked = [];
  const { straight, curved } = visibleEdges[side];
  const inside = (upper, lower) => lower >= first && upper <= last;
  const top = (k) => (k - first) * size.height;
  straight.forEach(([upper, lower]) => {
    if (!inside(upper, lower)) return;
    const line = `M${size.rail[side]} ${top(upper) + size.height - size.inset}V${top(lower) + size.inset}`;
    (upper === chosen || lower === chosen ? marked : plain).push(line);
  });
  curved.forEach((edge) => {
    if (!inside(edge.source, edge.last)) return;
    const touches = edge.source === chosen || edge.readers.includes(chosen);
    (touches ? marked : plain).push(bus(edge, side, top, size));
  });
  return [plain.join(""), marked.join("")];
}

// One lane: out of its source, down, and into every reader.
function bus(edge, side, top, size) {
  const away = side ? 1 : -1;
  const x = size.outer[side] + away * (8 + edge.lane * size.step);
  const r = Math.min(5, size.height / 5);
  const start = top(edge.source) + size.height * 0.68;
  let path = `M${size.outer[side]} ${start}H${x - away * r}Q${x} ${start} ${x} ${start + r}`;
  path += `V${top(edge.last) + size.height * 0.32 - r}`;
  edge.readers.forEach((reader) => {
    const end = top(reader) + size.height * 0.32;
    path += `M${x} ${end - r}Q${x} ${end} ${x - away * r} ${end}H${size.outer[side]}`;
  });
  return path;
}
