"""Several tasks learnt on one body: one folder that every command loads."""

import json

import pytest
import torch
import transformers
from safetensors.torch import load_file

from llmcli.errors import InputError, Interrupted
from llmcli.spec import ModelSpec
from llmcli.spec.training import Training
from llmcli.tasks.finetune import finetune
from tests.tiny_data import moods, write_rows


@pytest.fixture
def parts(tmp_path, learner):
    """A file that names four tasks."""
    texts = [{"text": row["text"]} for row in moods(60)]
    asked = [
        {"question": "who ?", "context": f"the {one} sat", "answer": one, "answer_start": 4}
        for one in ("cat", "dog") * 20
    ]
    files = {
        name: write_rows(tmp_path / f"{name}.jsonl", rows)
        for name, rows in (("moods", moods(80)), ("texts", texts), ("asked", asked))
    }
    lines = [
        f"- {{task: classification, train: {files['moods']}, batch-size: 8}}",
        f"- {{task: question-answering, train: {files['asked']}, batch-size: 4, weight: 2}}",
        f"- {{task: masked-lm, train: {files['texts']}, eval: {files['texts']}, batch-size: 4}}",
        f"- {{task: embedding, train: {files['texts']}, teacher: {learner}, limit: 40, "
        "batch-size: 4}",
    ]
    path = tmp_path / "parts.yaml"
    path.write_text("\n".join(lines))
    return path


def settings(parts, folder, **changes):
    own = {"output": str(folder), "parts": str(parts), "max_steps": 12, "eval_steps": 6}
    own |= {"learning_rate": 3e-3, "save_steps": 4, "dtype": "float32", "device": "cpu"}
    return Training((), **{**own, **changes})


def test_all_heads_are_in_one_folder_with_one_body(run, learner, parts, tmp_path):
    folder = tmp_path / "model"
    result = finetune(settings(parts, folder), ModelSpec(str(learner)))
    assert {"score", "classification_accuracy", "question-answering_f1"} <= set(result.metrics)
    state = load_file(folder / "model.safetensors")
    assert sum(name.endswith("word_embeddings.weight") for name in state) == 1
    names = ["SequenceClassification", "QuestionAnswering", "MaskedLM"]
    for name in names:
        model_class = getattr(transformers, f"BertFor{name}")
        model, found = model_class.from_pretrained(folder, output_loading_info=True)
        assert not found["missing_keys"], name
        own = model.state_dict()["bert.encoder.layer.0.output.dense.weight"]
        assert torch.equal(own, state["bert.encoder.layer.0.output.dense.weight"])
    assert run("classify", "the dog is bad", "-m", folder).exit_code == 0
    assert run("answer", "who ?", "--context", "the cat sat", "-m", folder).exit_code == 0
    assert run("fill", "the [MASK] sat", "-m", folder).exit_code == 0
    vectors = run("embed", "the cat", "-m", folder, "--json")
    hidden = transformers.BertModel.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        expected = hidden(**tokenizer("the cat", return_tensors="pt")).last_hidden_state.mean(1)
    shown = json.loads(vectors.stdout)[0]
    vector = shown.get("vector") or shown.get("embedding")
    assert vector == pytest.approx(expected[0].tolist(), abs=1e-5)


def test_a_stopped_joint_run_ends_with_the_same_bits(learner, parts, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    finetune(settings(parts, whole), ModelSpec(str(learner)))
    left = iter(range(6))
    with pytest.raises(Interrupted):
        finetune(
            settings(parts, broken),
            ModelSpec(str(learner)),
            should_stop=lambda: next(left, None) is None,
        )
    finetune(settings(parts, broken, resume=True), ModelSpec(str(learner)))
    one, other = (load_file(path / "model.safetensors") for path in (whole, broken))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("task: classification", "must be a list of tasks"),
        ("- {task: cooking, train: x.jsonl}", "a task of"),
        ("- {task: masked-lm}", "needs train"),
        ("- {task: masked-lm, train: x.jsonl, colour: red}", "unknown key 'colour'"),
        ("- {task: masked-lm, train: a}\n- {task: masked-lm, train: b}", "once"),
        ("- [", "is not YAML"),
        ("- {task: masked-lm, train: a, batch-size: many}", "not a positive number"),
        ("[]", "one must be"),
    ],
)
def test_a_wrong_list_of_parts_is_one_line(learner, tmp_path, text, message):
    path = tmp_path / "parts.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        finetune(settings(path, tmp_path / "model"), ModelSpec(str(learner)))
    assert "\n" not in str(caught.value)
