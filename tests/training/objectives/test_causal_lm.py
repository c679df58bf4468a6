"""Conversations: only what the assistant says is learnt."""

from llmcli.data.rows import Row
from llmcli.engines.pytorch.loading import load
from llmcli.spec import ModelSpec
from llmcli.spec.training import Training
from llmcli.training.objectives import load_task


def feature_of(folder, block_size, fields):
    """The tokenizer of a model, and the example that it makes of a conversation."""
    loaded = load(ModelSpec(str(folder)), ("causal",))
    task = load_task(Training((), "", chat=True, block_size=block_size))
    (feature,) = (
        task.objective(loaded.network, loaded.tokenizer).examples([Row(1, "", fields)]).features
    )
    return loaded.tokenizer, feature


def learnt(feature):
    pairs = zip(feature["input_ids"], feature["labels"], strict=True)
    return [token for token, label in pairs if label != -100]


def test_only_what_the_assistant_says_is_learnt(tiny_chat):
    row = {"prompt": "hello cat", "completion": "The cat sat."}
    tokenizer, feature = feature_of(tiny_chat, 200, row)
    assert tokenizer.decode(learnt(feature)) == "The cat sat.\n"
    assert tokenizer.decode(feature["input_ids"]).startswith("<user>hello cat\n<assistant>")


def test_a_model_without_a_template_learns_the_completion_and_its_end(tiny_gpt2):
    tokenizer, feature = feature_of(tiny_gpt2, 64, {"prompt": "a cat", "response": "sat"})
    assert tokenizer.decode(learnt(feature)) == "sat<|endoftext|>"


def test_the_input_continues_the_instruction_and_the_system_message_precedes_it(tiny_chat):
    row = {"system": "be brief", "instruction": "say", "input": "cat", "output": "cat"}
    tokenizer, feature = feature_of(tiny_chat, 200, row)
    text = tokenizer.decode(feature["input_ids"])
    assert text == "<system>be brief\n<user>say\ncat\n<assistant>cat\n"


def test_conversations_are_learnt(fit, tiny_chat):
    turns = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "The cat."}]
    changes = {"chat": True, "block_size": 64, "eval_fraction": 0.1}
    result = fit(tiny_chat, [{"messages": turns}] * 40, "causal-lm", **changes)
    assert result.metrics["loss"] < 0.5
