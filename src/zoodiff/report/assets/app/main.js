// The chart of accuracy over cost, with a choice of the cost.
document.querySelectorAll('[data-chart="tradeoff"]').forEach((place) => {
  const names = { latency: "latency", macs: "MACs", size: "size" };
  const count = (cost) => list(DATA.points).filter((point) => point[cost] > 0).length;
  // The cost that is known of most networks comes first.
  const known = Object.keys(names).filter((cost) => count(cost) > 1).sort((a, b) => count(b) - count(a));
  const shown = el("div");
  const draw = (cost) => { shown.replaceChildren(tradeoff(cost)); drawCharts(shown); };
  const buttons = known.map((cost) => {
    const each = button(names[cost], () => {
      buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === each)));
      draw(cost);
    }, `Accuracy over ${names[cost]}`);
    each.setAttribute("aria-pressed", String(cost === known[0]));
    return each;
  });
  if (known.length > 1) place.append(el("div", { class: "choices", role: "group", "aria-label": "Cost" }, "Over ", buttons));
  place.append(shown);
  if (known.length) shown.replaceChildren(tradeoff(known[0]));
});

window.addEventListener("hashchange", () => follow(true));
// A new width or colour scheme draws the charts again, once it has settled.
let waiting = 0;
const again = () => { clearTimeout(waiting); waiting = setTimeout(() => drawCharts(document.querySelector(".view.current")), 150); };
window.addEventListener("resize", again);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
follow(false);
