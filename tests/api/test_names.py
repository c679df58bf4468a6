"""The public names: which they are, where they come from, and what importing them costs."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path
from typing import get_origin

import pytest

import llmcli

FUNCTIONS = {
    *("answer", "classify", "compare", "embed", "evaluate", "explain", "fill", "finetune"),
    *(
        "forward",
        "generate",
        "learn",
        "load",
        "rows",
        "score",
        "search",
        "stream",
        "tag",
        "tokenize",
    ),
    "translate",
}
OPTIONS = {
    *("AnswerOptions", "BatchOptions", "Chat", "ClassifyOptions", "Decoding", "EmbedOptions"),
    *(
        "EvaluateOptions",
        "ExplainOptions",
        "FileOptions",
        "FillOptions",
        "LoraOptions",
        "ModelSpec",
        "PerplexityOptions",
    ),
    *("ScoreOptions", "TagOptions", "Training", "TranslateOptions"),
}
RESULTS = {
    *("Answer", "Classification", "Embedding", "Filled", "Forward", "Generation", "Ranked"),
    *("Explanation", "Score", "Tagged"),
    *("Tokenized", "Translation", "Failure", "Report", "Comparison", "Finetuned"),
}
PARTS = {
    *("Entity", "Gap", "LabelScore", "Position", "Prediction", "Row", "ScoredAnswer", "ScoredWord"),
    *("BeamNode", "BeamTree", "TraceCandidate", "TraceRemoval", "TraceRest", "TraceStep"),
    *("Sentence", "Token", "TokenChance", "TokenStep", "Change", "ClassScore", "Curves"),
    *("Details", "Difference", "McnemarTest", "Measure", "Mistake", "Note", "Progress"),
    *("Beside", "BesideSpan", "RowFailure", "SelfCheck", "Side", "Slice", "SpanScore"),
    *("Subject", "TokenScore", "Tour", "TourStep"),
}
ERRORS = {
    "DiskFull",
    "InputError",
    "Interrupted",
    "LlmcliError",
    "ModelNotFound",
    "ModelUnsuitable",
    "OutOfMemory",
    "UsageError",
}
OTHERS = {"Event", "Model", "ModelLike", "OnError", "Stream", "Text", "Texts", "__version__"}


def test_the_public_names_are_these():
    assert set(llmcli.__all__) == FUNCTIONS | OPTIONS | RESULTS | PARTS | ERRORS | OTHERS
    assert len(llmcli.__all__) == len(set(llmcli.__all__))
    assert set(llmcli.__all__) <= set(dir(llmcli))


def test_type_checkers_see_the_names_that_there_are():
    tree = ast.parse(Path(llmcli.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == {name: f"llmcli.{home}" for name, home in llmcli._HOME.items()}


@pytest.mark.parametrize("name", sorted(set(llmcli.__all__) - {"__version__"}))
def test_a_public_name_is_there_and_explains_itself(name):
    value = getattr(llmcli, name)
    is_alias = get_origin(value) is not None  # a class, too, for Python 3.10
    if (inspect.isclass(value) and not is_alias) or inspect.isfunction(value):
        assert inspect.getdoc(value), name
    if inspect.isfunction(value):
        assert ">>> import llmcli" in inspect.getdoc(value), "without an example"


def test_another_name_is_not_there():
    with pytest.raises(AttributeError, match="no attribute 'train'"):
        llmcli.train  # noqa: B018


def test_importing_takes_typing_alone():
    """So it takes a few milliseconds: benchmarks/start.py measures them."""
    code = (
        "import sys, typing\n"
        "before = set(sys.modules)\n"
        "import llmcli\n"
        "dir(llmcli)\n"
        "print(*sorted(set(sys.modules) - before))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["llmcli"]
