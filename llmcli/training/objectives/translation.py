"""Translation: one text from another in another language; rows may name both languages."""

from collections.abc import Iterator, Sequence
from typing import Any

from llmcli.data.rows import Row
from llmcli.errors import InputError, LlmcliError
from llmcli.inference.translation.directions import Direction, find_direction
from llmcli.inference.translation.languages import base as base_language
from llmcli.inference.translation.languages import find_language
from llmcli.training.base import Defaults
from llmcli.training.checkup.findings import Finding, finding
from llmcli.training.checkup.items import Measured
from llmcli.training.examples import Feature
from llmcli.training.objectives.seq2seq import Seq2Seq, Seq2SeqObjective

FEW_TOKENS = 10  # of a text whose translation may well be three times as long
LONGER = 3.0


class Translation(Seq2Seq):
    """Pairs of a text and its translation; the fields `from` and `to` may name their languages."""

    defaults = Defaults("seq2seq", ("source", "target"), eval_fraction=0.01, limit=128)
    pipeline_tag = "translation"

    def batch_key(self, row: Row) -> str:
        return repr([row.fields.get("from"), row.fields.get("to")])

    def languages(self, rows: Sequence[Row]) -> list[str]:
        """The codes of all target languages; none where there is one only."""
        tags = {row.fields.get("to") or self.options.to_lang for row in rows}
        codes = {base_language(find_language(str(tag))) for tag in tags if tag}
        return sorted(codes) if len(codes) > 1 else []

    def pair_of_languages(self, rows: Sequence[Row]) -> tuple[str, str] | None:
        options = self.options
        pairs = {
            (row.fields.get("from") or options.from_lang, row.fields.get("to") or options.to_lang)
            for row in rows
        }
        if len(pairs) != 1 or None in (pair := pairs.pop()):
            return None
        source, target = (base_language(find_language(str(tag))) for tag in pair)
        return source, target

    def objective(
        self, model: Any, tokenizer: Any, *, name: str = "the model", rows: Sequence[Any] = ()
    ) -> "TranslationObjective":
        return TranslationObjective(self, model, tokenizer, name)

    def token_findings(self, measured: Measured) -> Iterator[Finding]:
        unequal = [item.where for item in measured.suspect]
        text = f"training rows have a side more than {LONGER:.0f} times as long as the other"
        yield finding("unequal_lengths", text, unequal)
        yield from super().token_findings(measured)


task = Translation


class TranslationObjective(Seq2SeqObjective):
    """The loss of Seq2Seq, with what the model needs to be told of the languages."""

    def __init__(self, task: Translation, model: Any, tokenizer: Any, name: str) -> None:
        super().__init__(task, model, tokenizer)
        self._name = name
        self._languages = (task.options.from_lang, task.options.to_lang)
        self._directions: dict[tuple[Any, Any], Direction] = {}
        self._has_all_pairs = True

    def direction(self, row: Row) -> Direction:
        """Raises InputError, with the line, for languages that the model does not know."""
        source, target = self._languages
        tags = (row.fields.get("from") or source, row.fields.get("to") or target)
        if tags not in self._directions:
            try:
                known = [None if tag is None else find_language(str(tag)) for tag in tags]
                self._directions[tags] = find_direction(
                    self._name, self.tokenizer, self.model.config, *known
                )
                self._add_pair(*known)
            except LlmcliError as error:
                raise InputError(f"{row.place}: {error}") from None
        return self._directions[tags]

    def _add_pair(self, source: str | None, target: str | None) -> None:
        """Write a language pair into the configuration of a model that has several, for translate.

        Of a row without a source language no pair is known: then none is written.
        """
        config = self.model.config
        if not getattr(self.tokenizer, "supported_language_codes", None):
            return
        if source is None or target is None:
            self._has_all_pairs = False
        pair = [base_language(tag or "und") for tag in (source, target)]
        pairs = getattr(config, "translation_pairs", None) or []
        known = pairs if pair in pairs else [*pairs, pair]
        config.translation_pairs = known if self._has_all_pairs else None

    def is_suspect(self, feature: Feature) -> bool:
        """True where one side is much longer than the other."""
        shorter, longer = sorted((len(feature["input_ids"]), len(feature["labels_ids"])))
        return longer > FEW_TOKENS and longer > LONGER * shorter
