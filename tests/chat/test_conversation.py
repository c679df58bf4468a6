import doctest

import pytest

from llmcli.chat import conversation as module
from llmcli.chat import local, remote, window
from llmcli.chat.conversation import Conversation, read_conversation
from llmcli.errors import InputError


@pytest.mark.parametrize("part", [module, local, remote, window])
def test_worked_examples_hold(part):
    assert doctest.testmod(part, extraglobs=vars(local)).failed == 0


def spoken(*texts, system=None):
    """A conversation in which the sides said these texts in turn."""
    conversation = Conversation(system)
    for number, text in enumerate(texts):
        conversation.answer(text) if number % 2 else conversation.ask(text)
    return conversation


def said(conversation, skipped=0):
    return [(message.role[0], message.content) for message in conversation.messages(skipped)]


def test_turns_follow_one_another_after_the_system_message():
    conversation = spoken("a", "b", "c", system="be brief")
    assert said(conversation) == [("s", "be brief"), ("u", "a"), ("a", "b"), ("u", "c")]
    assert said(conversation, 1) == [("s", "be brief"), ("u", "c")]
    assert (conversation.turns, conversation.last("user")) == (2, "c")
    assert (conversation.last("assistant"), conversation.last_is_open()) == ("b", True)


def test_a_turn_is_taken_back_and_an_answer_is_written_again():
    conversation = spoken("a", "b")
    assert conversation.forget_answer() and not conversation.forget_answer()
    conversation.answer("c")
    conversation.answer("d")
    assert said(conversation) == [("u", "a"), ("a", "d")]
    assert (conversation.undo(), conversation.undo(), conversation.turns) == ("a", None, 0)


def test_a_conversation_is_read_from_messages():
    value = {"messages": [message.to_dict() for message in spoken("a", "b", system="s").messages()]}
    assert said(read_conversation(value, "f")) == [("s", "s"), ("u", "a"), ("a", "b")]
    assert read_conversation([], "f").turns == 0


@pytest.mark.parametrize(
    "value, words",
    [
        ("hello", "f holds no conversation: a list of messages was expected"),
        ({"text": "a"}, "f holds no conversation"),
        (["a"], "f: message 1: role is None; system, user or assistant was expected"),
        ([{"role": "robot", "content": ""}], "f: message 1: role is 'robot'"),
        ([{"role": "user", "content": 1}], "f: message 1: content is a number; a text"),
        ([{"role": "user", "content": [{"type": "text"}]}], "content is a list; a text"),
        ([{"role": "assistant", "content": "a"}], "f: message 1: role is 'assistant' where"),
        (2 * [{"role": "user", "content": "a"}], "f: message 2: role is 'user' where another"),
        (2 * [{"role": "system", "content": "a"}], "f: message 2: role is 'system' where"),
    ],
)
def test_what_is_no_conversation_is_refused_with_the_place(value, words):
    with pytest.raises(InputError) as error:
        read_conversation(value, "f")
    assert words in str(error.value)
