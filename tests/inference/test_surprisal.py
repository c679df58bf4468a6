"""The surprisal of tokens, against plain loops."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from llmcli.data.rows import Failure, Row
from llmcli.engines import choose
from llmcli.engines.choose import Purpose
from llmcli.engines.pytorch.engine import TorchEngine
from llmcli.engines.pytorch.loading import load
from llmcli.errors import UsageError
from llmcli.inference import surprisal
from llmcli.inference.batches import process
from llmcli.inference.surprisal import Scoring, Stretch, stretches
from llmcli.spec import AUTO_BATCH, BatchOptions, ModelSpec
from llmcli.spec.evaluation import PerplexityOptions
from tests.tiny_models import STORY, make_causal

WIDE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
TEXT = STORY * 3  # some 300 tokens, where the model takes 64


def score(loaded, text, batch=AUTO_BATCH, **settings):
    scoring = Scoring(loaded, PerplexityOptions(**settings))
    (result,) = process(scoring, [Row(1, text)], batch)
    return result


def loop_of_the_guide(loaded, ids, block, stride):
    """Hugging Face's guide on perplexity, by the labels that it masks."""
    total, count, done = 0.0, 0, 0
    for begin in range(0, len(ids), stride):
        end = min(begin + block, len(ids))
        window = torch.tensor([ids[begin:end]])
        labels = window.clone()
        labels[:, : done - begin] = -100
        with torch.no_grad():
            logits = loaded.network(window).logits[0, :-1]
        losses = torch.nn.functional.cross_entropy(logits, labels[0, 1:], reduction="none")
        total, count = total + losses.sum().item(), count + int((labels[0, 1:] != -100).sum())
        done = end
        if end == len(ids):
            break
    return total, count


@pytest.mark.parametrize(("block", "stride"), [(64, 32), (64, 63), (16, 4), (10, 9), (2, 1)])
def test_strided_perplexity_is_that_of_the_guide(gpt2, block, stride):
    result = score(gpt2, TEXT, bos=False, block_size=block, stride=stride)
    ids = gpt2.tokenizer(TEXT)["input_ids"]
    total, count = loop_of_the_guide(gpt2, ids, block, stride)
    assert result.nats.sum() == pytest.approx(total, rel=1e-5)
    assert len(result.nats) == count == len(ids) - 1


@pytest.mark.parametrize("length", range(2, 20))
@pytest.mark.parametrize(("block", "stride"), [(4, 1), (4, 3), (7, 3)])
def test_each_token_but_the_first_is_scored_once_with_enough_context(length, block, stride):
    scored = []
    for part in stretches(range(length), block, stride):
        assert part.size <= block
        for at in range(part.first, part.size):
            scored.append(part.ids[at])
            assert at >= min(part.ids[at], block - stride)
    assert scored == list(range(1, length))


def test_the_first_token_is_scored_after_the_beginning_of_a_text(gpt2):
    with_start, without = score(gpt2, "the cat", bos=None), score(gpt2, "the cat", bos=False)
    assert len(with_start.nats) == len(without.nats) + 1
    with torch.no_grad():
        logits = gpt2.network(torch.tensor([[gpt2.tokenizer.bos_token_id]])).logits[0, -1]
    first = gpt2.tokenizer("the cat")["input_ids"][0]
    assert with_start.nats[0] == pytest.approx(-logits.log_softmax(-1)[first].item(), rel=1e-5)


@pytest.mark.parametrize("size", [1, 3])
def test_batches_change_nothing(gpt2, size):
    scoring = Scoring(gpt2, PerplexityOptions(block_size=16))
    rows = [Row(n, TEXT[: 20 * n]) for n in range(1, 6)]
    together = list(process(scoring, rows, AUTO_BATCH))
    apart = list(process(scoring, rows, BatchOptions(batch_size=size)))
    for result, other in zip(together, apart, strict=True):
        assert result.nats == pytest.approx(other.nats, rel=1e-4)


def test_a_recurrent_model_is_scored_in_batches_as_alone(bpe, tmp_path):
    from tests.tiny_models import MAMBA

    loaded = load(ModelSpec(str(make_causal(bpe, tmp_path / "mamba", **MAMBA))), ("causal",))
    scoring = Scoring(loaded, PerplexityOptions(block_size=16))
    rows = [Row(1, TEXT[:90]), Row(2, TEXT[:40])]
    results = list(process(scoring, rows, AUTO_BATCH))
    for row, result in zip(rows, results, strict=True):
        assert result.nats == pytest.approx(score(loaded, row.text, block_size=16).nats, rel=1e-4)


def test_ct2_is_as_surprised_as_torch(gpt2, tiny_gpt2):
    light = choose.load(ModelSpec(str(tiny_gpt2), engine="ct2"), Purpose(("causal",)))
    rows = [Row(1, TEXT), Row(2, "the cat"), Row(3, TEXT[:90])]
    scored = [
        list(process(Scoring(loaded, PerplexityOptions(stride=40)), rows, AUTO_BATCH))
        for loaded in (light, gpt2)
    ]
    for result, expected in zip(*scored, strict=True):
        assert result.nats == pytest.approx(expected.nats, rel=1e-4)
        assert (result.ids, result.starts.tolist()) == (expected.ids, expected.starts.tolist())


def test_a_batch_computes_no_more_logits_than_fit(gpt2, monkeypatch):
    monkeypatch.setattr(surprisal, "LOGITS", 64 * gpt2.config.vocab_size)
    scoring = Scoring(gpt2, PerplexityOptions(block_size=16))
    assert scoring.budget == 64
    sizes = []
    score = gpt2.engine.score
    monkeypatch.setattr(
        gpt2.engine, "score", lambda rows, counts: sizes.append(len(rows)) or score(rows, counts)
    )
    logprobs = scoring.run(
        [Stretch([5] * 16, 1), Stretch([5] * 8, 4)] * 4
    )  # as --batch-size 8 does
    assert sizes == [4, 4] and [len(row) for row in logprobs] == [15, 4] * 4


@pytest.mark.parametrize("name", ["roberta", "bart", "rwkv"])
def test_rows_are_scored_together_as_alone_whatever_a_model_makes_of_padding(name):
    torch.manual_seed(0)
    settings = {
        "roberta": {**WIDE, "is_decoder": True, "intermediate_size": 32},
        "bart": {"d_model": 16, "decoder_layers": 2, "decoder_ffn_dim": 32, "is_decoder": True},
        "rwkv": {"hidden_size": 16, "num_hidden_layers": 2, "context_length": 64},
    }
    ends = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
    config = AutoConfig.for_model(name, vocab_size=40, **ends, **settings[name])
    engine = TorchEngine(AutoModelForCausalLM.from_config(config).eval())
    rows, counts = [[0, 5, 6, 7, 8, 9], [0, 9, 8], [0, 4, 4, 4]], [2, 2, 1]
    together = engine.score(rows, counts)
    for row, count, logprobs in zip(rows, counts, together, strict=True):
        assert logprobs == pytest.approx(engine.score([row], [count])[0], rel=1e-4)
        with torch.no_grad():
            logits = engine._network(torch.tensor([row])).logits[0].log_softmax(-1)
        expected = [logits[at - 1, row[at]].item() for at in range(len(row) - count, len(row))]
        assert logprobs == pytest.approx(expected, rel=1e-4)


def test_a_text_with_nothing_to_score_fails(gpt2):
    assert isinstance(score(gpt2, "t", bos=False), Failure)
    assert isinstance(score(gpt2, ""), Failure)


@pytest.mark.parametrize(
    "settings", [{"block_size": 65}, {"block_size": 8, "stride": 8}, {"stride": 64}]
)
def test_a_block_that_cannot_be_is_refused(gpt2, settings):
    with pytest.raises(UsageError):
        Scoring(gpt2, PerplexityOptions(**settings))
