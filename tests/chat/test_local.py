import pytest

from llmcli.chat.exchange import answered
from llmcli.chat.partner import Ending
from llmcli.errors import InputError, UsageError
from llmcli.inference.continuations import Generation
from llmcli.spec import Chat, Decoding, ModelSpec
from llmcli.tasks import chat as task
from llmcli.tasks import generate as generating
from tests.chat.test_conversation import said, spoken


def ask(partner, conversation, **options):
    """The answer to a conversation, how it ended, and the windows."""
    windows = []
    events = list(answered(partner, conversation, Decoding(**options), windows.append))
    assert isinstance(events[-1], Ending)
    return "".join(events[:-1]), events[-1], windows


@pytest.fixture(scope="module")
def partner(tiny_chat):
    return task.load(ModelSpec(str(tiny_chat)), Decoding(), Chat(chat=True))


def written(partner, system, text, **options):
    """What `generate` writes for one message."""
    from llmcli.data.rows import Row

    rows, chat = [Row(1, text)], Chat(chat=True, system=system)
    settings = Decoding(**options)
    (result,) = generating.generate(partner._load_for(settings), rows, settings, chat)
    assert isinstance(result, Generation)
    return result.text


@pytest.mark.parametrize("options", [{}, {"temperature": 1.0, "seed": 3}])
def test_the_first_answer_is_that_of_generate(partner, options):
    conversation = spoken("the cat", system="be kind")
    text, ending, _ = ask(partner, conversation, max_new_tokens=12, **options)
    assert text == written(partner, "be kind", "the cat", max_new_tokens=12, **options)
    assert (ending.new_tokens, ending.reason) == (12, "length")
    assert said(conversation)[-1] == ("a", text)


def test_later_answers_read_all_that_was_said(partner):
    ids = partner._encode(spoken("a", "b", "c", system="s").messages())
    expected = "<system>s\n<user>a\n<assistant>b\n<user>c\n<assistant>"
    assert partner.loaded.tokenizer.decode(ids) == expected


def test_an_answer_may_use_the_whole_context(partner):
    text, ending, _ = ask(partner, spoken("the cat"))
    prompt = len(partner._encode(spoken("the cat").messages()))
    assert (prompt + ending.new_tokens, ending.reason) == (256, "length") and text


def test_the_oldest_turns_fall_out_of_the_context(partner):
    conversation = spoken(*["the cat sat " * 5] * 9)
    _, _, windows = ask(partner, conversation, max_new_tokens=4)
    assert windows[0].skipped > 0 and windows[0].tokens <= 256 - 4
    assert conversation.turns == 5 and windows[0].most == 252  # nothing is forgotten
    with pytest.raises(InputError, match="tokens with the system message, and 192 fit"):
        ask(partner, spoken("the cat sat " * 200))


def test_each_answer_without_a_seed_is_drawn_with_another():
    partner = task.load(ModelSpec("gpt2-stories"), Decoding(), Chat(chat=True))
    texts = {ask(partner, spoken("One"), max_new_tokens=8, temperature=2.0)[0] for _ in range(4)}
    assert len(texts) > 1


def test_closing_an_answer_keeps_its_part(partner):
    conversation = spoken("the cat")
    events = answered(partner, conversation, Decoding(), lambda window: None)
    first = next(events)
    events.close()
    assert conversation.last("assistant") == first


def test_a_model_without_a_template_writes_on(tiny_gpt2):
    partner = task.load(ModelSpec(str(tiny_gpt2)), Decoding(), Chat(chat=True))
    assert not partner.chats
    conversation = spoken("the", " cat", "sat")
    ids = partner._encode(conversation.messages())
    assert partner.loaded.tokenizer.decode(ids) == "the cat sat"
    text, _, _ = ask(partner, conversation, max_new_tokens=5)
    assert text == written_on(partner, "the cat sat", 5)
    with pytest.raises(UsageError, match="no chat model, so it reads no `system` message"):
        task.load(ModelSpec(str(tiny_gpt2)), Decoding(), Chat(chat=True, system="s"))


def written_on(partner, text, count):
    from llmcli.data.rows import Row

    options = Decoding(max_new_tokens=count)
    (result,) = generating.generate(partner.loaded, [Row(1, text)], options, Chat())
    return result.text
