"""Makes a page: one HTML file with its style, its modules and its data, which requests nothing.

The modules of page/js/ stay plain ES modules. Each becomes a data: URL of the page's import map,
and its relative imports become names of that map. A content security policy forbids every request,
and every script and style that is not the page's own.
"""

import base64
import hashlib
import html
import json
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any, Literal

from llmcli import __version__
from llmcli.errors import InputError
from llmcli.interpretability.page_data import LARGEST, as_json, pack
from llmcli.interpretability.words import has_words, words
from llmcli.spec.explain import Language

SOURCES = Path(__file__).parent / "page"
IMPORT = re.compile(r'(\bfrom |\bimport )"(\.[^"]+)"')
COMMENT = re.compile(r"^ */\*.*?\*/\n", re.MULTILINE | re.DOTALL)
ANY_IMPORT = re.compile(r'(\bfrom |\bimport )"([^"]+\.js)"')


@dataclass(frozen=True, slots=True)
class Side:
    """A row of tokens in the token bar."""

    tokens: Sequence[str]
    """Readable names, as `tokenize` gives them."""
    ids: Sequence[int]
    """Their ids in the vocabulary."""
    name: Literal["text", "source", "target"] = "text"
    """What the tokens are."""
    position: int = -1
    """The token that is chosen at first; negative numbers count from the end."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page."""

    name: str
    """Its anchor, once a page."""
    data: Any = None
    """What its module draws: anything that `pack` takes, packed or not."""
    reason: str | Mapping[str, str] | None = None
    """Why the section is not defined for this model, by language: shown instead of the section."""
    module: str | None = None
    """The module js/sections/MODULE.js; without it, the one of the section's name."""
    words: str | None = None
    """The texts words/WORDS.json; without it, those of the section's name."""
    title: tuple[str, str] | None = None
    """The words (file, key) of its heading; without it, `title` of its own words."""


@dataclass(frozen=True, slots=True)
class Check:
    """A self-check as the header shows it."""

    name: str
    """Its words (file and key, `attention.recomputed`), or a text as it stands."""
    error: float
    tolerance: float
    holds: bool


@dataclass(frozen=True, slots=True)
class Page:
    """All that a page shows."""

    titles: Mapping[str, str]
    """The heading in each language: {"en": ..., "zh": ...}."""
    language: Language
    """The language that is shown at first."""
    sections: Sequence[Section]
    sides: Sequence[Side] = ()
    """The rows of the token bar; the last one is the main one. Without any, there is no bar."""
    facts: Sequence[tuple[str, Any]] = ()
    """What the header says of the model: a key of words/page.json, and a value."""
    checks: Sequence[Check] = ()
    """The self-checks; each that fails is shown as failed."""
    intro: tuple[str, str] | None = None
    """The words (file, key) of the sentence below the heading."""
    largest: int = field(default=LARGEST, kw_only=True)
    """The most bytes that the page may have."""


def page_html(page: Page) -> str:
    """The page as one HTML text. Raises InputError if it is larger than it may be."""
    modules = dict.fromkeys(each.module or each.name for each in page.sections if not each.reason)
    sources = module_sources(["main.js", *(f"sections/{name}.js" for name in modules)])
    import_map = {name: _data_url(text) for name, text in sources.items()}
    parts = {
        "modules": json.dumps({"imports": import_map}),
        "style": (SOURCES / "style.css").read_text("utf-8"),
        "start": _start(list(modules)),
    }
    texts = _words(page)
    text = Template(
        (SOURCES / "page.html").read_text("utf-8").replace("{{", "${").replace("}}", "}")
    )
    result = text.substitute(
        parts,
        language={"en": "en", "zh": "zh-CN"}[page.language],
        policy=html.escape(_policy(parts)),
        title=html.escape(page.titles[page.language]),
        noscript=html.escape(texts["page"][page.language]["noscript"]),
        version=__version__,
        data=as_json({**_data(page), "words": texts}),
    )
    _require_size(len(result.encode()), page.largest)
    return result


def _data(page: Page) -> dict[str, Any]:
    sides = [
        {**pack(side), "position": side.position % len(side.tokens)}
        for side in page.sides
        if side.tokens
    ]
    sections = [
        {
            "name": each.name,
            "data": pack(each.data),
            "reason": pack(each.reason),
            "module": each.module or each.name,
            "words": each.words or each.name,
            "title": each.title or (each.words or each.name, "title"),
        }
        for each in page.sections
    ]
    return {
        "version": __version__,
        "titles": dict(page.titles),
        "language": page.language,
        "sides": sides,
        "sections": sections,
        "facts": pack(page.facts),
        "checks": pack(page.checks),
        "intro": page.intro and {"words": page.intro[0], "key": page.intro[1]},
    }


def _words(page: Page) -> dict[str, Any]:
    """The texts that the page needs, by file, language and key."""
    names = ["page", *(each.words or each.name for each in page.sections if not each.reason)]
    names += [each.title[0] if each.title else each.words or each.name for each in page.sections]
    names += [page.intro[0]] if page.intro else []
    names += [check.name.partition(".")[0] for check in page.checks]
    return {name: dict(words(name)) for name in dict.fromkeys(names) if has_words(name)}


def module_sources(first: Iterable[str]) -> dict[str, str]:
    """The text of these modules of page/js/ and of all that they import, by name.

    Relative imports are rewritten as names, such as "sections/tokens.js". Comments on lines of
    their own, which are for those who change the modules, are left out.
    """
    sources: dict[str, str] = {}
    waiting = list(first)
    while waiting:
        name = waiting.pop()
        if name not in sources:
            text = (SOURCES / "js" / name).read_text("utf-8")
            sources[name] = _with_names(name, COMMENT.sub("", text))
            waiting += [imported for _, imported in ANY_IMPORT.findall(sources[name])]
    return sources


def _with_names(name: str, source: str) -> str:
    """The source of a module with names instead of relative paths in its imports."""

    def named(match: re.Match[str]) -> str:
        return (
            f'{match[1]}"{posixpath.normpath(posixpath.join(posixpath.dirname(name), match[2]))}"'
        )

    return IMPORT.sub(named, source)


def _data_url(source: str) -> str:
    return f"data:text/javascript;base64,{base64.b64encode(source.encode()).decode('ascii')}"


def _start(modules: Sequence[str]) -> str:
    """The module that hands the modules of the sections to the shell."""
    lines = ['import { start } from "main.js";']
    lines += [f'import * as m{at} from "sections/{name}.js";' for at, name in enumerate(modules)]
    table = ", ".join(f'"{name}": m{at}' for at, name in enumerate(modules))
    return "\n".join([*lines, f"start({{ {table} }});"])


def _policy(parts: Mapping[str, str]) -> str:
    """Allows the page's own scripts and style, by their hashes, and no request."""

    def source(name: str) -> str:
        digest = hashlib.sha256(parts[name].encode()).digest()
        return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"

    return (
        f"default-src 'none'; script-src {source('modules')} {source('start')} data:; "
        f"style-src {source('style')}; img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _require_size(size: int, largest: int) -> None:
    if size > largest:
        raise InputError(
            f"the page would have {size / 1e6:.1f} MB, of at most {largest / 1e6:g} MB: a shorter "
            "text, fewer `sections`, or a file .npz or .json, which hold everything"
        )
