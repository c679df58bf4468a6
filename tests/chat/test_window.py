import pytest

from llmcli.chat.window import fitted
from llmcli.errors import InputError
from tests.chat.test_conversation import said, spoken


def count(messages):
    """A token a character."""
    return sum(len(message.content) for message in messages)


@pytest.mark.parametrize(
    "most, skipped, tokens",
    [(None, 0, 12), (12, 0, 12), (11, 1, 8), (8, 1, 8), (7, 2, 4), (4, 2, 4)],
)
def test_the_oldest_whole_turns_are_left_out(most, skipped, tokens):
    conversation = spoken("aa", "bb", "cc", "dd", "ee", system="ss")
    window = fitted(conversation, count, most)
    assert (window.skipped, window.tokens) == (skipped, tokens)
    kept = said(conversation, skipped)
    assert [(message.role[0], message.content) for message in window.messages] == kept


def test_a_message_that_does_not_fit_alone_is_refused_with_its_length():
    with pytest.raises(InputError, match="has 4 tokens with the system message, and 3 fit"):
        fitted(spoken("aa", "bb", "cc", system="ss"), count, 3)
    with pytest.raises(InputError, match="has 2 tokens"):
        fitted(spoken("aa"), count, 1)


def test_no_turn_is_left_out_without_need():
    for most in range(5, 40):
        conversation = spoken(*["x" * (n % 5) for n in range(21)])
        window = fitted(conversation, count, most)
        assert window.tokens <= most
        assert not window.skipped or count(conversation.messages(window.skipped - 1)) > most
