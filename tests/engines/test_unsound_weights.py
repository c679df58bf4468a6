"""Weights that are missing, of another shape or not finite: refused by every command and engine."""

import json
import shutil

import pytest
from safetensors.torch import load_file, save_file

from llmcli.models.safetensors import Tensors
from llmcli.models.sound_weights import require_finite
from tests.tiny_data import write_rows

torch = pytest.importorskip("torch")
UNSUITABLE = 5
COMMANDS = {
    "generate": ("tiny_gpt2", ["generate", "the cat", "-n", 2]),
    "likelihood": ("tiny_gpt2", ["classify", "the cat", "--labels", "good,bad"]),
    "translate": ("tiny_marian", ["translate", "the cat"]),
    "fill": ("tiny_bert", ["fill", "the [MASK]"]),
    "embed": ("tiny_encoder", ["embed", "the cat"]),
    "classify": ("tiny_classifier", ["classify", "the cat"]),
    "multi-label": ("tiny_classifier", ["classify", "the cat", "--multi-label"]),
    "answer": ("tiny_reader", ["answer", "who", "--context", "the cat sat"]),
}
ENGINES = ("torch", "ct2")


@pytest.fixture
def changed(request, tmp_path):
    """A copy of a model, by the name of a fixture, whose weights a function has changed."""

    def copy(fixture, change):
        folder = tmp_path / "changed"
        shutil.copytree(request.getfixturevalue(fixture), folder, dirs_exist_ok=True)
        weights = load_file(folder / "model.safetensors")
        kept = {name: value.contiguous() for name, value in change(weights).items()}
        save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
        return folder

    return copy


def with_value(ending, value):
    """A change that puts a value into the first weight whose name ends so."""

    def change(weights):
        name = next(name for name in sorted(weights) if name.endswith(ending))
        weights[name].view(-1)[-1] = value
        return weights

    return change


def without(ending):
    """A change that leaves out the first weight whose name ends so."""

    def change(weights):
        name = next(name for name in sorted(weights) if name.endswith(ending))
        return {key: value for key, value in weights.items() if key != name}

    return change


def halved(ending):
    """A change that leaves the first half of the rows of such a weight."""

    def change(weights):
        name = next(name for name in sorted(weights) if name.endswith(ending))
        return weights | {name: weights[name][: len(weights[name]) // 2]}

    return change


def overflow(weights):
    """A change that makes the norms too large for float32 to multiply."""
    norms = [name for name in weights if "orm" in name or "ln_" in name]
    return weights | {name: torch.full_like(weights[name], 3e38) for name in norms}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("command", COMMANDS)
def test_one_weight_that_is_not_finite_is_refused_by_name(run, changed, command, engine):
    fixture, words = COMMANDS[command]
    value = float("nan") if engine == "torch" else float("-inf")
    folder = changed(fixture, with_value("bias", value))
    result = run(*words, "-m", folder, "--engine", engine)
    assert result.exit_code == UNSUITABLE and result.stdout == "", result.output
    assert "are not finite" in result.stderr and "bias in " in result.stderr
    assert result.stderr.count("\n") == 1


def test_forward_refuses_them_too(run, changed):
    result = run("forward", "the cat", "-m", changed("tiny_gpt2", with_value("bias", float("nan"))))
    assert result.exit_code == UNSUITABLE and "are not finite" in result.stderr


@pytest.mark.parametrize(
    ("command", "engine"),
    [*((name, "torch") for name in COMMANDS), ("generate", "ct2"), ("fill", "ct2")],
)
def test_one_weight_that_is_missing_is_refused_by_name(run, changed, command, engine):
    fixture, words = COMMANDS[command]
    ending = "self_attn.k_proj.bias" if fixture == "tiny_marian" else "attn.c_proj.bias"
    ending = ending if fixture in ("tiny_gpt2", "tiny_marian") else "key.bias"
    result = run(*words, "-m", changed(fixture, without(ending)), "--engine", engine)
    assert result.exit_code == UNSUITABLE and result.stdout == "", result.output
    assert ending in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "ending", "engine"),
    [
        ("generate", "wte.weight", "torch"),
        ("generate", "wpe.weight", "ct2"),
        ("translate", "fc2.weight", "ct2"),
        ("embed", "position_embeddings.weight", "torch"),
        ("classify", "classifier.bias", "ct2"),
        ("fill", "predictions.bias", "ct2"),
        ("answer", "qa_outputs.weight", "torch"),
    ],
)
def test_a_shape_that_is_not_the_configuration_s_is_refused(run, changed, command, ending, engine):
    fixture, words = COMMANDS[command]
    result = run(*words, "-m", changed(fixture, halved(ending)), "--engine", engine)
    assert result.exit_code == UNSUITABLE and result.stdout == "", result.output
    assert "shape" in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_not_read_may_be_missing(run, changed, tiny_encoder, engine):
    folder = changed("tiny_encoder", without("pooler.dense.weight"))
    words = ["embed", "the cat", "--json", "--engine", engine]
    vectors = [
        json.loads(run(*words, "-m", model).stdout)[0]["embedding"]
        for model in (folder, tiny_encoder)
    ]
    assert vectors[0] == vectors[1]


@pytest.mark.parametrize("command", ["generate", "embed"])
@pytest.mark.parametrize("change", [-1, 1])
def test_layers_are_as_many_as_the_configuration_states(run, changed, command, change):
    fixture, words = COMMANDS[command]
    folder = changed(fixture, dict)
    config = json.loads((folder / "config.json").read_text())
    name = "n_layer" if "n_layer" in config else "num_hidden_layers"
    config[name] += change
    (folder / "config.json").write_text(json.dumps(config))
    result = run(*words, "-m", folder)
    assert result.exit_code == UNSUITABLE and result.stdout == "", result.output


@pytest.mark.parametrize(
    ("ending", "code"),
    [("classifier.bias", 5), ("query.bias", 5), ("pooler.dense.bias", 5), ("classifier.", 0)],
)
def test_training_makes_a_new_head_but_not_a_half_nor_a_body(run, changed, tmp_path, ending, code):
    def change(weights):
        return {name: value for name, value in weights.items() if ending not in name}

    labelled = [{"text": f"the {at}", "label": ("sad", "glad")[at % 2]} for at in range(8)]
    rows = write_rows(tmp_path / "in.jsonl", labelled)
    words = ["--task", "classification", "--train", rows, "-o", tmp_path / "out", "-q"]
    folder = changed("tiny_classifier", change)
    result = run("finetune", *words, "--max-steps", 1, "-m", folder)
    assert result.exit_code == code, result.output
    assert code == 0 or ending in result.stderr


def test_weights_are_examined_once_until_the_file_changes(changed, monkeypatch, tmp_path):
    path = changed("tiny_gpt2", dict) / "model.safetensors"
    require_finite("name", path)
    with monkeypatch.context() as patched:
        patched.setattr(Tensors, "first_not_finite", lambda *_: pytest.fail("it was examined"))
        require_finite("name", path)
    changed("tiny_gpt2", with_value("wte.weight", float("inf")))
    with pytest.raises(Exception, match="wte.weight in .* holds NaN"):
        require_finite("name", path)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_every_type_of_float_is_examined_to_its_last_number(tmp_path, dtype, value):
    from llmcli.models.sound_weights import MASKS

    weights = torch.full((3, 400_001), torch.finfo(dtype).max, dtype=dtype)  # several chunks
    counts = torch.full((4,), -1)
    save_file({"a": weights, "counts": counts}, tmp_path / "w")
    assert Tensors([tmp_path / "w"]).first_not_finite(MASKS) is None
    weights[-1, -1] = value
    save_file({"a": weights, "counts": counts}, tmp_path / "w")
    assert Tensors([tmp_path / "w"]).first_not_finite(MASKS) == "a"
    save_file({"attn.masked_bias": weights}, tmp_path / "w")  # infinities are meant there
    assert Tensors([tmp_path / "w"]).first_not_finite(MASKS) is None


@pytest.mark.parametrize("engine", ENGINES)
def test_in_a_batch_the_row_that_overflows_is_an_error_and_the_others_go_on(
    run, changed, tmp_path, engine
):
    def change(weights):  # of one token alone
        name = next(name for name in weights if name.endswith("word_embeddings.weight"))
        weights[name][5] = 3e38
        return weights

    rows = write_rows(tmp_path / "in.jsonl", [{"text": "the"}, {"text": "cat"}, {"text": "sat"}])
    folder = changed("tiny_classifier", change)
    result = run("classify", "-i", rows, "-m", folder, "--engine", engine, "--json")
    records = json.loads(result.stdout)
    assert result.exit_code == 1, result.output
    assert "although its weights are" in records[0]["error"]
    assert [("error" in record) for record in records] == [True, False, False]


@pytest.mark.parametrize(
    ("command", "engine"),
    [("generate", "torch"), ("generate", "ct2"), ("translate", "ct2"), ("embed", "torch")],
)
def test_results_that_overflow_are_refused(run, changed, command, engine):
    fixture, words = COMMANDS[command]

    result = run(*words, "-m", changed(fixture, overflow), "--engine", engine)
    assert result.exit_code == UNSUITABLE, result.output
    assert "not finite (NaN or infinite), although its weights are" in result.stderr


@pytest.mark.parametrize("command", ["generate", "classify"])
def test_an_evaluation_without_a_finite_result_names_the_model(run, changed, tmp_path, command):
    rows = write_rows(tmp_path / "in.jsonl", [{"text": "the cat", "label": "sad"}] * 2)
    task = {"generate": "causal-lm", "classify": "classification"}[command]
    folder = changed(COMMANDS[command][0], overflow)
    result = run("evaluate", "--task", task, "-m", folder, "-i", rows, "-q")
    assert result.exit_code == UNSUITABLE and "is not finite" in result.stderr, result.output


@pytest.mark.parametrize("words", [["evaluate"], ["compare"], ["finetune", "--max-steps", 1]])
def test_reports_and_training_refuse_them_too(run, changed, tiny_classifier, tmp_path, words):
    folder = changed("tiny_classifier", with_value("query.bias", float("nan")))
    labels = ["sad", "glad"] * 4
    rows = write_rows(
        tmp_path / "in.jsonl",
        [{"text": f"the {at}", "label": label} for at, label in enumerate(labels)],
    )
    data = ["--train", rows, "-o", tmp_path / "out"] if words[0] == "finetune" else ["-i", rows]
    models = [tiny_classifier, folder] if words[0] == "compare" else ["-m", folder]
    result = run(*words, "--task", "classification", *data, *models, "-q")
    assert result.exit_code == UNSUITABLE and "are not finite" in result.stderr, result.output
