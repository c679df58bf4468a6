"""A template of a stranger ends soon, takes little memory, and gives what transformers gives."""

import json
import resource
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from transformers.utils.chat_template_utils import render_jinja_template

from llmcli.tokenization import template_sandbox
from llmcli.tokenization.chat_template import RefusedByModel, choose_template
from llmcli.tokenization.template_sandbox import render
from tests.tokenization.known_templates import TEMPLATES
from tests.versions import CHAT_SANDBOX_IS_LAX

TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
USER = [{"role": "user", "content": "hi"}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"name": "weather", "description": "Of a city — now", "parameters": PARAMETERS}
CALL = {"id": "call00001", "function": {"name": "weather", "arguments": {"city": "Xi'an <é>"}}}
CONVERSATIONS = {
    "a question": USER,
    "a system prompt": [{"role": "system", "content": " Be kind.\n"}, *USER],
    "turns": [
        *USER,
        {"role": "assistant", "content": "<think>\nwell\n</think>\n\nhello"},
        {"role": "user", "content": " 月 \n{{ 1 }}"},
        {"role": "assistant", "content": "bye "},
    ],
    "tools": [
        *USER,
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": "7 °C"},
        {"role": "assistant", "content": "cold"},
    ],
}


@pytest.mark.parametrize("prompts", [True, False])
@pytest.mark.parametrize("messages", CONVERSATIONS.values(), ids=CONVERSATIONS)
@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_a_sound_template_gives_what_transformers_gives(template, messages, prompts):
    tools = [{"type": "function", "function": FUNCTION}] if len(messages) == 4 else None
    given = {"messages": messages, "tools": tools, "documents": None, **TOKENS}
    ours = render(template, {**given, "add_generation_prompt": prompts})
    ((theirs,), _) = render_jinja_template(
        [messages], tools, chat_template=template, add_generation_prompt=prompts, **TOKENS
    )
    assert ours == theirs != ""


EXPRESSIONS = [
    "'%s, %s' % ('a', 2)",
    "'%(a)s' % {'a': 1}",
    "'{} {x!r:>5}'.format(1, x='é')",
    "'{a}'.format_map({'a': 1})",
    "['a', 'b'] + ['c']",
    "'ab' * 3 ~ 2 ** 10 ~ 7 % 4 ~ [0] * 2",
    "'a' + 'b' + 'c' + 'd' + 'e' + 'f' + 'g' + 'h' + 'i' + 'j'",
    "'a,b'.split(',') | join('-') | upper",
    "'-'.join(['a', 'b'] | map('upper'))",
    "'a\n b' | indent(2, true) | replace('a', 'bb')",
    "'  a' | trim | center(9) | length",
    "{'b': 1, 'a': [1, (2, 3)]} | tojson(indent=2, sort_keys=true)",
    "[3, 1, 2] | sort(reverse=true) | list",
    "{'b': 1, 'a': 2} | dictsort",
    "[{'a': 1}, {'a': 2}] | map(attribute='a') | sum",
    "[1, 2, 3, 4] | batch(3, 0) | list ~ ([1, 2, 3] | slice(2) | list)",
    "[1, 2, 3] | select('odd') | reject('eq', 3) | list",
    "('<b>' | e) + '<i>' ~ ('x' | safe)",
    "3.14159 | round(2) ~ ('7' | int) ~ ('x' | default('d'))",
    "[1, 2, 3][::-1] ~ 'abc'[1:] ~ ((1, 2), 3)[0][1]",
    "{(1, 2): 'x'}[(1, 2)] ~ (1 < 2 < 3) ~ ('a' in 'abc') ~ (3 not in [1])",
    "none ~ true ~ 1.5 ~ -3 ~ missing",
    "range(3) | list ~ dict(a=1) ~ (4 is divisibleby 2)",
    "cycler('a', 'b').next() ~ 'a'.ljust(3) ~ 'a\tb'.expandtabs(4) ~ '7'.zfill(3)",
    "messages[0].content.rsplit('i', 1) ~ messages[0].get('no', 'x') ~ messages[0].items() | list",
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_operation_gives_what_transformers_gives(expression):
    template = (
        "{% macro m(x) %}<{{ x }}>{% endmacro %}{% for i in range(2) %}{% if i %}"
        f"{{{{ {expression} }}}}{{% endif %}}{{% set y = {expression} %}}{{{{ m(y) }}}}|"
        "{% endfor %}"
    )
    ((theirs,), _) = render_jinja_template([USER], chat_template=template)
    assert render(template, {"messages": USER}) == theirs


BIG = "{% set big = 'a' * 1000000 %}"
LIST = "{% set many = range(99999) | list %}"


def grow(start, change):
    """A template that changes a value 99 times."""
    loop = f"{{% for i in range(99) %}}{{% set n.x = {change} %}}{{% endfor %}}"
    return f"{{% set n = namespace(x={start}) %}}{loop}{{{{ n.x }}}}"


TOO_LARGE = {
    "*": "{{ 'a' * 10 ** 10 }}",
    "list *": "{{ [1] * 10 ** 10 }}",
    "**": "{{ 10 ** (10 ** 10) }}",
    "%": "{{ '%10000000000d' % 1 }}",
    "% precision": "{{ '%.1000000000f' % 1 }}",
    "%*": "{{ '%*d' % (10000000000, 1) }}",
    "%(a)s": BIG + "{{ ('%(a)s' * 99999) % {'a': big} }}",
    "is even": "{{ '%10000000000d' is even }}",
    "is divisibleby": "{{ '%10000000000d' is divisibleby 3 }}",
    ".format": "{{ '{:>10000000000}'.format(1) }}",
    ".format nested": "{{ '{:{w}}'.format(1, w=10000000000) }}",
    ".format many": BIG + "{{ ('{0}' * 99999).format(big) }}",
    "format": "{{ '%10000000000d' | format(1) }}",
    "center": "{{ 'a' | center(10000000000) }}",
    "mapped center": "{{ ['a'] | map('center', 10000000000) | list }}",
    ".ljust": "{{ 'a'.ljust(10000000000) }}",
    ".zfill": "{{ 'a'.zfill(10000000000) }}",
    ".expandtabs": "{{ '\t'.expandtabs(10000000000) }}",
    "+": grow("'a'", "n.x + n.x"),
    "~": grow("'a'", "n.x ~ n.x"),
    "join": grow("'a'", "[n.x, n.x] | join"),
    "upper": grow("'a'", "n.x.upper() ~ n.x"),
    "list +": grow("[1]", "n.x + n.x"),
    "nested list": grow("[1]", "[n.x, n.x]"),
    "nested tuple": grow("(1,)", "(n.x, n.x)"),
    "nested dict": grow("{}", "{1: n.x, 2: n.x}"),
    "nested dict()": grow("{}", "dict(a=n.x, b=n.x)"),
    "integers": grow("9", "n.x * n.x"),
    "replace": BIG + "{{ big | replace('a', big) }}",
    ".replace": BIG + "{{ big.replace('', big) }}",
    "join many": BIG + "{{ range(99999) | join(big) }}",
    ".join": BIG + "{{ big.join(range(99999) | map('string')) }}",
    "indent": BIG + "{{ ('a\n' * 99999) | indent(big) }}",
    "tojson indent": "{{ [[1]] | tojson(indent=10000000000) }}",
    "tojson separators": BIG + "{{ range(999) | list | tojson(separators=(big, big)) }}",
    "batch": "{{ [1] | batch(10000000000, 1) | list }}",
    "slice": "{{ [1] | slice(10000000000) | list }}",
    "round": "{{ 1 | round(10000000000, 'ceil') }}",
    "sum": "{{ range(9999) | map('string') | map('list') | sum(start=[]) }}",
    "output": BIG + "{% for i in range(9999) %}{{ big }}{% endfor %}",
    "literal": "{% for i in range(99999) %}" + "a" * 99999 + "{% endfor %}",
    "macro": BIG + "{% macro m() %}{{ big }}{{ big }}{% endmacro %}{{ m() }}{{ m() }}{{ m() }}",
    "lists of a list": "{{ ([range(99999)] * 99) | map('list') | list }}",
    "views": BIG + "{{ ([{1: big}.items()] * 999) | string }}",
    "macros": "{% macro " + "m" * 99999 + "() %}{% endmacro %}{{ [" + "m" * 99999 + "] * 9999 }}",
    "date": "{{ strftime_now('%Y' * 99999) }}",
    "template": "a" * 300_000,
    "integer": "{{ ('9' * 99999) | int }}",
}


@pytest.mark.parametrize("template", TOO_LARGE.values(), ids=TOO_LARGE)
def test_what_would_be_too_large_is_not_made(template):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(template_sandbox.TemplateLimit):
        render(template, {"messages": USER})
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB


ENDLESS = {
    "loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "a filter of a loop": "{% for a in range(99999) %}{% for b in range(99999) if b < 0 %}"
    "{% endfor %}{% endfor %}",
    "macros": "{% macro m(d) %}{% if d %}{{ m(d - 1) }}{{ m(d - 1) }}{% endif %}{% endmacro %}"
    "{{ m(60) }}",
    "a recursive loop": "{% for a in [60] recursive %}{% if a %}{{ loop([a - 1, a - 1]) }}"
    "{% endif %}{% endfor %}",
    "comparisons": LIST + "{% set other = range(99999) | list %}" + "{{ many == other }}" * 500,
    "searches": LIST + "{{ -1 in many }}" * 500,
    "slices": LIST + "{% if many[1:] %}{% endif %}" * 500,
    "sorting": LIST + "{% for a in many %}{% set b = many | sort %}{% endfor %}",
    "searches from the end": BIG + "{% for a in range(99999) %}{{ big.rfind('b' + 'a' * 200) }}"
    "{% endfor %}",
    "filters": "{% for a in range(99999) %}{% set b = range(99999) | map('string') | list %}"
    "{% endfor %}",
    "attributes": LIST + "{% for a in many %}{{ many.index(99998) }}{% endfor %}",
}


@pytest.mark.parametrize("template", ENDLESS.values(), ids=ENDLESS)
def test_what_does_not_end_is_stopped(template, monkeypatch):
    monkeypatch.setattr(template_sandbox, "SECONDS", 0.05)
    began = time.thread_time()
    with pytest.raises(template_sandbox.TemplateLimit, match="takes more than|too many|larger"):
        render(template, {"messages": USER})
    assert time.thread_time() - began < 3


def test_a_long_template_is_stopped_while_it_is_compiled(monkeypatch):
    monkeypatch.setattr(template_sandbox, "COMPILE_SECONDS", 0.05)
    template = "{{ a }}" * 9000
    began = time.thread_time()
    for _ in range(3):  # tried once
        with pytest.raises(template_sandbox.TemplateLimit, match="takes more than"):
            render(template, {})
    assert time.thread_time() - began < 3


def test_a_template_that_took_too_long_three_times_is_not_tried_again(monkeypatch):
    monkeypatch.setattr(template_sandbox, "SECONDS", 0.01)
    template = "{% if not fast %}" + ENDLESS["loops"] + "{% endif %}done"
    assert render(template, {"fast": True}) == "done"
    for _ in range(3):
        with pytest.raises(template_sandbox.TemplateLimit, match=r"it takes more than 0 s"):
            render(template, {})
    with pytest.raises(template_sandbox.TemplateLimit, match="too long for 3 other conversations"):
        render(template, {"fast": True})


def test_threads_have_budgets_of_their_own():
    templates = [TOO_LARGE["output"], "{{ messages[0].content }}"] * 8

    def outcome(template):
        try:
            return render(template, {"messages": USER})
        except template_sandbox.TemplateLimit as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(outcome, templates))
    assert results[1::2] == ["hi"] * 8
    assert all("writes more than 4,0" in result for result in results[::2])


def test_a_long_conversation_may_take_more():
    content = "a b " * 100_000
    template = "{{ messages[0].content.split(' ') | join(' ') }}{{ messages | tojson }}" * 3
    text = render(template, {"messages": [{"role": "user", "content": content}]})
    assert text == (content + json.dumps([{"role": "user", "content": content}])) * 3


REFUSED = {
    "{{ lipsum() }}": "'lipsum' is undefined",
    "{{ (1).to_bytes(9, 'big') }}": "may not call to_bytes of a int",
    "{{ 'a'.encode() }}": "may not call encode of a str",
    "{{ 'a' | urlize }}": "No filter named 'urlize'",
    "{{ 1 / 0 }}": "ZeroDivisionError: division by zero",
    "{{ 2.0 ** 5000 }}": "OverflowError: ",
    "{{ " + "1" * 5000 + " }}": "ValueError: Exceeds the limit",
    "{{ " + "(" * 5000: "RecursionError: ",
    "{{ 1" + " | string" * 5000 + " }}": "RecursionError: ",
    "{% for a in [1] %}" * 30 + "{% endfor %}" * 30: "SyntaxError: too many",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}": "RecursionError: ",
    "{% block a %}{{ self.a() }}{% endblock %}": "RecursionError: ",
    "{% include 'a' %}": "no loader",
    "{% extends 'a' %}": "no loader",
    "{{ {}['a'].b }}": "has no attribute",
    "{{ {'a': 1} < 2 }}": "TypeError: ",
    "{{ {[]: 1} }}": "TypeError: ",
    "{{ [1] | map('nothing') | list }}": "No filter named",
    "{{ 'x' | attr('__class__') | list }}{{ ''.__class__.x }}": "unsafe",
    "{{ raise_exception(messages) }}": "'content': 'hi'",
    "{{ raise_exception('\x1b]0;a\nb') }}": "\x1b]0;a b",
    "{{ '\ud83d' }}": "UnicodeEncodeError: ",
    "": "it writes nothing",
    " \n\t": "it writes nothing",
    "{% if false %}a{% endif %}\n": "it writes nothing",
}


class Tokenizer:
    allow_special = True  # what is typed stays as it is
    special_tokens_map = TOKENS

    def __init__(self, template):
        self.chat_template = {"default": template}


@pytest.mark.parametrize(("template", "words"), REFUSED.items(), ids=range(len(REFUSED)))
def test_whatever_a_template_raises_is_one_line(template, words):
    with pytest.raises(RefusedByModel) as refused:
        choose_template(Tokenizer(template), None, "a model").text(USER, prompts=True)
    message = str(refused.value)
    assert message.startswith("the chat template of a model refuses this: ")
    assert words in message and "\n" not in message
    assert message.endswith("; choose another template by `chat_template`")
    assert refused.value.exit_code == 5
    assert refused.value.__context__ is None  # nothing of what it computed is kept


@pytest.mark.skipif(CHAT_SANDBOX_IS_LAX, reason="this transformers lets templates do more")
def test_what_transformers_provides_is_there():
    for name in ("raise_exception", "strftime_now", "dict", "namespace", "range", "cycler"):
        assert render(f"{{{{ {name} is defined }}}}", {}) == "True"
