"""Measure the picture of a diff in Chromium: size, time until drawn, frames while panning.

    python benchmarks/picture.py [LAYERS] [--json FILE]

Two residual networks are compared, of which some convolutions differ; all blocks are unfolded. The
browser is driven over its DevTools pipe, with software rendering, at 1280 by 900 pixels.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from benchmarks.graphs import dilated, residual  # noqa: E402

from support import chromium  # noqa: E402
from zoodiff.architecture.diff import diff  # noqa: E402
from zoodiff.equivalence.evidence_lines import Evident, evidence_lines  # noqa: E402
from zoodiff.equivalence.unrun import NOTHING_COMPARED, from_graphs  # noqa: E402
from zoodiff.picture import Picture, Subject  # noqa: E402

_NODES_PER_LAYER = 7 / 5
"""Nodes of the networks per layer: a norm belongs to the convolution before it."""

_DRAWN = """new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() =>
  done(performance.now()))))"""
_UNFOLD = "document.querySelector('[aria-label=\"Unfold all blocks\"]').click()"
_PAN = """new Promise((done) => {
  const view = document.querySelector('.view');
  view.scrollTop = 0;
  const times = [];
  const start = performance.now();
  function frame(now) {
    times.push(now);
    view.scrollTop += %d;
    if (now - start < 4000) requestAnimationFrame(frame);
    else {
      const gaps = times.slice(1).map((t, k) => t - times[k]).sort((x, y) => x - y);
      done({ frames: 1000 * gaps.length / (times.at(-1) - times[0]), slowest: gaps.at(-1),
        p95: gaps[Math.floor(gaps.length * 0.95)],
        elements: document.querySelectorAll('.item').length });
    }
  }
  requestAnimationFrame(frame);
})"""
_ZOOM = """new Promise((done) => {
  const start = performance.now();
  document.querySelector('[aria-label^=Smaller]').click();
  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - start)));
})"""


def picture(layers: int) -> Picture:
    """The picture of two residual networks of about so many layers."""
    graph = residual(round(layers * _NODES_PER_LAYER))
    graphs = diff(graph, dilated(graph, 0.02), "benchmark A", "benchmark B")
    evident = Evident(from_graphs(graphs, NOTHING_COMPARED), graphs)
    return Picture(Subject(evident, evidence_lines(evident)))


def awaited(tab: chromium.Tab, expression: str) -> Any:
    """The value of a promise in the page."""
    answer = tab.call(
        "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
    )
    if "exceptionDetails" in answer:
        raise RuntimeError(str(answer["exceptionDetails"]))
    return answer["result"].get("value")


def measured(layers: int) -> dict[str, float]:
    """All numbers, by name."""
    drawing = picture(layers)
    start = time.perf_counter()
    html = drawing.to_html()
    made = time.perf_counter() - start
    executable = chromium.find()
    if executable is None:
        raise SystemExit(f"no Chromium under any name of {', '.join(chromium.NAMES)}")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "picture.html"
        page.write_text(html, encoding="utf-8")
        with chromium.Browser(executable, Path(folder) / "profile") as browser:
            tab = browser.open(page.as_uri())
            numbers = {
                "rows": tab.run(
                    "JSON.parse(document.getElementById('data').textContent).rows.length"
                ),
                "made, s": made,
                "page, MB": len(html.encode()) / 1e6,
                "drawn after opening, ms": awaited(tab, _DRAWN),
            }
            tab.run(_UNFOLD)
            for name, pixels in (("slow", 12), ("fast", 400)):
                pan = awaited(tab, _PAN % pixels)
                numbers[f"frames a second, {name}"] = pan["frames"]
                numbers[f"95 % of frames within, {name}, ms"] = pan["p95"]
                numbers[f"slowest frame, {name}, ms"] = pan["slowest"]
                numbers["elements of rows"] = pan["elements"]
            numbers["zoom, ms"] = awaited(tab, _ZOOM)
    return numbers


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("layers", nargs="?", type=int, default=3000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    numbers = measured(options.layers)
    for name, value in numbers.items():
        print(f"{name:36} {value:10.2f}")
    if options.json is not None:
        options.json.write_text(json.dumps(numbers, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
