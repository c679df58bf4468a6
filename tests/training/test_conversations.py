"""The layouts of conversations in training rows."""

import json

import pytest

from llmcli.data.rows import Row
from llmcli.errors import InputError
from llmcli.training.conversations import messages_of

ASKED, SAID = {"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"}
PLAIN = [("user", "hi"), ("assistant", "yes")]
SYSTEM = ("system", "be brief")


def turns(*contents):
    """Turns of user and assistant, with these contents."""
    roles = ("user", "assistant")
    return [{"role": roles[at % 2], "content": content} for at, content in enumerate(contents)]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"messages": [ASKED, SAID]}, PLAIN),
        ({"conversations": [ASKED, SAID]}, PLAIN),
        ({"messages": json.dumps([ASKED, SAID])}, PLAIN),  # a cell of a CSV file
        ({"messages": None, "prompt": "hi", "completion": "yes"}, PLAIN),
        (
            {"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "yes"}]},
            PLAIN,
        ),
        (
            {
                "conversations": [
                    {"from": "system", "value": "be brief"},
                    {"from": "human", "value": "hi"},
                    {"from": "gpt", "value": "yes"},
                ]
            },
            [SYSTEM, *PLAIN],
        ),
        ({"system": "be brief", "conversations": [ASKED, SAID]}, [SYSTEM, *PLAIN]),
        ({"messages": turns([{"type": "text", "text": "hi"}], "yes")}, PLAIN),
        ({"messages": turns(["hi"], [{"type": "text", "text": "yes"}])}, PLAIN),
        (
            {
                "messages": turns(
                    [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "c"
                )
            },
            [("user", "a\nb"), ("assistant", "c")],
        ),
        ({"messages": [{"role": "user", "content": None}, SAID]}, [("user", ""), PLAIN[1]]),
        ({"messages": [SAID, ASKED, SAID]}, [PLAIN[1], *PLAIN]),
        ({"prompt": [ASKED], "completion": [SAID]}, PLAIN),
        ({"prompt": [ASKED], "completion": "yes"}, PLAIN),
        ({"prompt": "hi", "completion": [SAID]}, PLAIN),
        ({"instruction": "hi", "input": "", "output": "yes"}, PLAIN),
        ({"instruction": "say", "input": "hi", "output": "yes"}, [("user", "say\nhi"), PLAIN[1]]),
        (
            {"query": "hi", "response": "yes", "history": [["a", "b"]]},
            [("user", "a"), ("assistant", "b"), *PLAIN],
        ),
    ],
)
def test_a_layout_is_read(fields, expected):
    messages = messages_of(Row(1, "", fields))
    assert [(message["role"], message["content"]) for message in messages] == expected


def test_what_else_a_turn_has_is_kept_for_the_template():
    calls = [{"type": "function", "function": {"name": "f", "arguments": {}}}]
    turn = {"role": "assistant", "content": None, "tool_calls": calls, "name": None}
    (_, kept) = messages_of(Row(1, "", {"messages": [ASKED, turn]}))
    assert kept == {"role": "assistant", "content": "", "tool_calls": calls}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"text": "a"}, "no field 'messages' or 'conversations', .* it has 'text'"),
        ({"messages": [ASKED]}, "the assistant says nothing"),
        ({"messages": [ASKED, {**SAID, "content": None}]}, "the assistant says nothing"),
        ({"messages": []}, r"'messages' is not a list .* but \[\]"),
        ({"messages": "hello"}, "'messages' is not a list .* but 'hello'"),
        ({"messages": '[{"role": "user"'}, "'messages' is not JSON"),
        ({"messages": [ASKED, "yes"]}, "turn 2 of 'messages' is not {role, content} but 'yes'"),
        ({"messages": [{"speaker": "x", "content": "a"}]}, "turn 1 of 'messages' has no 'role'"),
        ({"messages": [ASKED, {"role": "assistant", "text": "a"}]}, "turn 2 .* has no 'content'"),
        ({"messages": [{"role": "user", "content": 3}]}, "turn 1 of 'messages' says 3"),
        (
            {"messages": turns([{"type": "image_url", "image_url": {"url": "x"}}], "a")},
            "turn 1 of 'messages' has a part of type 'image_url'",
        ),
        ({"conversations": [{"from": "human", "text": "a"}]}, "turn 1 .* has no 'value'"),
        ({"prompt": "a", "completion": "b", "history": ["c"]}, "'history' is not a list of"),
    ],
)
def test_another_layout_is_refused_in_one_line(fields, words):
    with pytest.raises(InputError, match=words) as caught:
        messages_of(Row(1, "", fields))
    assert "\n" not in str(caught.value)
