"""What of a conversation is learnt, for templates of the kinds that models have."""

import pytest

from llmcli.errors import InputError
from llmcli.tokenization.chat_template import ChatTemplate, RefusedByTemplate
from llmcli.training.chat_examples import chat_texts, plain_template

CHATML = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}</>\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
# Of the next ones, each is CHATML with one habit of a real template.
OPENS_THOUGHT = CHATML.replace("<assistant>{% endif %}", "<assistant><think>\n{% endif %}")
DROPS_THOUGHTS = CHATML.replace(
    "{{ m.content }}",
    "{% if m.role == 'assistant' and not loop.last %}{{ m.content.split('</think>')[-1] }}"
    "{% else %}{{ m.content }}{% endif %}",
)
EMPTY_THOUGHT = CHATML.replace(
    "{{ m.content }}",
    "{% if m.role == 'assistant' and loop.last and '<think>' not in m.content %}"
    "<think>\n\n</think>\n\n{% endif %}{{ m.content }}",
)
ENDS_WHOLE = CHATML.replace("{% endif %}", "{% else %}<end>{% endif %}")
NEEDS_FIRST = "{% if messages[0].role == 'system' %}{% endif %}" + CHATML
OWN_SYSTEM = "{% if messages[0].role != 'system' %}<system>be nice</>\n{% endif %}" + CHATML
ALTERNATES = (
    "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate user/assistant') }}{% endif %}{% endfor %}" + CHATML
)
COUNTS = CHATML.replace("<{{ m.role }}>", "<{{ m.role }} {{ loop.revindex }}>")


class Tokenizer:
    """What a template needs of a tokenizer."""

    allow_special = True  # what is typed stays as it is
    special_tokens_map = {"bos_token": "<s>", "eos_token": "</s>"}


def template(source):
    return ChatTemplate(Tokenizer(), source, "a model")


def turns(*contents, first="user"):
    other = {"user": "assistant", "assistant": "user"}
    roles = [first, other[first]]
    return [{"role": roles[at % 2], "content": content} for at, content in enumerate(contents)]


def marked(source, messages):
    """The texts, with brackets around what is learnt."""
    shown = []
    for chat in chat_texts(template(source), messages):
        text, at = "", 0
        for start, stop in chat.spans:
            text += f"{chat.text[at:start]}[{chat.text[start:stop]}]"
            at = stop
        shown.append(text + chat.text[at:])
    return shown


THINKS = "<think>\nso</think>yes"


@pytest.mark.parametrize(
    ("source", "messages", "expected"),
    [
        (CHATML, turns("a", "b"), ["<user>a</>\n<assistant>[b</>\n]"]),
        (
            CHATML,
            turns("a", "b", "c", "d"),
            ["<user>a</>\n<assistant>[b</>\n]<user>c</>\n<assistant>[d</>\n]"],
        ),
        (CHATML, turns("a", "b", "c"), ["<user>a</>\n<assistant>[b</>\n]"]),
        (CHATML, turns("b", first="assistant"), ["<assistant>[b</>\n]"]),
        (
            NEEDS_FIRST,
            turns("b", "a", "d", first="assistant"),
            ["<assistant>[b</>\n]<user>a</>\n<assistant>[d</>\n]"],
        ),
        (
            OWN_SYSTEM,
            turns("b", first="assistant"),
            ["<system>be nice</>\n<assistant>[b</>\n]"],
        ),
        (
            OPENS_THOUGHT,
            turns("a", THINKS),
            ["<user>a</>\n<assistant><think>\n[so</think>yes</>\n]"],
        ),
        (OPENS_THOUGHT, turns("a", "b"), ["<user>a</>\n<assistant>[b</>\n]"]),
        (OPENS_THOUGHT, turns("a", "<b>"), ["<user>a</>\n<assistant>[<b></>\n]"]),
        (
            DROPS_THOUGHTS,
            turns("a", THINKS, "c", "<think>\nhm</think>d"),
            [
                "<user>a</>\n<assistant>[<think>\nso</think>yes</>\n]",
                "<user>a</>\n<assistant>yes</>\n<user>c</>\n<assistant>[<think>\nhm</think>d</>\n]",
            ],
        ),
        (DROPS_THOUGHTS, turns("a", THINKS), [f"<user>a</>\n<assistant>[{THINKS}</>\n]"]),
        (
            EMPTY_THOUGHT,
            turns("a", "b", "c", "d"),
            [
                "<user>a</>\n<assistant>[<think>\n\n</think>\n\nb</>\n]",
                "<user>a</>\n<assistant>b</>\n<user>c</>\n<assistant>"
                "[<think>\n\n</think>\n\nd</>\n]",
            ],
        ),
        (
            ENDS_WHOLE,
            turns("a", "b", "c", "d"),
            [
                "<user>a</>\n<assistant>[b</>\n<end>]",
                "<user>a</>\n<assistant>b</>\n<user>c</>\n<assistant>[d</>\n<end>]",
            ],
        ),
        (
            CHATML,
            [*turns("a", "b", "c"), {"role": "assistant", "content": "d", "weight": 0}],
            ["<user>a</>\n<assistant>[b</>\n]"],
        ),
    ],
)
def test_all_that_the_assistant_says_is_learnt_and_nothing_else(source, messages, expected):
    assert marked(source, messages) == expected


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        (turns("b", "a", first="assistant"), "alternate user/assistant; begin with a turn of the"),
        ([*turns("a"), *turns("a", "b")], "alternate user/assistant; let user and assistant take"),
    ],
)
def test_a_refusal_has_the_words_of_the_template(messages, words):
    with pytest.raises(RefusedByTemplate, match=words):
        chat_texts(template(ALTERNATES), messages)


def test_a_template_that_changes_the_question_is_refused():
    with pytest.raises(InputError, match="otherwise once it is given"):
        chat_texts(template(COUNTS), turns("a", "b"))


@pytest.mark.parametrize(
    ("begins", "expected"),
    [(True, "<s>a\n[b</s>]c\n[d</s>]"), (False, "a\n[b</s>]c\n[d</s>]")],
)
def test_a_base_model_gets_a_line_a_question(begins, expected):
    class Base:
        bos_token_id = 1

        def __call__(self, text, verbose):
            return {"input_ids": [1] if begins else []}

    assert marked(plain_template(Base()), turns("a", "b", "c", "d")) == [expected]
