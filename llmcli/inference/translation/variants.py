"""The form of a language: its script and its region, where a model does not distinguish them."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import langcodes

from llmcli.errors import InputError
from llmcli.inference.translation.languages import base
from llmcli.system.extras import load_extra

FAR = 4  # in langcodes' measure: a language that is read by the same people is nearer
OPENCC = {"Hans": "t2s", "Hant": "s2t", "TW": "s2twp", "HK": "s2hk", "MO": "s2hk"}
"""OpenCC's configurations by script, or region; those of TW have its words, too."""


@dataclass(frozen=True, slots=True)
class Variant:
    """What is done with translations to give them the form that was asked for."""

    opencc: str | None = None
    """The configuration of OpenCC that converts Chinese characters; None: nothing is converted."""
    notes: tuple[str, ...] = ()

    def of(self, text: str) -> str:
        """A translation in the form that was asked for."""
        return text if self.opencc is None else str(_converter(self.opencc).convert(text))


def variant_of(name: str, requested: str, written: str) -> Variant:
    """What it takes to give a model's translations the form that a language tag asks for.

    name: the model's. written: the model's own code for the language, such as `zho_Hans`, `pt`.
    Raises InputError where OpenCC is needed and not installed.

    >>> variant_of("m", "zh-TW", "zh").opencc, variant_of("m", "zh-TW", "zho_Hant").opencc
    ('s2twp', None)
    >>> variant_of("m", "pt-BR", "pt").notes
    ('m does not distinguish pt-BR: the translation is in pt',)
    """
    want, has = langcodes.Language.get(requested), langcodes.Language.get(written)
    if base(requested) == base(written) == "zh":
        return _chinese(name, want, has)
    is_other = base(requested) != base(written)
    is_other = is_other and langcodes.tag_distance(requested, written) >= FAR
    has_other_script = bool(want.script) and want.script != has.maximize().script
    has_other_region = bool(want.territory) and want.territory != has.territory
    if not (is_other or has_other_script or has_other_region):
        return Variant()
    note = f"{name} does not distinguish {requested}: the translation is in {written}"
    return Variant(notes=(note,))


def _chinese(name: str, want: Any, has: Any) -> Variant:
    """Chinese of a script or a region: what the model does not write, OpenCC converts."""
    if not (want.script or want.territory):
        return Variant()
    script = want.maximize().script
    if has.script == script or (has.territory and has.maximize().script == script):
        return Variant()
    key = want.territory if script == "Hant" and want.territory in OPENCC else script
    opencc = OPENCC.get(key)
    if opencc is None:
        raise InputError(f"{name} does not write Chinese in the script {script}")
    _converter(opencc)
    kind = "traditional" if script == "Hant" else "simplified"
    note = f"{name} does not distinguish {want}: OpenCC ({opencc}) gives {kind} characters"
    return Variant(opencc, (note,))


@lru_cache
def _converter(opencc: str) -> Any:
    return load_extra("opencc", "Chinese in another script").OpenCC(opencc)
