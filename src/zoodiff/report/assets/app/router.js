// Which view is shown follows from the address.
const APP = document.getElementById("app");
const VIEWS = [...document.querySelectorAll(".view")];
const TITLE = document.title;

/** The head of a view that the script draws. */
const viewHead = (title, lead, after) => el("header", { class: "view-head" }, el("h2", { tabindex: "-1" }, title, after ? " " : null, after), lead ? el("p", { class: "lead" }, lead) : null);

const DRAWN = {
  architectures: (parts, asked) => architecturesView(asked),
  architecture: ([name]) => architectureView(name),
  pairs: (parts, asked) => pairsView(asked),
  pair: ([name, a, b]) => pairView(name, a, b),
  entries: (parts, asked) => entriesView(asked),
};

function show(view) {
  VIEWS.forEach((each) => each.classList.toggle("current", each === view));
  document.documentElement.classList.remove("routed");
  const here = view === APP ? `#/${location.hash.slice(2).split(/[/?]/)[0]}` : `#${view.id}`;
  const of = { "#/architecture": "#/architectures", "#/pair": "#/pairs" }[here] || here;
  document.querySelectorAll("nav a").forEach((link) => {
    if (link.getAttribute("href") === of) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  });
  if (view !== APP) APP.replaceChildren();
  drawCharts(view);
}

function decoded(part) {
  try { return decodeURIComponent(part); } catch { return part; }
}

/** Show what the address names; `moved` is false on the first call. */
function follow(moved) {
  const hash = location.hash;
  // Links of earlier reports: #sort=latency&order=desc
  const old = /^#(sort|filter)=/.test(hash) ? `#/entries?${hash.slice(1)}` : hash;
  if (old.startsWith("#/")) {
    const [path, query] = old.slice(2).split("?");
    const [kind, ...parts] = path.split("/").map(decoded);
    const draw = Object.hasOwn(DRAWN, kind) ? DRAWN[kind] : null;
    if (draw) {
      APP.replaceChildren(...[draw(parts, new URLSearchParams(query || ""))].flat(Infinity).filter(Boolean));
      show(APP);
      const head = APP.querySelector("h2");
      document.title = `${head.textContent} · ${TITLE}`;
      if (moved) { window.scrollTo(0, 0); head.focus({ preventScroll: true }); }
      return;
    }
  }
  const table = new URLSearchParams(hash.slice(1)).get("table");
  const target = document.getElementById(table || decoded(hash.slice(1)));
  const view = target?.closest(".view") || document.getElementById("overview");
  show(view);
  document.title = TITLE;
  if (!moved && !target) return;
  if (target && target !== view) target.scrollIntoView();
  else window.scrollTo(0, 0);
  if (moved) {
    const head = target && target !== view ? target : view.querySelector("h2");
    if (head && !head.hasAttribute("tabindex")) head.setAttribute("tabindex", "-1");
    head?.focus({ preventScroll: true });
  }
}
