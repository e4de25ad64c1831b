"""No hostile input makes the command's own process large, slow or silent.

The times depend on how busy the machine is, so a hang alone fails here; how long each takes is
printed by ``python benchmarks/hostile_parent.py``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from support.security import hostile_containers, hostile_folders, hostile_stores, hostile_texts
from support.security.hostile import TRICKS, Trick
from support.security.parent import opened

MODULES = (hostile_texts, hostile_containers, hostile_folders, hostile_stores)
MEGABYTES = 300
HANGS = 60.0
"""Seconds."""
OWN = [one for one in TRICKS.values() if one.place[0] in {m.__file__ for m in MODULES}]
"""Sound enough to be read, or with nothing in it that is read: the parent bears it."""
READ = {
    *("shard_of_labels_that_are_holes_in_the_file",),
    *("sidecar_that_is_a_pipe", "shard_with_labels_of_a_thousand_levels", "lease_that_is_a_pipe"),
    *("images_that_are_large_together", "folder_that_holds_a_link_to_the_root"),
    *("folder_that_holds_itself", "folders_that_are_deeper_than_a_path_may_be"),
    *("images_whose_names_are_no_text", "folder_that_is_called_like_an_image"),
    *("folder_of_a_hundred_thousand_files", "record_of_four_hundred_thousand_numbers"),
    *("manifest_that_names_a_record_a_hundred_thousand_times",),
    *("graphs_that_unpack_to_gigabytes", "graphs_of_fifty_thousand_nodes"),
    *("graphs_of_nine_thousand_nodes",),
    *("predictions_for_ten_million_images", "predictions_for_a_million_images"),
}


@pytest.mark.parametrize("trick", OWN, ids=[one.name for one in OWN])
def test_a_hostile_input_costs_the_parent_little(trick: Trick, tmp_path: Path) -> None:
    if "record_of" in trick.name and trick.opened == "images":
        pytest.importorskip("crc32c", reason="the tfrecord extra")
    (tmp_path / "files").mkdir()
    path = trick.write(tmp_path / "files", tmp_path / "mark")
    found = opened(trick, path, HANGS)
    assert found is not None, "it hangs"
    assert found.proper, found.said
    assert found.megabytes <= MEGABYTES
    assert "\n" not in found.said
    assert bool(found.said) == (trick.name not in READ), found.said
    if trick.expected != "contained":
        assert found.said.startswith(f"{trick.expected}: ")
    assert not (tmp_path / "mark").exists()


def test_there_are_at_least_ninety_tricks() -> None:
    assert len(OWN) >= 90
