"""Loaded tokenizers are compared with those of transformers."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from llmcli.engines.pytorch.loading import load_tokenizer as load_with_transformers
from llmcli.errors import ModelUnsuitable
from llmcli.models.checkpoint import STARTERS, Checkpoint
from llmcli.spec import ModelSpec
from llmcli.tokenization.base import UnsupportedTokenizer
from llmcli.tokenization.load import REGISTERED, load_tokenizer, stored_tokens
from tests.tiny_models import make_marian
from tests.tokenization.comparison import assert_equal, checkpoint
from tests.tokenization.folders import CONFIG, FILE, KINDS, PIECES, Edit, change, edited, make
from tests.tokenization.test_chat_template import TEMPLATE
from tests.tokenization.test_marian import MARIAN_RULES
from tests.versions import LLAMA_IS_METASPACE


@pytest.mark.parametrize(
    "name", ["tiny_gpt2", "tiny_chat", "tiny_words", "tiny_bert", "tiny_marian"]
)
def test_the_tiny_models_tokenizers_come_out_equal(
    name: str, request: pytest.FixtureRequest
) -> None:
    assert_equal(request.getfixturevalue(name))


def test_the_starters_tokenizer_comes_out_equal() -> None:
    assert_equal(STARTERS / "gpt2-stories")


LOCAL = [f"/tmp/models/{n}" for n in ("minilm", "opus-mt-en-fr", "gpt2-tokenizer", "squad")]
LOCAL += ["/tmp/models/polarity", "/tmp/starters/bert-en-first", "/tmp/starters/marian-second"]


@pytest.mark.parametrize("name", LOCAL)
def test_whole_models_tokenizers_come_out_equal(name: str) -> None:
    if not Path(name).is_dir():
        pytest.skip("only where these models lie")
    assert_equal(Path(name))


@pytest.mark.parametrize("kind", KINDS)
def test_each_class_comes_out_equal(kind: str, tmp_path: Path) -> None:
    folder = make(kind, tmp_path)
    assert_equal(folder)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("Bert", {"do_lower_case": False}),
        ("Bert", {"strip_accents": False, "tokenize_chinese_chars": False}),
        ("Bert", {"clean_up_tokenization_spaces": True, "model_max_length": 77}),
        ("Bert", {"model_input_names": ["input_ids", "attention_mask"]}),
        ("Bert", {"unk_token": "[MASK]", "cls_token": "cat", "extra_special_tokens": ["<extra>"]}),
        ("Roberta", {"add_prefix_space": True, "trim_offsets": False}),
        ("GPT2", {"add_prefix_space": True, "clean_up_tokenization_spaces": True}),
        ("GPT2", {"pad_token": "<pad>", "split_special_tokens": True}),
        ("Llama", {"legacy": True}),
        ("Llama", {"add_prefix_space": False, "chat_template": TEMPLATE}),
    ],
)
def test_settings_are_heeded(kind: str, settings: dict[str, Any], tmp_path: Path) -> None:
    assert_equal(make(kind, tmp_path, **settings))


def unlike_qwen(folder: Path) -> None:
    """A file and a class that are not Qwen's, for a model that is."""
    change(folder / FILE, normalizer=None)
    change(folder / CONFIG, tokenizer_class="PreTrainedTokenizerFast")


def of_model(**changes: Any) -> Edit:
    return lambda folder: change(
        folder / FILE, model=json.loads((folder / FILE).read_text())["model"] | changes
    )


CUT = {"max_length": 3, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
FILLED = {
    "strategy": {"Fixed": 9},
    "direction": "Left",
    "pad_to_multiple_of": None,
    "pad_id": 2,
    "pad_type_id": 0,
    "pad_token": "cat",
}
LSTRIP = {"content": "<mask>", "lstrip": True, "rstrip": False, "single_word": False}


@pytest.mark.parametrize(
    ("kind", "edit"),
    [
        ("Bert", edited(CONFIG, do_lower_case=False)),
        ("Bert", edited(CONFIG, tokenizer_class="gone")),
        ("Bert", edited(CONFIG, tokenizer_class="BertTokenizerFast", unk_token="gone")),
        ("Bert", edited(CONFIG, tokenizer_class="PreTrainedTokenizerFast", do_lower_case=False)),
        ("Bert", edited(CONFIG, tokenizer_class="PreTrainedTokenizerFast", pad_token="gone")),
        ("Bert", edited(CONFIG, tokenizer_class="DistilBertTokenizer")),
        ("Bert", edited(CONFIG, additional_special_tokens=["<extra>"])),
        ("Bert", edited(FILE, truncation=CUT, padding=FILLED)),
        ("Bert", edited(FILE, added_tokens=[], normalizer=None, pre_tokenizer=None)),
        ("Bert", edited(FILE, post_processor=None, decoder=None)),
        ("Bert", edited("special_tokens_map.json", mask_token="cat", sep_token=LSTRIP)),
        ("Bert", edited("added_tokens.json", **{"[MASK]": 4})),
        ("Bert", edited("config.json", tokenizer_class="DistilBertTokenizer")),
        ("DistilBert", edited(CONFIG, tokenizer_class="gone")),
        ("Roberta", edited(CONFIG, mask_token="<mask>", bos_token=None)),
        ("Roberta", edited(CONFIG, tokenizer_class="BartTokenizerFast")),
        ("Roberta", edited("special_tokens_map.json", mask_token=LSTRIP)),
        ("GPT2", edited(FILE, padding=FILLED, post_processor=None)),
        ("GPT2", edited(CONFIG, tokenizer_class="PreTrainedTokenizerFast", add_prefix_space=True)),
        ("GPT2", edited(CONFIG, tokenizer_class="TokenizersBackend", bos_token="gone")),
        ("GPT2", edited(CONFIG, chat_template=TEMPLATE)),
        ("GPT2", edited(CONFIG, chat_template=[{"name": "default", "template": TEMPLATE}])),
        ("Qwen2", edited(CONFIG, tokenizer_class="PreTrainedTokenizerFast")),
        ("Qwen2", edited(CONFIG, tokenizer_class="LlamaTokenizerFast")),
        ("Qwen2", unlike_qwen),
        ("Llama", of_model(unk_token="<unk>")),
        ("Llama", edited(FILE, padding={**FILLED, "pad_token": "</s>"})),
        ("GPT2", edited("config.json", model_type="llama")),
        ("GPT2", edited("config.json", model_type="gpt_bigcode")),
    ],
)
def test_edited_folders_come_out_equal(kind: str, edit: Edit, tmp_path: Path) -> None:
    edit(make(kind, tmp_path))
    assert_equal(tmp_path)


@pytest.mark.skipif(LLAMA_IS_METASPACE, reason="this transformers reads it wrong")
def test_a_llama_over_bytes_is_read_as_its_file_says(tmp_path: Path) -> None:
    make("Qwen2", tmp_path)
    change(tmp_path / "config.json", model_type="llama")
    change(tmp_path / CONFIG, tokenizer_class="LlamaTokenizerFast")
    assert_equal(tmp_path)


@pytest.mark.parametrize("kind", ["Bert", "DistilBert", "GPT2", "Roberta"])
def test_a_vocabulary_alone_is_enough(kind: str, tmp_path: Path) -> None:
    make(kind, tmp_path)
    model = json.loads((tmp_path / FILE).read_text())["model"]
    (tmp_path / FILE).unlink()
    if kind in ("Bert", "DistilBert"):
        (tmp_path / "vocab.txt").write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    else:
        (tmp_path / "vocab.json").write_text(json.dumps(model["vocab"]), encoding="utf-8")
        merges = "\n".join(" ".join(pair) for pair in model["merges"])
        (tmp_path / "merges.txt").write_text(f"#version: 0.2\n{merges}\n", encoding="utf-8")
    assert_equal(tmp_path)


ADDED = {"id": 60, "content": "<new>", "special": False, **MARIAN_RULES}


def renumbered(folder: Path) -> None:
    tokens = json.loads((folder / FILE).read_text())["added_tokens"]
    change(folder / FILE, added_tokens=[*tokens, ADDED | {"id": 99}])


def normalized(folder: Path) -> None:
    tokens = json.loads((folder / FILE).read_text())["added_tokens"]
    at = len(PIECES)
    change(
        folder / FILE,
        normalizer=None,
        added_tokens=[*tokens, ADDED | {"id": at, "normalized": True}],
    )


@pytest.mark.parametrize(
    ("kind", "edit", "reason"),
    [
        ("Bert", edited("config.json", model_type="m2m_100"), "model type is m2m_100"),
        ("Bert", edited("config.json", model_type="gone", a=1), "model type is None"),
        ("Bert", edited(CONFIG, tokenizer_class="NllbTokenizer"), "of class NllbTokenizer"),
        ("Bert", edited(CONFIG, auto_map={"AutoTokenizer": ["a", None]}), "setting auto_map"),
        ("Bert", edited(CONFIG, image_token="<image>"), "setting image_token"),
        ("Bert", edited(CONFIG, unk_token="cat"), "another unk_token"),
        ("Bert", edited(CONFIG, extra_special_tokens={"a_token": "a"}), "unknown format"),
        ("Bert", edited(CONFIG, added_tokens_decoder={}), "added tokens are not those"),
        ("Bert", edited("added_tokens.json", new=60), "added tokens are not those"),
        ("Bert", edited("special_tokens_map.json", image_token="a"), "have image_token"),
        ("Bert", renumbered, "added tokens are not those"),
        ("Bert", normalized, "normalizes texts"),
        ("Bert", of_model(max_input_chars_per_word=9), "another max_input_chars_per_word"),
        ("GPT2", of_model(ignore_merges=True), "another ignore_merges"),
        ("GPT2", edited(CONFIG, fix_mistral_regex=True), "setting fix_mistral_regex"),
        ("GPT2", lambda folder: (folder / FILE).unlink(), "has no tokenizer.json"),
        ("GPT2", lambda folder: (folder / FILE).write_text("{}"), "cannot be read"),
    ],
)
def test_what_is_not_known_to_be_equal_is_refused(
    kind: str, edit: Edit, reason: str, tmp_path: Path
) -> None:
    edit(make(kind, tmp_path))
    with pytest.raises(UnsupportedTokenizer, match=reason):
        load_tokenizer(checkpoint(tmp_path))


@pytest.mark.parametrize(
    ("edit", "fault"),
    [
        (
            edited(CONFIG, unk_token=["cat"]),
            "`unk_token` is a list, a text that is not empty or an object",
        ),
        (edited(CONFIG, do_lower_case="no"), "`do_lower_case` is the text 'no', true or false was"),
    ],
)
def test_settings_of_a_wrong_type_are_refused_for_every_engine(
    edit: Edit, fault: str, tmp_path: Path
) -> None:
    edit(make("Bert", tmp_path))
    with pytest.raises(ModelUnsuitable, match=fault):
        load_tokenizer(checkpoint(tmp_path))
    with pytest.raises(ModelUnsuitable, match=fault):
        load_with_transformers(ModelSpec(str(tmp_path)))


def test_a_tokenizer_that_cannot_encode_an_unknown_character_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gpt_bigcode"}')
    model: dict[str, Any] = {"type": "WordLevel", "vocab": {"cat": 0}, "unk_token": "[UNK]"}
    (tmp_path / FILE).write_text(json.dumps({"model": model, "added_tokens": []}))
    with pytest.raises(UnsupportedTokenizer, match="cannot be used: WordLevel error"):
        load_tokenizer(checkpoint(tmp_path))
    with pytest.raises(ModelUnsuitable, match="cannot be loaded: WordLevel error"):
        load_with_transformers(ModelSpec(str(tmp_path)))
    model = {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}
    model["continuing_subword_prefix"] = "longer than the token"
    (tmp_path / FILE).write_text(json.dumps({"model": model, "added_tokens": []}))
    with pytest.raises(UnsupportedTokenizer, match="cannot be read: range"):
        load_tokenizer(checkpoint(tmp_path))
    with pytest.raises(ModelUnsuitable, match="cannot be loaded: range"):
        load_with_transformers(ModelSpec(str(tmp_path)))
    assert capfd.readouterr().err == ""  # a panic prints lines of its own


def test_a_gguf_file_and_a_marian_of_two_vocabularies_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedTokenizer, match="in a GGUF file"):
        load_tokenizer(Checkpoint("a", tmp_path, "local", gguf_file="a.gguf"))
    folder = make_marian(tmp_path / "marian", separate_vocabs=True)
    with pytest.raises(UnsupportedTokenizer, match="separate_vocabs"):
        load_tokenizer(checkpoint(folder))


def test_the_classes_of_models_are_those_of_transformers() -> None:
    from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES

    for model, name in REGISTERED.items():
        assert TOKENIZER_MAPPING_NAMES.get(model) == name, model


def test_neither_torch_nor_transformers_is_imported(
    tiny_chat: Path, tiny_marian: Path, tiny_bert: Path
) -> None:
    program = """
import sys
from pathlib import Path
from llmcli.models.checkpoint import Checkpoint
from llmcli.tokenization.load import load_tokenizer
from llmcli.tokenization.chat_template import choose_template
assert not {"tokenizers", "sentencepiece", "jinja2"} & {*sys.modules}
for folder in map(Path, sys.argv[1:]):
    tokenizer = load_tokenizer(Checkpoint("a", folder, "local"))
    ids = tokenizer("the cat")["input_ids"]
    print(len(ids) > 0, bool(tokenizer.decode(ids)))
    if tokenizer.chat_template:
        messages = [{"role": "user", "content": "hi"}]
        choose_template(tokenizer, None, "a").text(messages, prompts=True)
assert not {"torch", "transformers", "numpy"} & {*sys.modules}, sys.modules.keys()
"""
    folders = [str(one) for one in (tiny_chat, tiny_marian, tiny_bert)]
    done = subprocess.run(
        [sys.executable, "-c", program, *folders], capture_output=True, text=True, check=False
    )
    assert (done.stdout.split(), done.stderr) == (["True"] * 6, "")


@pytest.mark.parametrize("count", [0, 3, 3000])  # of the last, the list is longer than 64 kB
@pytest.mark.parametrize("before", ["", "é" * 70_000])
def test_added_tokens_are_found_wherever_they_are(count: int, before: str, tmp_path: Path) -> None:
    tokens = [{"id": at, "content": f"<é{at}>"} for at in range(count)]
    path = tmp_path / "tokenizer.json"
    content = {"before": before, "added_tokens": tokens, "model": {}}
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    assert stored_tokens(path) == tokens
