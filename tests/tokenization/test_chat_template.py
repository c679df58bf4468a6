"""A conversation becomes the ids that transformers makes of it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from jinja2 import TemplateError

from llmcli.errors import InputError, ModelUnsuitable, UsageError
from llmcli.tokenization.chat_template import RefusedByTemplate, by_name, choose_template
from llmcli.tokenization.load import load_tokenizer
from llmcli.tokenization.typed_text import CUT, encode_typed
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
        expected = theirs.apply_chat_template(CHAT, add_generation_prompt=prompt, tokenize=False)
        for tokenizer in (ours, theirs):
            text = choose_template(tokenizer, None, "a model").text(CHAT, prompts=prompt)
            assert text.replace(CUT, "") == expected
            mine = encode_typed(tokenizer, text, has_controls=True, add_special_tokens=False)
            typed = text.count(CUT)
            assert mine["input_ids"].count(0) == expected.count("<|endoftext|>") - typed
        ids = theirs.apply_chat_template(CHAT, add_generation_prompt=prompt, return_dict=False)
        assert ours(expected, add_special_tokens=False)["input_ids"] == ids != []


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
    if not CHAT_SANDBOX_IS_LAX:
        with pytest.raises(TemplateError):
            reference(tmp_path).apply_chat_template(CHAT, return_dict=False)
    used = choose_template(load_tokenizer(checkpoint(tmp_path)), None, "a model")
    with pytest.raises(RefusedByTemplate, match="a model refuses this: .+; leave out `system`"):
        used.text(CHAT, prompts=True)


def test_without_a_template_there_is_no_chat(tiny_gpt2: Path) -> None:
    with pytest.raises(ModelUnsuitable, match="without a chat template"):
        choose_template(load_tokenizer(checkpoint(tiny_gpt2)), None, "a model")


@pytest.mark.parametrize(
    ("roles", "cure"),
    [
        (["assistant", "user"], "begin with a turn of the user"),
        (["system", "assistant"], "begin with a turn of the user"),
        (["user", "user"], "let user and assistant take turns"),
        (["user"], "choose another template by `chat_template`"),
    ],
)
def test_a_refusal_says_what_to_change(roles: list[str], cure: str) -> None:
    class Tokenizer:
        allow_special = True  # what is typed stays as it is
        chat_template = "{{ raise_exception('not\\nso') }}"
        special_tokens_map: dict[str, str] = {}

    used = choose_template(Tokenizer(), None, "a model")
    with pytest.raises(RefusedByTemplate, match=f"refuses this: not so; {cure}"):
        used.text([{"role": role, "content": "hi"} for role in roles], prompts=True)


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ messages[5].content }}", "no element 5"),
        ("{{ messages[0]['content'] + 1 }}", "must be str|can only concatenate"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ {}['a']['b'] }}", "'a'|has no attribute"),
        ("{% for m in messages %}", "end of template"),
        ("{{ 'a'.index('b') }}", "not found"),
    ],
)
def test_whatever_fails_in_a_template_is_one_line(template: str, words: str) -> None:
    class Tokenizer:
        allow_special = True  # what is typed stays as it is
        chat_template = template
        special_tokens_map: dict[str, str] = {}

    with pytest.raises(RefusedByTemplate, match=words):
        choose_template(Tokenizer(), None, "a model").text(CHAT, prompts=True)


def layout(folder: Path, stored: str) -> None:
    """Three ways to store the templates `default` and `short` of a model."""
    if stored == "files":
        (folder / "chat_template.jinja").write_text("long")
        (folder / "additional_chat_templates").mkdir()
        (folder / "additional_chat_templates" / "short.jinja").write_text("s")
        return
    path = folder / "tokenizer_config.json"
    named = [{"name": "default", "template": "long"}, {"name": "short", "template": "s"}]
    settings = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps({**settings, "chat_template": named}))


@pytest.mark.parametrize("stored", ["list", "files"])
def test_one_of_several_templates_is_chosen(stored: str, tmp_path: Path) -> None:
    make("GPT2", tmp_path)
    layout(tmp_path, stored)
    for tokenizer in (load_tokenizer(checkpoint(tmp_path)), reference(tmp_path)):
        assert choose_template(tokenizer, None, "a model").source == "long"
        assert choose_template(tokenizer, "short", "a model").source == "s"
        with pytest.raises(UsageError, match="'none' is neither a file nor .* 'default', 'short'"):
            choose_template(tokenizer, "none", "a model")


def test_a_file_is_a_template_too(tiny_gpt2: Path, tmp_path: Path) -> None:
    path = tmp_path / "own.jinja"
    path.write_text("mine")
    tokenizer = load_tokenizer(checkpoint(tiny_gpt2))
    assert choose_template(tokenizer, str(path), "a model").source == "mine"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="is not UTF-8: see byte 1"):
        choose_template(tokenizer, str(path), "a model")


def test_several_templates_and_no_default_are_refused_but_one_is_taken() -> None:
    class Tokenizer:
        allow_special = True  # what is typed stays as it is
        chat_template = {"rag": "r", "tool_use": "t"}

    with pytest.raises(ModelUnsuitable, match="none is called default: .* 'rag', 'tool_use'"):
        choose_template(Tokenizer(), None, "a model")
    Tokenizer.chat_template = {"rag": "r"}
    assert choose_template(Tokenizer(), None, "a model").source == "r"


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        (5, "`chat_template` is 5, a text or a list or an object was expected"),
        (True, "`chat_template` is true, a text"),
        ({"default": None}, "`chat_template.default` is null, a text was expected"),
        ({"default": ["a"]}, "`chat_template.default` is a list"),
        (["a"], "is a list that holds a text, a name and a template were expected"),
        ([None], "is a list that holds null"),
        ([{"name": "a"}], "is a list that holds an object"),
        ([{"name": [], "template": "a"}], "is a list that holds an object"),
        ([{"name": "a", "template": 5}], "is a list that holds an object"),
    ],
)
@pytest.mark.parametrize("engine", ["auto", "torch"])
def test_what_is_no_template_is_one_line(run, tiny_chat, tmp_path, stored, words, engine):
    folder = with_template(tiny_chat, tmp_path, stored)
    result = run("generate", "hi", "-m", folder, "--chat", "-n", 1, "--engine", engine, "-q")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (5, "", 1)
    if isinstance(stored, list):  # read by transformers for this tokenizer, which has other words
        with pytest.raises(ModelUnsuitable, match=f"tokenizer_config.json: .*{words}"):
            by_name(stored, folder / "tokenizer_config.json")
    else:
        assert words in result.stderr


def with_template(model: Path, folder: Path, stored: Any) -> Path:
    """A copy of a model whose tokenizer_config.json holds a chat template."""
    shutil.copytree(model, folder, dirs_exist_ok=True)
    (folder / "chat_template.jinja").unlink()
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "chat_template": stored}))
    return folder


@pytest.mark.parametrize("engine", ["ct2", "torch"])
def test_a_fault_of_a_template_fails_its_row_alone(run, tiny_chat, tmp_path, engine):
    template = (
        "{% if 'bad' in messages[0].content %}{{ 1 / 0 }}{% endif %}{{ messages[0].content }}"
    )
    folder = with_template(tiny_chat, tmp_path / "model", template)
    rows = tmp_path / "rows.txt"
    rows.write_text("a cat\nbad\na dog\n")
    more = ("-m", folder, "--chat", "-n", 1, "--engine", engine, "-q")
    result = run("generate", "-i", rows, *more, "--json")
    assert result.exit_code == 1
    records = json.loads(result.stdout)
    assert ["error" in record for record in records] == [False, True, False]
    assert "refuses this: ZeroDivisionError: division by zero" in records[1]["error"]
    alone = run("generate", "bad", *more)
    assert (alone.exit_code, alone.stderr.count("\n")) == (5, 1)
    file = tmp_path / "own.jinja"
    file.write_text(" \n")
    own = run("generate", "hi", *more, "--chat-template", file)
    assert (own.exit_code, own.stderr.count("\n")) == (3, 1)
    assert f"the chat template {file} refuses this: it writes nothing" in own.stderr


def test_a_chat_template_that_fails_is_a_problem_of_each_row_in_training(run, tiny_chat, tmp_path):
    folder = with_template(tiny_chat, tmp_path / "model", "{{ messages[0].content.x.y }}")
    rows = tmp_path / "rows.jsonl"
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    rows.write_text(json.dumps({"messages": turns}) + "\n")
    words = ["finetune", "--chat", "-m", folder, "--train", rows, "-o", tmp_path / "out", "-q"]
    result = run(*words)
    assert result.exit_code in (3, 5) and result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1 and "has no attribute 'x'" in result.stderr
