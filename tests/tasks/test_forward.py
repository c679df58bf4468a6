import math

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from llmcli.cli.output import quoted
from llmcli.data.rows import Failure, Row
from llmcli.engines.pytorch.loading import load
from llmcli.spec import ModelSpec
from llmcli.tasks.forward import forward, ranks_and_nats

ARTICLE = "我明天要去看电影。"


def forward_one(loaded, text, **settings):
    (result,) = forward(loaded, [Row(1, text)], **settings)
    return result


@pytest.mark.parametrize("text", [ARTICLE, "Once upon a time", "a"])
def test_the_result_is_that_of_the_articles_own_lines(tiny_gpt2, text):
    tokenizer = AutoTokenizer.from_pretrained(tiny_gpt2)
    model = AutoModelForCausalLM.from_pretrained(tiny_gpt2)
    input_ids = tokenizer.encode(text, return_tensors="pt")
    with torch.no_grad():
        outputs = model(input_ids)
    predicted_ids = outputs.logits.argmax(-1)
    (predicted_text,) = tokenizer.decode(predicted_ids[:, :-1])

    result = forward_one(load(ModelSpec(str(tiny_gpt2)), ("causal", "masked")), text)

    assert result.predicted_text == predicted_text
    assert [here.best[0].id for here in result.positions] == predicted_ids[0].tolist()
    assert result.next_token == result.positions[-1].best[0].token
    assert [here.id for here in result.positions] == input_ids[0].tolist()


def test_ranks_and_nats_by_hand():
    logits = torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]]).log()
    ranks, nats = ranks_and_nats(logits, torch.tensor([1, 2]))
    assert ranks == [2, 1]
    assert nats == pytest.approx([math.log(4), -math.log(0.7)])


def test_perplexity_is_that_of_the_loss_of_transformers(gpt2):
    result = forward_one(gpt2, "Once upon a time a cat sat")
    ids = gpt2.tokenizer("Once upon a time a cat sat", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        loss = gpt2.network(ids, labels=ids).loss.item()
    assert result.mean_nats == pytest.approx(loss, rel=1e-5)
    assert result.perplexity == pytest.approx(math.exp(loss), rel=1e-5)


def test_the_last_position_of_a_causal_model_has_nothing_that_came(gpt2):
    result = forward_one(gpt2, "a cat", top=3)
    assert result.positions[-1].rank is None and result.positions[-1].nats is None
    assert all(here.rank is not None for here in result.positions[:-1])
    for here in result.positions:
        assert len(here.best) == 3
        assert here.best[0].probability >= here.best[1].probability >= here.best[2].probability


def test_one_token_alone_has_no_perplexity(gpt2):
    assert forward_one(gpt2, "a").perplexity is None


def test_a_masked_model_predicts_the_token_at_its_own_place(tiny_bert):
    loaded = load(ModelSpec(str(tiny_bert), allow_special=True), ("causal", "masked"))
    result = forward_one(loaded, "the cat [MASK] on mats")
    ids = loaded.tokenizer("the cat [MASK] on mats", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        logits = loaded.network(ids).logits[0]
    assert result.kind == "masked"
    assert [here.best[0].id for here in result.positions] == logits.argmax(-1).tolist()
    expected = -logits.log_softmax(-1)[torch.arange(len(ids[0])), ids[0]]
    assert [here.nats for here in result.positions] == pytest.approx(expected.tolist(), rel=1e-5)
    assert result.mean_nats == pytest.approx(expected.mean().item(), rel=1e-5)
    assert result.perplexity is None and result.next_token is None  # it sees what it predicts


def test_a_row_that_cannot_be_looked_at_fails_alone(gpt2):
    rows = [Row(1, "a"), Row(2, ""), Row(3, "cat " * 100), Row(4, "", error="bad"), Row(5, "b")]
    results = list(forward(gpt2, rows))
    assert [one.row.number for one in results] == [1, 2, 3, 4, 5]
    errors = [one.error for one in results if isinstance(one, Failure)]
    assert "empty" in errors[0] and "takes 64" in errors[1] and errors[2] == "bad"


def test_what_forward_prints_names_the_prediction_after_the_text_and_no_perplexity_of_bert(
    run, tiny_gpt2, tiny_bert, gpt2
):
    result = forward_one(gpt2, "a cat")
    shown = run("forward", "-q", "-m", tiny_gpt2, "a cat").stdout
    assert f"after the last token: {quoted(result.next_token)}" in shown and "perplexity " in shown
    masked = run("forward", "-q", "-m", tiny_bert, "the cat sat").stdout
    assert "nats a token, each of which the model sees: no perplexity" in masked
    assert "after the last token" not in masked
