"""The examples run and print what they are about; the notebook gives the outputs that it shows."""

import runpy
from pathlib import Path

import pytest

from tests.docs.transcripts import numbers_match, words
from tests.notebook import execute, read

EXAMPLES = Path(__file__).parents[1] / "examples"
PRINTED = {
    "article.py": [
        "tokens: ['Once', ' upon', ' a', ' time']",
        "argmax, decoded:  upon a time",
        "greedy:  Once upon a time, there was a little girl",
    ],
    "batch_classify.py": [
        "id,label,score,error\n1,positive,",
        "2,negative,",
        "3,,,the text is empty\n4,positive,",
        "5,,,the text is empty",
    ],
    "embed_search.py": ["How do I reset my password?", "Where is my order?"],
    "finetune_and_evaluate.py": ["12 steps, ", "accuracy: ", "The new cake recipe: cooking"],
    "stream.py": ["One day, a small cat", " tokens, ended by ", "seed 7]"],
}
"""What each script prints, in this order, with other text between."""


def test_every_example_is_run():
    files = {path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".ipynb")}
    assert files == {*PRINTED, "tour.ipynb"}


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_prints_what_it_is_about(name, capfd, monkeypatch):
    monkeypatch.setattr("sys.argv", [name])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    out, err = capfd.readouterr()
    assert err == ""
    at = 0
    for text in PRINTED[name]:
        at = out.index(text, at) + len(text)


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_is_short(name):
    assert len((EXAMPLES / name).read_text().splitlines()) < 60


def test_the_notebook_gives_the_outputs_that_it_shows():
    """If they are to be others: python -m tests.notebook examples/tour.ipynb."""
    notebook = read(EXAMPLES / "tour.ipynb")
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    for cell, again in zip(notebook["cells"], execute(notebook), strict=True):
        shown, printed = text_of(cell), text_of(again)
        assert words(printed) == words(shown)
        assert numbers_match(printed, shown)


def text_of(cell):
    """What the outputs of a cell show."""
    return "".join(
        "".join(output.get("text") or output["data"]["text/plain"])
        for output in cell.get("outputs", ())
    )
