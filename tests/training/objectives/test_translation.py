"""Translations in several directions are learnt, and `translate` makes them."""

import json

from tests.tiny_models import make_marian, scaled


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
