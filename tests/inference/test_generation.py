"""What a prompt becomes before it is continued, with the tokenizers of both engines."""

import pytest
from tokenizers import processors
from transformers import AutoTokenizer

from llmcli.data.rows import Row
from llmcli.engines.choose import Purpose, load
from llmcli.inference.generation import Generator
from llmcli.spec import Chat, Decoding, ModelSpec
from llmcli.tokenization.typed_text import encode_text
from tests.tiny_models import GPT2, make_causal

START = "<|endoftext|>"


@pytest.fixture(scope="module")
def starting(bpe, tmp_path_factory):
    """A GPT-2 of 64 positions whose tokenizer begins each text with <|endoftext|>, as Llama's."""
    folder = make_causal(bpe, tmp_path_factory.mktemp("models") / "starting", **GPT2)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A", pair=f"{START} $A {START} $B", special_tokens=[(START, 0)]
    )
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=["torch", "ct2"])
def loaded(request, starting):
    return load(ModelSpec(str(starting), engine=request.param), Purpose(("causal",)))


@pytest.fixture(scope="module", params=["torch", "ct2"])
def reading_special(request, starting):
    """The same model, for which typed special tokens are tokens."""
    model = ModelSpec(str(starting), engine=request.param, allow_special=True)
    return load(model, Purpose(("causal",)))


def prompt(loaded, text, **settings):
    generator = Generator(loaded, Decoding(**settings), Chat(), "truncate")
    (prepared,) = generator.prepare([Row(1, text)])
    return prepared


def test_a_prompt_that_is_cut_keeps_its_first_token(loaded):
    whole = prompt(loaded, "cat " * 100, max_new_tokens=60)
    plain = loaded.tokenizer("cat " * 100, add_special_tokens=False)["input_ids"]
    assert whole.ids == [0, *plain[-3:]]
    assert whole.overflow == "truncate"
    assert prompt(loaded, "cat " * 100, max_new_tokens=63).ids == plain[-1:]  # room for one


def test_a_typed_first_token_is_text(loaded):
    plain = loaded.tokenizer(f"{START}a", add_special_tokens=False, split_special_tokens=True)
    assert prompt(loaded, f"{START}a").ids == [0, *plain["input_ids"]]
    assert 0 not in plain["input_ids"]


def test_where_it_is_a_token_it_comes_once(reading_special):
    plain = reading_special.tokenizer("a cat", add_special_tokens=False)["input_ids"]
    assert prompt(reading_special, "a cat").ids == [0, *plain]
    assert prompt(reading_special, f"{START}a cat").ids == [0, *plain]
    assert encode_text(reading_special.tokenizer, START) == [0]


def test_two_typed_first_tokens_are_not_one_more(reading_special):
    ids = encode_text(reading_special.tokenizer, f"{START}{START}a")
    typed = reading_special.tokenizer(f"{START}{START}a", add_special_tokens=False)["input_ids"]
    assert ids == typed


def test_an_empty_prompt_is_the_first_token(loaded):
    assert prompt(loaded, "").ids == [0]
