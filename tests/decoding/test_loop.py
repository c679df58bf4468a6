"""Our decoding against transformers' generate, token for token, on small random models."""

import pytest
import torch
from transformers import AutoModelForCausalLM

from llmcli.decoding.beam_search import beam_search
from llmcli.decoding.decoder_only import CachedCausal
from llmcli.decoding.loop import DecodingLoop
from llmcli.decoding.request import Request
from llmcli.decoding.steps import sequence_seed
from llmcli.spec import Decoding
from tests.tiny_models import BLOOM, GPT2, LLAMA, MAMBA, make_causal

PROMPTS = [[5, 9, 12], [7], [40, 41, 42, 43, 44, 45, 46], [100, 200, 100]]
END = frozenset({0})


@pytest.fixture(scope="module", params=[GPT2, LLAMA, BLOOM, MAMBA], ids=lambda c: c["model_type"])
def model(request, bpe, tmp_path_factory):
    folder = make_causal(bpe, tmp_path_factory.mktemp("m"), **request.param)
    return AutoModelForCausalLM.from_pretrained(folder).eval()


def decode(model, prompts, spec, *, limit=12, seeds=None, end=END):
    request = Request(prompts, [limit] * len(prompts), end, seeds or [0] * len(prompts))
    decoder = DecodingLoop(CachedCausal(model, prompts), request, spec)
    rows = [[] for _ in prompts]
    while decoder.running:
        for step in decoder.step():
            rows[step.row].append(step.token)
    return rows


def reference(model, prompt, *, limit=12, end=0, **settings):
    ids = torch.tensor([prompt])
    out = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=limit,
        do_sample=False,
        eos_token_id=end,
        pad_token_id=0,
        **settings,
    )
    return out[:, len(prompt) :].tolist()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"repetition_penalty": 1.3},
        {"no_repeat_ngram_size": 2},
        {"repetition_penalty": 0.8, "no_repeat_ngram_size": 3},
    ],
    ids=str,
)
@pytest.mark.parametrize("prompt", PROMPTS, ids=str)
def test_greedy_tokens_equal_those_of_generate(model, prompt, settings):
    spec = Decoding(**settings)
    assert decode(model, [prompt], spec) == reference(model, prompt, **settings)


def test_a_batch_of_unequal_prompts_gives_what_each_gives_alone(model):
    alone = [decode(model, [prompt], Decoding())[0] for prompt in PROMPTS]
    assert decode(model, PROMPTS, Decoding()) == alone


def test_a_row_that_ends_early_leaves_the_others_as_they_are(model):
    alone = [decode(model, [prompt], Decoding())[0] for prompt in PROMPTS]
    end = alone[2][3]  # the third row ends after four tokens, others perhaps elsewhere
    cut = [row[: row.index(end) + 1] if end in row else row for row in alone]
    assert decode(model, PROMPTS, Decoding(), end=frozenset({end})) == cut


def test_sampled_rows_depend_on_their_own_seed_alone(model):
    spec = Decoding(temperature=1.5, top_p=0.95)
    together = decode(model, PROMPTS, spec, seeds=[3, 4, 5, 6])
    alone = [decode(model, [PROMPTS[at]], spec, seeds=[3 + at])[0] for at in range(4)]
    assert together == alone
    assert decode(model, PROMPTS, spec, seeds=[30, 40, 50, 60]) != together


def test_stop_ends_one_row_and_no_other(model):
    request = Request(PROMPTS[:2], [5, 5], frozenset())
    decoder = DecodingLoop(CachedCausal(model, PROMPTS[:2]), request, Decoding())
    rows = [step.row for step in decoder.step()]
    decoder.stop(0)
    while decoder.running:
        rows += [step.row for step in decoder.step()]
    assert rows == [0, 1, 1, 1, 1, 1]


def test_each_row_keeps_to_its_own_limit(model):
    request = Request(PROMPTS[:3], [2, 0, 3], frozenset())
    decoder = DecodingLoop(CachedCausal(model, PROMPTS[:3]), request, Decoding())
    rows = []
    while decoder.running:
        rows += [step.row for step in decoder.step()]
    assert sorted(rows) == [0, 0, 2, 2, 2]


def test_logprobs_are_those_of_the_model_before_any_filter(model):
    spec = Decoding(temperature=0.5, top_k=2, logprobs=3, seed=1)
    request = Request(PROMPTS[:1], [1], END, seeds=[1])
    (step,) = DecodingLoop(CachedCausal(model, PROMPTS[:1]), request, spec).step()
    with torch.no_grad():
        expected = model(torch.tensor([PROMPTS[0]])).logits[0, -1].log_softmax(-1)
    assert step.logprob == pytest.approx(expected[step.token].item(), abs=1e-5)
    assert [one.token for one in step.best] == expected.topk(3).indices.tolist()
    torch.testing.assert_close(
        torch.tensor([one.logprob for one in step.best]), expected.topk(3).values
    )


@pytest.mark.parametrize("end", [0, 17], ids=["no early end", "early end"])
@pytest.mark.parametrize("settings", [{}, {"no_repeat_ngram_size": 2}, {"repetition_penalty": 1.5}])
@pytest.mark.parametrize("beams", [2, 5])
def test_beams_equal_those_of_generate(model, beams, settings, end):
    if not hasattr(model.config, "num_attention_heads"):
        pytest.skip("transformers has no beam search for state-space models")
    prompt = PROMPTS[0]
    if end:  # a token that the search really meets, so that hypotheses finish early
        end = reference(model, prompt, end=None, num_beams=beams, **settings)[0][4]
    theirs = reference(
        model, prompt, end=end, num_beams=beams, num_return_sequences=beams, **settings
    )
    options = Decoding(num_beams=beams, num_return_sequences=beams, **settings)
    request = Request([prompt], [12], frozenset({end}))
    (hypotheses,) = beam_search(CachedCausal(model, [prompt]), request, options)
    ours = [list(best.tokens) + [end] * best.ended for best in hypotheses]
    assert ours == [trimmed(row, end) for row in theirs]


def test_a_model_that_takes_padding_for_text_gets_no_padding(bpe, tmp_path):
    from llmcli.data.rows import Row
    from llmcli.engines.pytorch.loading import load
    from llmcli.spec import BatchOptions, Chat, ModelSpec
    from llmcli.tasks.generate import generate

    settings = {"model_type": "rwkv", "hidden_size": 16, "num_hidden_layers": 2}
    loaded = load(ModelSpec(str(make_causal(bpe, tmp_path / "rwkv", **settings))), ("causal",))
    rows = [Row(1, "a"), Row(2, "Once upon a time"), Row(3, "the cat")]
    spec = Decoding(max_new_tokens=6)
    together = [
        one.text for one in generate(loaded, rows, spec, Chat(), BatchOptions(batch_size=3))
    ]
    alone = [next(generate(loaded, [row], spec, Chat())).text for row in rows]
    assert together == alone


def trimmed(row, end):
    return row[: row.index(end) + 1] if end in row else row


def test_the_first_sequence_has_the_users_seed_and_the_others_their_own():
    seeds = [sequence_seed(7, n) for n in range(100)] + [sequence_seed(8, n) for n in range(100)]
    assert seeds[0] == 7
    assert len(set(seeds)) == 200
