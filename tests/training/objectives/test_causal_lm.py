"""Conversations: only what the assistant says is learnt."""

import json
import shutil

import pytest

from llmcli.data.rows import Row
from llmcli.engines.pytorch.loading import load
from llmcli.inference.prompts import encode_prompt
from llmcli.spec import Chat, ModelSpec
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


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


TURNS = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "The cat."}]


def test_a_base_model_that_learnt_to_chat_can_be_asked(run, tiny_gpt2, tmp_path):
    data = write(tmp_path / "chats.jsonl", [{"messages": TURNS}] * 12)
    args = ("finetune", "-m", tiny_gpt2, "--chat", "--train", data, "--max-steps", 1)
    done = run(*args, "-o", tmp_path / "new")
    assert done.exit_code == 0, done.output
    assert "it gets one" in done.stderr
    for engine in ("torch", "ct2"):
        shown = run("generate", "-m", tmp_path / "new", "--engine", engine, "--chat", "hello")
        assert shown.exit_code == 0, shown.output
    loaded = load(ModelSpec(str(tmp_path / "new")), ("causal",))
    ids = encode_prompt(loaded, "hello", Chat(chat=True))
    assert loaded.tokenizer.decode(ids) == "hello\n"


def test_a_template_of_the_user_is_used_and_saved(run, tiny_chat, tmp_path):
    own = tmp_path / "own.jinja"
    own.write_text("{% for m in messages %}{{ m.role[0] }}: {{ m.content }}\n{% endfor %}")
    data = write(tmp_path / "chats.jsonl", [{"messages": TURNS}] * 12)
    args = ("finetune", "-m", tiny_chat, "--train", data, "--chat-template", own)
    assert run(*args, "--check").exit_code == 2  # without --chat
    shown = run(*args, "--chat", "--check")
    assert "a: The cat." in shown.stdout
    assert run(*args, "--chat", "--max-steps", 1, "-o", tmp_path / "new").exit_code == 0
    assert (tmp_path / "new" / "chat_template.jinja").read_text() == own.read_text()


@pytest.mark.parametrize(("more", "code"), [((), 3), (("--check",), 1)])
def test_a_row_that_the_template_refuses_is_named(run, tiny_chat, tmp_path, more, code):
    model = shutil.copytree(tiny_chat, tmp_path / "model")
    (model / "chat_template.jinja").write_text(
        "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}"
        "{% endif %}{% for m in messages %}{{ m.content }}\n{% endfor %}"
    )
    rows = [{"messages": TURNS}, {"messages": [{"role": "system", "content": "x"}, *TURNS]}]
    data = write(tmp_path / "chats.jsonl", rows * 6)
    args = ("finetune", "-m", model, "--chat", "--train", data, "-o", tmp_path / "new")
    result = run(*args, *more)
    assert result.exit_code == code
    assert "line 2" in result.output
    assert "System role not supported; leave out" in " ".join(result.output.split())


def test_several_templates_and_no_default_are_refused(run, tiny_chat, tmp_path):
    model = shutil.copytree(tiny_chat, tmp_path / "model")
    template = (model / "chat_template.jinja").read_text()
    (model / "chat_template.jinja").unlink()
    for name in ("rag", "tool_use"):
        path = model / "additional_chat_templates" / f"{name}.jinja"
        path.parent.mkdir(exist_ok=True)
        path.write_text(template)
    data = write(tmp_path / "chats.jsonl", [{"messages": TURNS}] * 12)
    train = ("finetune", "-m", model, "--chat", "--train", data, "--check")
    ask = ("generate", "-m", model, "--chat", "hello", "-n", 2)
    for command in (train, ask, (*ask, "--engine", "ct2")):
        result = run(*command)
        assert result.exit_code == 5, result.output
        assert "several chat templates, and none is called default" in result.stderr
        assert "--chat-template: 'rag', 'tool_use'" in result.stderr
        assert run(*command, "--chat-template", "rag").exit_code == 0
