"""How the API is typed. mypy checks this file with the package; a test runs it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import llmcli

if TYPE_CHECKING:
    from typing_extensions import assert_type
else:

    def assert_type(value: Any, kind: Any) -> None:
        """Only mypy looks."""


def use() -> None:
    """Call every function with one text and with several."""
    texts: list[str] = ["good", "bad"]
    records: list[dict[str, Any]] = [{"text": "good"}]
    pairs: list[tuple[str, str]] = [("Who wrote it?", "Jane Austen wrote it.")]
    short = llmcli.Decoding(max_new_tokens=2)
    with llmcli.load("bert-en") as model:
        assert_type(model, llmcli.Model)
        assert_type(llmcli.classify("good", model=model), llmcli.Classification)
        assert_type(llmcli.classify({"text": "good"}, model=model), llmcli.Classification)
        assert_type(llmcli.classify(texts, model=model), Iterator[llmcli.Classification])
        assert_type(llmcli.classify(records, model=model), Iterator[llmcli.Classification])
        assert_type(
            llmcli.classify(texts, model=model, on_error="yield"),
            Iterator[llmcli.Classification | llmcli.Failure],
        )
        assert_type(llmcli.answer("Who?", "Jane wrote it.", model=model), llmcli.Answer)
        assert_type(llmcli.answer(pairs, model=model), Iterator[llmcli.Answer])
        assert_type(llmcli.fill("A [MASK].", model=model), llmcli.Filled)
        assert_type(llmcli.score("Once", model=model, beside=model), llmcli.Score)
        assert_type(llmcli.embed("good", model=model), llmcli.Embedding)
        assert_type(llmcli.embed(texts, model=model), npt.NDArray[np.float32])
        assert_type(
            llmcli.embed(texts, model=model, on_error="yield"),
            Iterator[llmcli.Embedding | llmcli.Failure],
        )
    assert_type(llmcli.generate("Once", options=short), llmcli.Generation)
    assert_type(llmcli.generate(texts, options=short), Iterator[llmcli.Generation])
    for piece in llmcli.stream("Once", options=short):
        assert_type(piece, str)
    assert_type(llmcli.forward("Once upon"), llmcli.Forward)
    assert_type(llmcli.tokenize("Once upon").tokens, tuple[llmcli.Token, ...])
    translation = llmcli.translate("I am tired.", from_lang="en", to_lang="fr")
    assert_type(translation.translation, str)
    assert_type(translation.notes, tuple[str, ...])
    assert_type(translation.to_dict(), dict[str, Any])
    labelled = [{"text": "good", "label": "positive"}]
    assert_type(llmcli.evaluate(labelled, task="classification"), llmcli.Report)
    comparison = llmcli.compare("bert-en", "bert-en", labelled, task="classification")
    assert_type(comparison, llmcli.Comparison)
