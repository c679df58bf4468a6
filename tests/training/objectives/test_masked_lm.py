"""Hidden tokens are learnt, and `fill` guesses them."""

import torch

from llmcli.data.rows import Row
from llmcli.engines.pytorch.loading import load
from llmcli.spec import ModelSpec
from llmcli.spec.training import Training
from llmcli.training.objectives.masked_lm import MaskedLM
from tests.tiny_models import MORE_WORDS, WORDS, make_bert, scaled


def test_hidden_words_are_learnt_and_fill_guesses_them(run, tmp_path, fit):
    shape = {"hidden_size": 32, "intermediate_size": 64}
    base = scaled(make_bert(tmp_path / "base", "MaskedLM", WORDS + MORE_WORDS, **shape), 1 / 8)
    rows = [{"text": "the cat sat on mats"}, {"text": "a dog ran"}] * 40
    result = fit(base, rows, "masked-lm", max_steps=80, eval_fraction=0.1, mask_fraction=0.3)
    assert result.metrics["loss"] < 0.5
    shown = run("fill", "a dog [MASK]", "-m", tmp_path / "model", "--json").stdout
    assert '"ran"' in shown


def test_a_masked_example_is_the_same_in_every_batch(tiny_masked):
    loaded = load(ModelSpec(str(tiny_masked)), ("masked",))
    task = MaskedLM(Training((), "", block_size=16, mask_fraction=0.5, seed=7))
    objective = task.objective(loaded.network, loaded.tokenizer)
    examples = objective.examples([Row(1, "the cat sat on mats"), Row(2, "a dog ran")])
    alone = objective.collate([examples[1]])
    together = objective.collate([examples[0], examples[1]])
    width = alone["input_ids"].shape[1]
    assert torch.equal(alone["input_ids"][0], together["input_ids"][1, :width])
    assert any(  # later epochs hide others
        not torch.equal(
            objective.collate([examples[1 + epoch * len(examples)]])["labels"], alone["labels"]
        )
        for epoch in range(1, 6)
    )
