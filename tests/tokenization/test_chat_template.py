"""A conversation becomes the ids that transformers makes of it."""

from pathlib import Path
from typing import Any

import pytest
from jinja2 import TemplateError

from llmcli.tokenization.load import load_tokenizer
from tests.tokenization.comparison import checkpoint, reference
from tests.tokenization.folders import make
from tests.versions import CHAT_SANDBOX_IS_LAX

CHAT = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": " hello <|endoftext|> cat\n"},
]
TEMPLATE = (
    "{{ bos_token }}{% set ns = namespace(n=0) %}\n"
    "{% for m in messages %}\n"
    "    {% if loop.index > 5 %}{% break %}{% endif %}\n"
    "    {% set ns.n = ns.n + 1 %}\n"
    "<{{ m.role }}>{{ m.content | trim }}{{ dict(a=ns.n) | tojson }}{{ dict.values is defined }}"
    "{{ m | tojson(indent=1) }}\n"
    "{% generation %}{{ '<é>' | tojson }}{% endgeneration %}\n"
    "{% endfor %}\n"
    "{% if tools is none and documents is none and pad_token is undefined %}!{% endif %}\n"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


@pytest.mark.parametrize(
    "template",
    [
        pytest.param(
            TEMPLATE,
            marks=pytest.mark.skipif(
                CHAT_SANDBOX_IS_LAX, reason="this transformers shows a template more of dict"
            ),
        ),
        "{{ messages[0].content }}<|endoftext|>",
    ],
)
def test_a_chat_is_put_as_transformers_puts_it(template: str, tmp_path: Path) -> None:
    make("GPT2", tmp_path)
    (tmp_path / "chat_template.jinja").write_text(template, encoding="utf-8")
    theirs, ours = reference(tmp_path), load_tokenizer(checkpoint(tmp_path))
    for prompt in (True, False):
        how: dict[str, Any] = {"add_generation_prompt": prompt, "return_dict": False}
        ids = ours.apply_chat_template(CHAT, **how)
        assert ids == theirs.apply_chat_template(CHAT, **how)
        assert ids


@pytest.mark.parametrize(
    "template",
    [
        "{{ raise_exception('no system here') }}",
        "{% set ns = namespace(_a=1) %}",
        "{% set ns = namespace() %}{% set ns.__class__ = 1 %}",
        "{{ messages.append(1) }}",
        "{{ dict.__class__.__mro__ }}",
        "{% if %}",
    ],
)
def test_what_a_template_may_not_do_it_cannot(template: str, tmp_path: Path) -> None:
    make("GPT2", tmp_path)
    (tmp_path / "chat_template.jinja").write_text(template, encoding="utf-8")
    theirs = [] if CHAT_SANDBOX_IS_LAX else [reference(tmp_path)]
    for tokenizer in (*theirs, load_tokenizer(checkpoint(tmp_path))):
        with pytest.raises(TemplateError):
            tokenizer.apply_chat_template(CHAT, return_dict=False)


def test_without_a_template_there_is_no_chat(tiny_gpt2: Path) -> None:
    with pytest.raises(ValueError, match="no chat template"):
        load_tokenizer(checkpoint(tiny_gpt2)).apply_chat_template(CHAT)
