"""What comes out is compared with transformers' AutoTokenizer."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jinja2 import TemplateError

from llmcli.models.checkpoint import STARTERS, Checkpoint
from llmcli.tokenization.base import UnsupportedTokenizer
from llmcli.tokenization.load import REGISTERED, load_tokenizer
from tests.tiny_models import STORY, make_marian
from tests.versions import CHAT_SANDBOX_IS_LAX, LLAMA_IS_METASPACE

TEXTS = [
    "",
    " ",
    " \t\n  \n\r\n ",
    "Once upon a time, there was a little CAT.",
    "  two  spaces , and a mark !  Isn't it , I 'm sure ? ",
    "我明天要去看电影。",
    "Les élèves étaient à Noël; e\u0301le\u0301ve, \ufb01ne \u2162 ＡＢＣ",
    "😀👩‍👩‍👧 flag 🇫🇷",
    "nul \x00 bell \x07 \u200b zero \u00ad soft \ufeff bom \ufffd",
    "<s> </s><unk></s> <pad> <mask>  and <|endoftext|><|endoftext|> <|padding|> <|im_start|>",
    "a [CLS]b [SEP] c[MASK] [UNK][PAD] [mask] <extra> <EXTRA>",
    ">>fra<< hello cat",
    ">>fra<<",
    ">>zzz<< hello",
    ">> a << b",
    "<</s>",
    "</s</s>>",
    "x" * 300,
    "123 4567 3.14 http://a.b/c?d=e&f=g @me #tag",
    "\u0130stanbul \u1e9e \u03a3\u03c2 \u05d0\u05d1 \u0e01\u0e33 \ud55c\uae00",
    STORY * 5,
]
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

Edit = Callable[[Path], None]


def checkpoint(folder: Path) -> Checkpoint:
    return Checkpoint(folder.name, folder, "local")


def reference(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


def assert_equal(folder: Path) -> Any:
    """Compare everything that llmcli asks of a tokenizer; returns the light one."""
    theirs, ours = reference(folder), load_tokenizer(checkpoint(folder))
    for name in ("bos", "eos", "unk", "sep", "pad", "cls", "mask"):
        for key in (f"{name}_token", f"{name}_token_id"):
            assert getattr(ours, key) == getattr(theirs, key), key
    for key in ("is_fast", "model_max_length", "all_special_ids", "chat_template"):
        assert getattr(ours, key) == getattr(theirs, key), key
    for key in ("supported_language_codes", "source_lang", "target_lang"):
        assert getattr(ours, key, None) == getattr(theirs, key, None), key
    assert len(ours) == len(theirs)
    assert ours.get_added_vocab() == theirs.get_added_vocab()
    if theirs.is_fast and len(theirs) < 5000:
        assert parts_of(ours) == parts_of(theirs)
    own = [*theirs.get_added_vocab(), *theirs.all_special_tokens]
    texts = [*TEXTS, *(f"a{token} {token}b{token}" for token in own)]
    assert_encode_alike(ours, theirs, texts, {"verbose": False})
    for split in (True, False):
        how = {"add_special_tokens": not split, "split_special_tokens": split, "verbose": False}
        assert_encode_alike(ours, theirs, texts, how)
    assert_decode_alike(ours, theirs, texts)
    return ours


def parts_of(tokenizer: Any) -> dict[str, Any]:
    """All that a backend is made of, but what transformers sets anew at each call."""
    parts: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    for key in ("continuing_subword_prefix", "end_of_word_suffix"):
        parts["model"][key] = parts["model"].get(key) or ""
    return {**parts, "truncation": None, "padding": None}


def assert_encode_alike(ours: Any, theirs: Any, texts: list[str], how: dict[str, Any]) -> None:
    for text in texts:
        assert dict(ours(text, **how)) == dict(theirs(text, **how)), text
        pair = {**how, "return_special_tokens_mask": True}
        assert dict(ours(text, "the cat", **pair)) == dict(theirs(text, "the cat", **pair)), text
    how |= {
        "return_special_tokens_mask": True,
        "return_offsets_mapping": theirs.is_fast,
        "return_attention_mask": False,
        "truncation": False,
        "padding": False,
    }
    for pairs in (None, texts[::-1]):
        left, right = ours(texts, pairs, **how), theirs(texts, pairs, **how)
        assert dict(left) == dict(right)
        if theirs.is_fast:
            assert all(left.sequence_ids(at) == right.sequence_ids(at) for at in range(len(texts)))


def assert_decode_alike(ours: Any, theirs: Any, texts: list[str]) -> None:
    for text in texts:
        ids = theirs(text, verbose=False)["input_ids"]
        tokens = theirs.convert_ids_to_tokens(ids)
        assert ours.convert_ids_to_tokens(ids) == tokens
        assert ours.convert_tokens_to_ids(tokens) == theirs.convert_tokens_to_ids(tokens)
        assert ours.convert_tokens_to_string(tokens) == theirs.convert_tokens_to_string(tokens)
        for skip in (True, False):
            found = ours.decode(ids, skip_special_tokens=skip)
            assert found == theirs.decode(ids, skip_special_tokens=skip)
    for at in range(min(len(theirs), 400)):
        assert ours.convert_ids_to_tokens(at) == theirs.convert_ids_to_tokens(at)
        assert ours.decode(at) == theirs.decode(at) == ours.decode([at])
    for token in ("cat", "no such token", "</s>"):
        assert ours.convert_tokens_to_ids(token) == theirs.convert_tokens_to_ids(token)


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


def byte_level(words: list[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """The vocabulary of a BPE over bytes, beginning with some words of its own, and its merges."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    letters = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, initial_alphabet=letters, special_tokens=words)
    tokenizer.train_from_iterator([STORY] * 3, trainer)
    return vocabulary_of(tokenizer)


def vocabulary_of(tokenizer: Any) -> tuple[dict[str, int], list[tuple[str, str]]]:
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(pair) for pair in model["merges"]]


def metaspace() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """A BPE as Llama's: with a sign for spaces, and the bytes of what it does not know."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    words = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=340, special_tokens=words)
    tokenizer.train_from_iterator([STORY] * 3, trainer)
    return vocabulary_of(tokenizer)


PIECES = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *"abcdefghimnoprstuwyé.,!?'我明",
    "cat",
    "CAT",
]
PIECES += ["the", "##e", "##s", "##t", "##a", "##n", "##o", "eleve", "élève", "time", "little", "I"]


def make(kind: str, folder: Path, **settings: Any) -> Path:
    """Save a small tokenizer of one of transformers' classes."""
    import transformers

    cls = getattr(transformers, f"{kind}Tokenizer")
    if kind in ("Bert", "DistilBert"):
        tokenizer = cls(vocab={word: at for at, word in enumerate(PIECES)}, **settings)
    else:
        words = ["<s>", "</s>", "<unk>", "<pad>", "<mask>"] if kind == "Roberta" else []
        vocab, merges = metaspace() if kind == "Llama" else byte_level([*words, "<|endoftext|>"])
        tokenizer = cls(vocab=vocab, merges=merges, **settings)
    tokenizer.save_pretrained(folder)
    models = {"GPTNeoX": "gpt_neox", "Qwen2": "qwen2"}
    config = {"model_type": models.get(kind, kind.lower())}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


KINDS = ["Bert", "DistilBert", "Roberta", "GPT2", "GPTNeoX", "Qwen2", "Llama"]


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


def change(path: Path, **changes: Any) -> None:
    """Edit a JSON object in a file, which begins empty."""
    value = json.loads(path.read_text()) if path.is_file() else {}
    value |= changes
    path.write_text(json.dumps({key: one for key, one in value.items() if one != "gone"}))


def edited(name: str, **changes: Any) -> Edit:
    return lambda folder: change(folder / name, **changes)


CONFIG, FILE = "tokenizer_config.json", "tokenizer.json"


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


MARIAN_RULES = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False}


@pytest.mark.parametrize(
    "settings",
    [
        {"source_lang": "en", "target_lang": "mul", "model_max_length": 48},
        {"clean_up_tokenization_spaces": True, "extra_special_tokens": ["<a>", "<a>b", ">>fra<<"]},
        {"added_tokens_decoder": {"0": {**MARIAN_RULES, "content": "</s>", "special": True}}},
        {"split_special_tokens": True, "pad_token": "<new>"},
    ],
)
def test_a_marian_with_languages_comes_out_equal(settings: dict[str, Any], tmp_path: Path) -> None:
    folder = make_marian(tmp_path / "marian", (">>fra<<", ">>deu<<"), **settings)
    ours = assert_equal(folder)
    assert ours.supported_language_codes == [">>fra<<", ">>deu<<"]
    with pytest.raises(ValueError, match="no character offsets"):
        ours("a", return_offsets_mapping=True)


def test_a_marian_with_a_hole_in_its_vocabulary_comes_out_equal(tmp_path: Path) -> None:
    from sentencepiece import SentencePieceTrainer

    folder = make_marian(tmp_path / "marian")
    (tmp_path / "text").write_text("mes amis sont sur le tapis avec le chat\n" * 9)
    prefix = str(folder / "target")
    SentencePieceTrainer.train(
        input=str(tmp_path / "text"), model_prefix=prefix, vocab_size=20, minloglevel=2
    )
    (folder / "target.model").rename(folder / "target.spm")
    words = json.loads((folder / "vocab.json").read_text())
    kept = {word: at for word, at in words.items() if at != 10}
    (folder / "vocab.json").write_text(json.dumps(kept))
    theirs, ours = reference(folder), load_tokenizer(checkpoint(folder))
    before = theirs.convert_ids_to_tokens(10)
    assert ours.decode([10, 11]) == theirs.decode([10, 11])  # theirs changes to the source for good
    assert ours.convert_ids_to_tokens(10) == theirs.convert_ids_to_tokens(10) != before


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
        ("Bert", edited(CONFIG, unk_token=["cat"]), "unknown format"),
        ("Bert", edited(CONFIG, do_lower_case="no"), "unusual settings"),
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
        ("GPT2", lambda folder: (folder / "additional_chat_templates").mkdir(), "several chat"),
    ],
)
def test_what_is_not_known_to_be_equal_is_refused(
    kind: str, edit: Edit, reason: str, tmp_path: Path
) -> None:
    edit(make(kind, tmp_path))
    with pytest.raises(UnsupportedTokenizer, match=reason):
        load_tokenizer(checkpoint(tmp_path))


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
assert not {"tokenizers", "sentencepiece", "jinja2"} & {*sys.modules}
for folder in map(Path, sys.argv[1:]):
    tokenizer = load_tokenizer(Checkpoint("a", folder, "local"))
    ids = tokenizer("the cat")["input_ids"]
    print(len(ids) > 0, bool(tokenizer.decode(ids)))
    if tokenizer.chat_template:
        tokenizer.apply_chat_template([{"role": "user", "content": "hi"}])
assert not {"torch", "transformers", "numpy"} & {*sys.modules}, sys.modules.keys()
"""
    folders = [str(one) for one in (tiny_chat, tiny_marian, tiny_bert)]
    done = subprocess.run(
        [sys.executable, "-c", program, *folders], capture_output=True, text=True, check=False
    )
    assert (done.stdout.split(), done.stderr) == (["True"] * 6, "")
