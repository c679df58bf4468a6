"""Translations in several directions are learnt, and `translate` makes them."""

import json
import sys
from pathlib import Path

import pytest
from transformers import M2M100Tokenizer, MBart50Tokenizer, MBartTokenizer, NllbTokenizer

from llmcli.data.rows import Row
from llmcli.spec.training import Training
from llmcli.training.objectives.translation import task
from tests.tiny_models import make_marian, scaled, train_sentencepieces

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
import architectures  # noqa: E402


def test_a_translator_is_learnt_and_translate_uses_it(run, fit, tmp_path):
    languages = (">>en<<", ">>fr<<")
    base = make_marian(tmp_path / "marian", languages, source_lang="en", target_lang="mul")
    scaled(base, 1 / 6)
    rows = [
        {"source": "the cat", "target": "Le chat", "from": "en", "to": "fr"},
        {"source": "Le chat", "target": "the cat", "from": "fr", "to": "en"},
        {"source": "my friends", "target": "mes amis", "from": "en", "to": "fr"},
    ] * 30
    changes = {"max_steps": 150, "learning_rate": 5e-3, "eval_fraction": 0.1}
    result = fit(base, rows, "translation", **changes)
    assert result.metrics["loss"] < 0.5
    model = tmp_path / "model"
    pairs = json.loads((model / "config.json").read_text())["translation_pairs"]
    assert sorted(pairs) == [["en", "fr"], ["fr", "en"]]
    assert run("translate", "the cat", "-t", "fr", "-m", model).stdout.strip() == "Le chat"
    assert run("translate", "Le chat", "-t", "en", "-m", model).stdout.strip() == "the cat"


WORDS = ("\u2581the", "\u2581cat", "\u2581dog", "\u2581le", "\u2581chat", "\u2581chien")
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
SCORED = [*((token, 0.0) for token in SPECIAL), *((word, -1.0) for word in WORDS)]
NUMBERED = {word: at for at, word in enumerate([*SPECIAL, *WORDS])}
MULTILINGUAL = {
    "nllb": lambda _: NllbTokenizer(NUMBERED, []),
    "m2m100": lambda folder: m2m100_tokenizer(folder),
    "mbart-50": lambda _: MBart50Tokenizer(SCORED),
    "mbart": lambda _: MBartTokenizer(SCORED),
}
CODES = {"nllb": ("fra_Latn", "eng_Latn"), "m2m100": ("fr", "en")}


def m2m100_tokenizer(folder):
    """SentencePiece, with tokens such as __en__ for the languages, whose codes are en and fr."""
    pieces = train_sentencepieces(folder)
    vocabulary = {piece: at for at, piece in enumerate([*SPECIAL, *pieces])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    return M2M100Tokenizer(str(folder / "vocab.json"), str(folder / "source.spm"))


@pytest.mark.parametrize("name", MULTILINGUAL)
def test_the_codes_of_languages_are_where_the_model_expects_them(name, tmp_path):
    """Source and target are what its tokenizer makes; the decoder reads the target's code first."""
    tokenizer = MULTILINGUAL[name](tmp_path)
    kind = "mbart" if "mbart" in name else "m2m_100"
    rows = max(tokenizer.get_vocab().values()) + 1
    model = architectures.build(kind, "seq2seq", vocab_size=rows)
    options = Training(("x.jsonl",), "out", task="translation")
    objective = task(options).objective(model, tokenizer)
    fields = {"from": "fr", "to": "en"}
    (feature,) = objective.examples([Row(1, "le chien", fields, pair="the dog")]).features
    french, english = CODES.get(name, ("fr_XX", "en_XX"))
    tokenizer.src_lang, tokenizer.tgt_lang = french, english
    target = tokenizer(text_target="the dog")["input_ids"]
    assert feature["input_ids"] == tokenizer("le chien")["input_ids"]
    assert feature["labels_ids"] == target
    written = ("__fr__", "__en__") if name == "m2m100" else (french, english)
    code, end = tokenizer.convert_tokens_to_ids(written[1]), tokenizer.eos_token_id
    read = objective.collate([feature])["decoder_input_ids"][0].tolist()
    assert code in target
    assert written[0] in tokenizer.convert_ids_to_tokens(feature["input_ids"])
    assert read == ([code, *target[:-1]] if name == "mbart" else [end, code, *target[1:-1]])
