"""Where a network's blocks, attentions and MLPs are found."""

import pytest

from llmcli.interpretability.architecture import hidden_of, output_stack, stacks, with_hidden
from tests.interpretability.families import FAMILIES, WITHOUT_ATTENTION, WITHOUT_INTERFACE
from tests.interpretability.networks import network_of

EVERY = (*FAMILIES, *WITHOUT_INTERFACE)


@pytest.mark.parametrize("family", EVERY, ids=[family.name for family in EVERY])
def test_a_block_is_an_attention_and_an_mlp_and_of_a_decoder_an_attention_to_its_source(
    family, family_folder
):
    network, _ = network_of(family, family_folder)
    by_name = stacks(network)
    assert set(by_name) == ({"encoder", "decoder"} if family.kind == "seq2seq" else {"self"})
    for name, stack in by_name.items():
        kinds = ["self", "cross", "mlp"] if name == "decoder" else ["self", "mlp"]
        assert [[part.kind for part in block.parts] for block in stack.blocks] == [kinds] * len(
            stack.blocks
        )


@pytest.mark.parametrize("family", FAMILIES, ids=[family.name for family in FAMILIES])
def test_the_blocks_are_those_whose_outputs_transformers_gives_as_hidden_states(
    family, family_folder
):
    import torch

    network, inputs = network_of(family, family_folder)
    stack = output_stack(network)
    outputs = []
    hooks = [
        block.module.register_forward_hook(lambda *args: outputs.append(hidden_of(args[-1])))
        for block in stack.blocks
    ]
    with torch.no_grad():
        result = network(**inputs, output_hidden_states=True)
    for hook in hooks:
        hook.remove()
    states = result["decoder_hidden_states" if family.kind == "seq2seq" else "hidden_states"]
    assert len(outputs) == len(states) - 1
    for ours, theirs in zip(outputs[:-1], states[1:-1], strict=True):
        assert torch.equal(ours, theirs)  # the last of theirs is normalised already


def test_a_layer_without_attention_has_its_mixer_as_its_only_part(family_folder):
    network, _ = network_of(WITHOUT_ATTENTION[0], family_folder)
    stack = output_stack(network)
    assert [[part.kind for part in block.parts] for block in stack.blocks] == [["mlp"], ["mlp"]]


def test_experts_are_taken_as_a_whole():
    from transformers import MixtralConfig, MixtralForCausalLM

    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "num_local_experts": 2}
    network = MixtralForCausalLM(MixtralConfig(vocab_size=20, **shape, **heads))
    block = output_stack(network).blocks[0]
    assert block.part("mlp").output is network.model.layers[0].mlp
    assert block.part("self").output is network.model.layers[0].self_attn.o_proj
    assert block.part("cross") is None


def test_shared_blocks_and_a_network_without_blocks_have_no_stack():
    from transformers import AlbertConfig, AlbertForMaskedLM

    shape = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2}
    network = AlbertForMaskedLM(AlbertConfig(vocab_size=20, embedding_size=8, **shape))
    assert output_stack(network) is None


def test_the_hidden_states_of_a_tuple_are_replaced_alone():
    assert with_hidden((1, 2), 3) == (3, 2)
    assert with_hidden(1, 3) == 3
