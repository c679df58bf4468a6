"""A page with scored texts, tinted by surprisal or by the difference of two models."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from llmcli.arrays import Floats, Integers
from llmcli.engines.base import Loaded
from llmcli.inference.scoring.reports import NATS_OF
from llmcli.inference.scoring.results import Score, SpanScore
from llmcli.interpretability.language import choose_language
from llmcli.interpretability.page_data import LARGEST, pack, packed_size
from llmcli.interpretability.words import words
from llmcli.interpretability.write_page import Page, Section, page_html

MOST_PIECES = 20_000  # in a page: more take a browser too long to draw
ROOM = LARGEST - 200_000  # bytes for the texts; the rest is for the shell


class ScorePage:
    """Collects the results of a run, as many as a page can hold."""

    def __init__(self, loaded: Loaded, beside: Loaded | None) -> None:
        self._loaded, self._beside = loaded, beside
        self._texts: list[Any] = []
        self._kind, self._unit, self._sample = "causal", "nats", ""
        self._pieces = self._size = self._all = 0

    def add(self, result: Score) -> None:
        """Add a result if there is room for it; of the first one, as much as there is room for."""
        self._all += 1
        text = _text(result)
        packed, count = pack(text), len(text["pieces"])
        size = packed_size(packed)
        is_full = self._pieces + count > MOST_PIECES or self._size + size > ROOM
        if self._texts and (is_full or len(self._texts) < self._all - 1):
            return
        self._kind, self._unit = result.kind, result.unit
        self._texts.append(packed)
        self._sample += result.text[:200]
        self._pieces += count
        self._size += size

    def note(self) -> str:
        """What the page leaves out, in one line; empty if it has everything."""
        shown = len(self._texts)
        if shown == self._all:
            return ""
        return f"the page has the first {shown:,} of {self._all:,} texts: there is no room for more"

    def html(self) -> str:
        """The page as one HTML text."""
        data = {
            "kind": self._kind,
            "unit": self._unit,
            "first": self._loaded.checkpoint.model_id,
            "second": None if self._beside is None else self._beside.checkpoint.model_id,
            "texts": self._texts,
        }
        facts = [
            ("model", self._loaded.checkpoint.model_id),
            ("dtype", str(self._loaded.placement.dtype).removeprefix("torch.")),
        ]
        titles = {str(language): texts["title"] for language, texts in words("score").items()}
        section = Section("score", data, title=("score", "surprisal"))
        language = choose_language(None, self._sample)
        return page_html(Page(titles, language, [section], facts=facts))


def _text(result: Score) -> dict[str, Any]:
    """What the page shows of one result; surprisals are in nats, NaN where there is none."""
    unit, beside = NATS_OF[result.unit], result.beside
    pieces = result.pieces() if beside is None else result.difference_pieces()
    counted = [token for token in result.tokens if token.surprisal is not None]
    perplexity = result.perplexity if result.kind != "masked" else result.pseudo_perplexity
    data = {
        "row": result.row.number,
        "pieces": [piece for piece, _ in pieces[:MOST_PIECES]],
        "values": _nats([value for _, value in pieces[:MOST_PIECES]], unit),
        "all": len(pieces),
        "total": result.surprisal * unit,
        "mean": result.mean_surprisal * unit,
        "count": len(counted),
        "perplexity": perplexity,
    }
    if beside is None:
        tokens = result.tokens[:MOST_PIECES]
        return data | {
            "tokens": [token.token for token in tokens],
            "nats": _nats([token.surprisal for token in tokens], unit),
            "words": _spans(result.words, unit),
            "sentences": _spans(result.sentences, unit),
        }
    spans = beside.spans[:MOST_PIECES]
    return data | {
        "first": _nats([span.surprisal for span in spans], unit),
        "second": _nats([span.beside_surprisal for span in spans], unit),
        "first_counts": _counts([span.tokens for span in spans]),
        "second_counts": _counts([span.beside_tokens for span in spans]),
        "second_total": beside.surprisal * unit,
        "difference": beside.difference * unit,
    }


def _spans(spans: Sequence[SpanScore], unit: float) -> dict[str, Any]:
    spans = spans[:MOST_PIECES]
    return {
        "texts": [span.text for span in spans],
        "counts": _counts([span.tokens for span in spans]),
        "values": _nats([span.surprisal for span in spans], unit),
    }


def _nats(values: Sequence[float | None], unit: float) -> Floats:
    return np.array([np.nan if value is None else value * unit for value in values], np.float32)


def _counts(values: Sequence[int]) -> Integers:
    return np.array(values, np.int64)
