"""What the look refuses is armed: TensorFlow does it where nothing stops it.

If one of these fails, TensorFlow has become safer, and the look may be needed no more.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.security import hostile_saved_models, hostile_tensorflow
from support.security.hostile import TRICKS

assert hostile_saved_models and hostile_tensorflow  # they fill the list
WRITE_WHEN_RUN = [
    "saved_model_that_writes_a_file",
    "saved_model_that_writes_records",
    "saved_model_that_writes_records_by_an_experiment",
    "saved_model_that_saves_a_data_set",
    "saved_model_that_writes_in_the_function_of_a_data_set",
    "saved_model_that_writes_statistics",
    "saved_model_that_writes_summaries",
    "signature_that_saves_under_the_name_of_a_saver",
    "function_that_saves_under_the_name_of_a_saver",
    "function_that_grappler_puts_in_the_place_of_another",
]
WRITE_WHEN_LOADED = [
    "saver_that_saves_while_it_restores",
    "start_that_saves",
    "signature_of_the_start_that_saves",
    "variable_that_saves_when_it_is_set",
]
PROGRAM = """
import sys
import tensorflow as tf
for path, run in zip(sys.argv[1::2], sys.argv[2::2]):
    try:
        signature = tf.saved_model.load(path).signatures["serving_default"]
        if run == "run":
            (name,) = signature.structured_input_signature[1]
            signature(**{name: tf.ones((1, 8, 8, 3))})
    except tf.errors.OpError as error:
        print(path, error)
"""


@pytest.mark.slow
@pytest.mark.keras
def test_saved_models_do_their_harm_where_nothing_stops_them(tmp_path: Path) -> None:
    arguments, unarmed = [], []
    for name in (*WRITE_WHEN_RUN, *WRITE_WHEN_LOADED):
        (tmp_path / name / "files").mkdir(parents=True)
        path = TRICKS[name].write(tmp_path / name / "files", tmp_path / name / "mark")
        arguments += [path, "run" if name in WRITE_WHEN_RUN else "load"]
        assert not list((tmp_path / name).glob("mark*"))
    subprocess.run([sys.executable, "-c", PROGRAM, *arguments], check=True, timeout=600)
    for name in (*WRITE_WHEN_RUN, *WRITE_WHEN_LOADED):
        if not list((tmp_path / name).glob("mark*")):
            unarmed.append(name)
    assert not unarmed
