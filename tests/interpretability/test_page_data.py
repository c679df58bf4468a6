"""Packed arrays: read again, by this file's own reader and by the page's module."""

import base64
import json
import shutil
import subprocess
import zlib
from dataclasses import dataclass, field

import numpy as np
import pytest

from llmcli.interpretability.page_data import as_json, pack, packed, packed_size
from llmcli.interpretability.write_page import SOURCES

WEIGHTS = np.tril(np.full((2, 4, 4), 0.25)) + np.eye(4) * 0.04


def raw(value):
    return zlib.decompress(base64.b64decode(value["array"]), wbits=-15)


@dataclass(frozen=True)
class Example:
    halves: np.ndarray = field(metadata={"pack": "float16"})
    left_out: np.ndarray = field(metadata={"pack": "omit"})
    label: str = "<b>"


def test_an_array_is_raw_deflate_of_little_endian_numbers():
    value = packed(np.array([[1.5, -2.0]]))
    assert (value["dtype"], value["shape"]) == ("float32", [1, 2])
    assert raw(value) == np.array([1.5, -2.0], "<f4").tobytes()
    assert packed(np.array([3, 4]))["dtype"] == "int32"
    assert raw(packed(np.array([3, 4]))) == np.array([3, 4], "<i4").tobytes()


def test_weights_take_a_byte_each_and_those_of_the_future_none():
    value = packed(WEIGHTS, "sqrt8-lower")
    assert (value["shape"], value["sqrt"], value["lower"]) == ([2, 4, 4], True, True)
    numbers = np.frombuffer(raw(value), np.uint8)
    assert len(numbers) == 2 * 10
    assert numbers[:3].tolist() == [137, 128, 137]  # 255 sqrt(0.29), 255 sqrt(0.25)


def test_a_field_says_how_it_is_packed():
    value = pack(Example(np.zeros((2, 2)), np.zeros(9)))
    assert set(value) == {"halves", "label"}
    assert value["halves"]["dtype"] == "float16"


def test_numbers_that_are_not_finite_and_signs_of_html_survive():
    value = pack({"a": [float("-inf"), np.float32("nan")], "b": "</script>\u2028"})
    text = as_json(value)
    assert "<" not in text and "\u2028" not in text
    assert json.loads(text)["b"] == "</script>\u2028"
    assert value["a"] == [{"number": "-Infinity"}, {"number": "NaN"}]
    assert packed_size("é") == 4


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on this machine")
def test_the_pages_module_reads_what_was_packed():
    rng = np.random.default_rng(0)
    halves = np.array([0, -0.0, 1.5, 65504, 6e-8, np.inf, -np.inf, np.nan, *rng.normal(size=20)])
    value = {
        "plain": rng.normal(size=(2, 3)).astype(np.float32),
        "halves": halves,
        "weights": WEIGHTS,
        "count": [np.arange(3), {"number": 7}],
        "least": float("-inf"),
    }
    sent = {
        **pack(value),
        "halves": packed(halves, "float16"),
        "weights": packed(WEIGHTS, "sqrt8-lower"),
    }
    script = f"""
        import {{ decode }} from "{(SOURCES / "js" / "arrays.js").as_uri()}";
        const read = await decode({as_json(sent)});
        const list = (array) => [...array.data].map(String);
        console.log(JSON.stringify({{
            plain: list(read.plain), halves: list(read.halves), weights: list(read.weights),
            at: [read.plain.at(1, 2), ...read.plain.row(1)], part: read.weights.part(1).shape,
            count: [list(read.count[0]), read.count[1].number], least: String(read.least)
        }}));
    """
    command = ["node", "--input-type=module", "-e", script]
    read = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    numbers = {name: np.array(read[name], np.float64) for name in ("plain", "halves", "weights")}
    np.testing.assert_array_equal(numbers["plain"], value["plain"].ravel())
    np.testing.assert_array_equal(numbers["halves"], halves.astype(np.float16))
    np.testing.assert_allclose(numbers["weights"], WEIGHTS.ravel(), atol=2e-3)
    assert read["at"] == pytest.approx([value["plain"][1, 2], *value["plain"][1]])
    assert read["part"] == [4, 4]
    assert read["count"] == [["0", "1", "2"], 7]
    assert read["least"] == "-Infinity"
