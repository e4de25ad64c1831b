from __future__ import annotations

import pytest

from zoodiff.report.words.links import source

COMMIT = "8fb87713a24951e639c494b0f2a8a81b5f8e33a6"
ROOT = "https://github.com/pytorch/vision"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (f"pytorch/vision docs/models.rst@{COMMIT}", f"{ROOT}/blob/{COMMIT}/docs/models.rst"),
        (f"pytorch/vision:docs/models.rst@{COMMIT}", f"{ROOT}/blob/{COMMIT}/docs/models.rst"),
        (f"pytorch/vision@{COMMIT} docs/models.rst", f"{ROOT}/blob/{COMMIT}/docs/models.rst"),
        (f"pytorch/vision@{COMMIT}", f"{ROOT}/tree/{COMMIT}"),
        (
            f"pytorch/vision torchvision/models (wheel 0.28.0 meta + transforms())@{COMMIT}",
            f"{ROOT}/tree/{COMMIT}/torchvision/models",
        ),
        (f"pytorch/vision a page and another@{COMMIT}", f"{ROOT}/tree/{COMMIT}"),
        ("https://keras.io/api/applications/", "https://keras.io/api/applications/"),
        ("the zoo's page, read in 2021", None),
        ("javascript:alert(1)", None),
        (f"pytorch/vision ../../x@{COMMIT}", f"{ROOT}/tree/{COMMIT}"),
    ],
)
def test_a_source_links_to_its_commit_where_it_names_one(text: str, url: str | None) -> None:
    found = source(text)
    assert found is not None
    assert found.url == url


def test_no_source_is_none() -> None:
    assert source(None) is None
    assert source("  ") is None
