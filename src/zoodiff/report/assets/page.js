"use strict";
// The page is whole without this: it adds sorting, filtering and folding to its tables.
(function () {
  // On paper everything is unfolded.
  let folded = [];
  window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach((d) => { d.open = true; });
  });
  window.addEventListener("afterprint", () => folded.forEach((d) => { d.open = false; }));
  document.querySelectorAll("table.sortable").forEach(enhance);

  function enhance(table) {
    const name = table.id.replace(/-table$/, "");
    const SHOWN = Number(table.dataset.shown) || Infinity;
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    const filter = document.getElementById(`${name}-filter`);
    const shown = document.getElementById(`${name}-shown`);
    const all = document.getElementById(`${name}-all`);
    const state = { sort: "", order: "asc", filter: "", all: rows.length <= SHOWN };
    const order = new Map(rows.map((row, index) => [row, index]));

    function value(row, column) {
      const cell = row.cells[column];
      if (!("value" in cell.dataset)) return cell.textContent.trim().toLowerCase();
      return cell.dataset.value === "" ? null : Number(cell.dataset.value);
    }

    function compare(a, b, column, sign) {
      const x = value(a, column), y = value(b, column);
      // What was not measured comes last in either direction.
      if (x === null || y === null) return (x === null) - (y === null) || order.get(a) - order.get(b);
      const by = typeof x === "number" ? x - y : x.localeCompare(y, "en", { numeric: true });
      return sign * by || order.get(a) - order.get(b);
    }

    function render() {
      const column = heads.findIndex((head) => head.dataset.sort === state.sort);
      const sign = state.order === "desc" ? -1 : 1;
      const sorted = column < 0 ? rows : [...rows].sort((a, b) => compare(a, b, column, sign));
      heads.forEach((head, index) => {
        if (index === column) head.setAttribute("aria-sort", sign < 0 ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
      });
      const words = state.filter.toLowerCase().split(/\s+/).filter(Boolean);
      let matching = 0;
      sorted.forEach((row) => {
        const text = row.textContent.toLowerCase();
        const matches = words.every((word) => text.includes(word));
        matching += matches;
        row.hidden = !matches;
        row.classList.toggle("folded", matches && !state.all && matching > SHOWN);
        body.append(row);
      });
      const visible = state.all ? matching : Math.min(matching, SHOWN);
      shown.textContent = `${visible} of ${rows.length} ${table.dataset.noun}`;
      all.hidden = matching <= SHOWN;
      all.textContent = state.all ? `Show ${SHOWN} only` : `Show all ${matching}`;
    }

    function remember() {
      const parts = name === "entries" ? [] : [`table=${name}`];
      const bare = parts.length;
      if (state.sort) parts.push(`sort=${state.sort}`);
      if (state.sort && state.order === "desc") parts.push("order=desc");
      if (state.filter) parts.push(`filter=${encodeURIComponent(state.filter)}`);
      try {
        history.replaceState(null, "", parts.length > bare ? `#${parts.join("&")}` : `#${name}`);
      } catch { /* a page without an address has nothing to remember */ }
    }

    function follow(first) {
      const asked = new URLSearchParams(location.hash.slice(1));
      const of_this = (asked.get("table") || "entries") === name;
      if (!of_this || (!asked.has("sort") && !asked.has("filter"))) return first && render();
      const sort = asked.get("sort") || "";
      state.sort = heads.some((head) => head.dataset.sort === sort) ? sort : "";
      state.order = asked.get("order") === "desc" ? "desc" : "asc";
      state.filter = asked.get("filter") || "";
      filter.value = state.filter;
      render();
      document.getElementById(name).scrollIntoView();
    }

    heads.forEach((head) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const again = state.sort === head.dataset.sort;
        state.order = again && state.order === "asc" ? "desc" : "asc";
        state.sort = head.dataset.sort;
        render();
        remember();
      });
    });
    filter.addEventListener("input", () => { state.filter = filter.value.trim(); render(); remember(); });
    all.addEventListener("click", () => { state.all = !state.all; render(); });
    window.addEventListener("hashchange", () => follow(false));
    document.getElementById(`${name}-tools`).hidden = false;
    follow(true);
  }
})();
