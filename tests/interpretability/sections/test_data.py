"""The list of arrays is that of the .npz file, and both formats hold the same numbers."""

import json

import numpy as np
import pytest


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    return ("explain", "Once upon a time", "--section", "by-hand,data")


def test_files_hold_all_arrays_in_full(run, words, tmp_path):
    for ending in ("npz", "json"):
        result = run(*words, "-o", tmp_path / f"all.{ending}")
        assert result.exit_code == 0 and result.stdout == ""
    record = json.loads((tmp_path / "all.json").read_text("utf-8"))
    with np.load(tmp_path / "all.npz") as arrays:
        stored = record["sections"]["data"]["stored"]
        assert [each["name"] for each in stored] == list(arrays)
        for each in stored:
            section, name = each["name"].split("/", 1)
            array = arrays[each["name"]]
            assert each["shape"] == list(array.shape) and array.dtype == np.float32
            listed = np.array(record["sections"][section][name], np.float64)
            hidden = np.isnan(listed)  # null stands for minus infinity
            assert np.array_equal(listed[~hidden].astype(np.float32), array[~hidden])
            assert np.isneginf(array[hidden]).all()


def test_the_vectors_of_one_layer_are_stored_unless_more_are_asked_for(run, words):
    shapes = []
    for more in ((), ("--layers", "0-2")):
        (record,) = json.loads(run(*words, "--json", *more).stdout)
        stored = {each["name"]: each["shape"] for each in record["sections"]["data"]["stored"]}
        shapes.append(stored["by-hand/all_queries"])
    assert shapes == [[1, 4, 4, 64], [3, 4, 4, 64]]


def test_the_terminal_says_how_to_get_them(run, words):
    assert "-o FILE.npz" in run(*words, "-q").stdout
