"""A cache with room holds what one without holds, and copies it seldom."""

import weakref

import pytest
import torch
from transformers import AutoConfig, AutoModelForSeq2SeqLM
from transformers.cache_utils import DynamicCache, DynamicLayer

from llmcli.decoding import decoder_only
from llmcli.decoding.decoder_only import CachedCausal
from llmcli.decoding.encoder_decoder import CachedSeq2Seq
from llmcli.decoding.kv_cache import ROOM, RoomyLayer, joined, with_room
from llmcli.engines.pytorch.loading import load
from llmcli.spec import ModelSpec
from tests.tiny_models import BLOOM, GPT2, LLAMA, MAMBA, make_causal


def states(rows, tokens, seed):
    torch.manual_seed(seed)
    return torch.randn(rows, 2, tokens, 4), torch.randn(rows, 2, tokens, 4)


@pytest.fixture
def pair():
    """A layer of transformers and ours, each fed a prompt of 5 tokens in 3 rows."""
    layers = DynamicLayer(), RoomyLayer()
    for layer in layers:
        layer.update(*states(3, 5, seed=0))
    return layers


def append(pair, rows, tokens=1, seed=1):
    expected, found = (layer.update(*states(rows, tokens, seed)) for layer in pair)
    assert torch.equal(found[0], expected[0]) and torch.equal(found[1], expected[1])
    assert pair[0].get_seq_length() == pair[1].get_seq_length()


def test_it_holds_what_was_appended_whatever_happened_in_between(pair):
    for seed in range(3):
        append(pair, 3, seed=seed)
    for index in ([2, 0], [1, 1, 0], [0, 1, 2]):  # rows dropped, doubled, kept
        for layer in pair:
            layer.reorder_cache(torch.tensor(index))
        for seed in range(4):
            append(pair, len(index), tokens=1 + seed % 2, seed=seed)
    for layer in pair:
        layer.crop(-3)
    append(pair, 3)
    append(pair, 3, tokens=2 * ROOM)  # more than there is room for
    append(pair, 3)


def test_a_token_is_written_behind_the_others_in_place(pair):
    _, layer = pair
    places = []
    for seed in range(ROOM + 1):
        keys, _ = layer.update(*states(3, 1, seed))
        places.append(keys.data_ptr())
    assert len(set(places)) == 1


def test_what_was_given_out_does_not_change(pair):
    _, layer = pair
    given = [layer.update(*states(3, 1, seed))[0] for seed in range(4)]
    kept = [one.clone() for one in given]
    layer.reorder_cache(torch.tensor([2, 1, 0]))
    layer.update(*states(3, 1, 9))
    assert all(torch.equal(a, b) for a, b in zip(given, kept, strict=True))


def test_room_does_not_outlive_its_tokens(pair):
    _, layer = pair
    for seed in range(2):
        layer.update(*states(3, 1, seed))
    room = weakref.ref(layer._last["keys"][0])
    layer.reorder_cache(torch.tensor([0, 1]))
    assert room() is None


def test_other_layers_and_caches_are_left_as_they_are():
    class Other(DynamicLayer):
        pass

    cache = DynamicCache()
    cache.layers = [Other(), DynamicLayer()]  # the second one holds nothing yet
    assert [type(one) for one in with_room(cache).layers] == [Other, DynamicLayer]
    assert with_room(None) is None


def test_caches_are_joined_on_the_left():
    caches = []
    for seed, (rows, tokens) in enumerate([(2, 5), (1, 3)]):
        cache = DynamicCache()
        cache.update(*states(rows, tokens, seed), 0)
        caches.append(with_room(cache))
    whole = joined(caches, [[0, 2], [1]], 5)
    assert whole.get_seq_length() == 5 and not any(one.get_seq_length() for one in caches)
    keys = whole.layers[0].keys
    assert torch.equal(keys[[0, 2]], states(2, 5, 0)[0])
    assert torch.equal(keys[1, :, 2:], states(1, 3, 1)[0][0]) and not keys[1, :, :2].any()
    longer, _ = whole.update(*states(3, 1, 7), 0)
    assert torch.equal(longer[..., :5, :], keys)
    assert torch.equal(longer[..., 5:, :], states(3, 1, 7)[0])


PROMPTS = [[5, 6, 7, 8, 9, 10, 11], [8], [12, 13, 14, 15], [16, 17], [9, 9, 9, 9, 9, 9]]


@pytest.mark.parametrize("settings", [GPT2, LLAMA, BLOOM, MAMBA], ids=lambda one: one["model_type"])
def test_prompts_that_are_read_in_parts_go_on_as_if_read_together(
    settings, bpe, tmp_path, monkeypatch
):
    loaded = load(ModelSpec(str(make_causal(bpe, tmp_path / "model", **settings))), ("causal",))
    found = []
    for most in (8, 10_000):
        monkeypatch.setattr(decoder_only, "READ_AT_ONCE", most)
        cached = CachedCausal(loaded.network, PROMPTS)
        with torch.inference_mode():
            logits = [cached.logits()]
            for rows in ([0, 1, 2, 3, 4], [4, 1, 0], [2, 2, 1]):
                cached.feed([20] * len(logits[-1]))
                cached.keep(rows)
                logits.append(cached.logits())
        found.append(torch.cat(logits))
    torch.testing.assert_close(*found, rtol=1e-3, atol=1e-3)


def test_a_model_decodes_into_room(gpt2):
    cached = CachedCausal(gpt2.network, [[5, 6, 7], [8]])
    with torch.inference_mode():
        cached.logits()
        for token in range(3):
            cached.feed([token, token])
            cached.logits()
    assert all(type(one) is RoomyLayer for one in cached._cache.layers)


@pytest.mark.parametrize("model_type", ["t5", "bart"])
def test_the_decoder_of_a_pair_appends_tokens_in_place(model_type):
    shape = {"d_model": 16, "vocab_size": 40, "pad_token_id": 0, "decoder_start_token_id": 0}
    sizes = {"num_layers": 2, "num_heads": 2, "d_kv": 8, "d_ff": 32} if model_type == "t5" else {}
    config = AutoConfig.for_model(model_type, **shape, **sizes)
    if model_type == "bart":
        config.encoder_layers = config.decoder_layers = 2
        config.encoder_attention_heads = config.decoder_attention_heads = 2
        config.encoder_ffn_dim = config.decoder_ffn_dim = 32
    torch.manual_seed(0)
    network = AutoModelForSeq2SeqLM.from_config(config).eval()
    sources, fed = [[5, 6, 7], [8, 9, 10]], [[3, 4], [11, 12], [13, 14]]
    with torch.inference_mode():
        state = CachedSeq2Seq(network, sources, [0], 0)
        logits = [state.logits()]
        for tokens in fed:
            state.feed(tokens)
            logits.append(state.logits())
        ids = torch.tensor([[0, 3, 11, 13], [0, 4, 12, 14]])
        whole = network(input_ids=torch.tensor(sources), decoder_input_ids=ids).logits
    torch.testing.assert_close(torch.stack(logits, 1), whole, rtol=1e-4, atol=1e-4)
    layers = state._cache.self_attention_cache.layers
    assert all(type(layer) is RoomyLayer for layer in layers)
