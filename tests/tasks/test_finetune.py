"""Training for real, on a tiny GPT-2 and a few kilobytes of text."""

import json
import math
import random
import shutil

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from llmcli.errors import InputError, Interrupted, UsageError
from llmcli.spec import ModelSpec
from llmcli.spec.training import Training
from llmcli.tasks.finetune import finetune
from llmcli.training.results import Progress
from llmcli.training.resume import checkpoint_root, last_whole

CONFIG = {
    "model_type": "gpt2",
    "vocab_size": 280,
    "n_embd": 16,
    "n_layer": 1,
    "n_head": 2,
    "n_positions": 32,
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A story file and a configuration."""
    folder = tmp_path_factory.mktemp("data")
    draw = random.Random(0)
    words = ["the cat sat", "a dog ran", "on the mat", "to the moon", "and then", "one day"]
    stories = [" ".join(draw.choices(words, k=30)) + "." for _ in range(60)]
    data = folder / "stories.jsonl"
    data.write_text("".join(json.dumps({"text": story}) + "\n" for story in stories))
    config = folder / "config.json"
    config.write_text(json.dumps(CONFIG))
    return data, config


@pytest.fixture
def spec(files, tmp_path):
    data, config = files

    def make(**changes):
        settings = {
            "train": (str(data),),
            "output": str(tmp_path / "model"),
            "from_scratch": str(config),
            "eval_fraction": 0.1,
            "batch_size": 4,
            "max_steps": 12,
            "learning_rate": 1e-2,
            "save_steps": 4,
            "eval_steps": 6,
            "log_steps": 1,
            "dtype": "float32",
        }
        return Training(**{**settings, **changes})

    return make


def weights(folder):
    return load_file(str(folder / "model.safetensors"))


def same_bits(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def progress(events):
    return [event for event in events if isinstance(event, Progress)]


def stop_after(steps):
    """A should_stop that says yes after so many steps."""
    left = iter(range(steps - 1))
    return lambda: next(left, None) is None


def test_a_run_learns_and_leaves_an_ordinary_model_folder(spec, tmp_path):
    seen = []
    result = finetune(spec(max_steps=40), None, on_event=seen.append)
    losses = [one.loss for one in progress(seen) if one.loss is not None]
    assert losses[0] == pytest.approx(math.log(280), abs=0.3)  # at first all tokens are alike
    assert losses[-1] < losses[0] - 1
    assert result.perplexity < 60
    folder = tmp_path / "model"
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert model.config.vocab_size == len(tokenizer) == 280
    assert model.config.use_cache
    assert tokenizer.decode(tokenizer("看 cat")["input_ids"]) == "看 cat"
    card = (folder / "README.md").read_text()
    assert "llmcli finetune --task causal-lm" in card and f"{result.perplexity:.2f}" in card
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines if "learning_rate" in line] == [
        *range(1, 41)
    ]


@pytest.mark.parametrize("save_dtype", ["float32", "bfloat16"])
def test_the_perplexity_is_that_of_the_saved_model_on_the_held_out_text(
    spec, files, tmp_path, save_dtype
):
    result = finetune(spec(dtype="bfloat16", save_dtype=save_dtype), None)
    from llmcli.training.corpus import Blocks, encode_files

    folder = tmp_path / "model"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    _, held = encode_files(tokenizer, [str(files[0])], "text", held_out=0.1)
    blocks = Blocks(held, 32)
    with torch.no_grad():
        losses = [
            model(ids, labels=ids).loss.item()
            for ids in (torch.tensor(blocks[at]["input_ids"])[None] for at in range(len(blocks)))
        ]
    assert result.perplexity == pytest.approx(math.exp(sum(losses) / len(losses)), rel=1e-5)


def test_the_learning_rate_rises_then_falls_as_a_cosine(spec):
    seen = []
    finetune(spec(max_steps=20, warmup=0.25), None, on_event=seen.append)
    rates = [one.learning_rate for one in progress(seen) if one.learning_rate is not None]
    assert max(rates) == pytest.approx(1e-2)
    assert rates.index(max(rates)) == 5  # a quarter of 20 steps
    assert rates[13] == pytest.approx(0.5e-2 * (1 + math.cos(math.pi * 8 / 15)), rel=1e-3)


def test_a_stopped_run_goes_on_and_ends_with_the_same_bits(spec, tmp_path):
    whole = spec(output=str(tmp_path / "whole"))
    finetune(whole, None)
    parts = spec(output=str(tmp_path / "parts"))
    with pytest.raises(Interrupted, match="saved at step 5 of 12"):
        finetune(parts, None, should_stop=stop_after(5))
    resumed = spec(output=str(tmp_path / "parts"), resume=True)
    assert "resuming after step 5" in finetune(resumed, None).notes
    assert same_bits(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def test_a_half_written_checkpoint_is_not_taken(spec, tmp_path):
    whole = spec(output=str(tmp_path / "whole"))
    finetune(whole, None)
    parts = spec(output=str(tmp_path / "parts"))
    with pytest.raises(Interrupted):
        finetune(parts, None, should_stop=stop_after(7))
    broken = checkpoint_root(parts) / "checkpoint-7"
    weights_file = broken / "model.safetensors"
    weights_file.write_bytes(weights_file.read_bytes()[:-100] + bytes(100))
    assert last_whole(checkpoint_root(parts)).name == "checkpoint-6"
    finetune(spec(output=str(tmp_path / "parts"), resume=True), None)
    assert same_bits(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def test_a_single_step_changes_the_weights(spec, tmp_path):
    finetune(spec(max_steps=1, output=str(tmp_path / "one")), None)
    finetune(spec(max_steps=2, output=str(tmp_path / "two")), None)
    seen = []
    finetune(spec(max_steps=1), None, on_event=seen.append)
    assert progress(seen)[0].learning_rate == pytest.approx(1e-2)
    assert not same_bits(weights(tmp_path / "one"), weights(tmp_path / "two"))


def test_resuming_from_nothing_says_so(spec):
    result = finetune(spec(max_steps=1, resume=True), None)
    assert any("no checkpoint" in note for note in result.notes)


def test_resuming_with_other_settings_is_refused(spec):
    with pytest.raises(Interrupted):
        finetune(spec(), None, should_stop=stop_after(2))
    with pytest.raises(UsageError, match="began with learning_rate=0.01"):
        finetune(spec(learning_rate=0.5, resume=True), None)


def test_resuming_with_other_data_is_refused(spec, files, tmp_path):
    data = tmp_path / "own.jsonl"
    shutil.copy(files[0], data)
    with pytest.raises(Interrupted):
        finetune(spec(train=(str(data),)), None, should_stop=stop_after(2))
    with data.open("a") as file:
        file.write('{"text": "more"}\n')
    with pytest.raises(UsageError, match="began with bytes="):
        finetune(spec(train=(str(data),), resume=True), None)


def test_resuming_may_report_and_save_at_other_steps(spec):
    with pytest.raises(Interrupted):
        finetune(spec(), None, should_stop=stop_after(2))
    finetune(spec(log_steps=3, save_steps=5, resume=True), None)


def test_resuming_a_finished_run_makes_no_more_steps(spec, tmp_path):
    finetune(spec(), None)
    before = weights(tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").unlink()
    result = finetune(spec(resume=True), None)
    assert result.steps == 12
    assert same_bits(before, weights(tmp_path / "model"))


def test_the_losses_shown_are_those_of_the_final_perplexity(spec):
    seen = []
    result = finetune(spec(), None, on_event=seen.append)
    shown = [one.perplexity for one in progress(seen) if one.eval_loss is not None][-1]
    assert shown == pytest.approx(result.perplexity, rel=1e-4)


def test_a_full_disk_is_one_line(spec, monkeypatch):
    def fail(*args, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("llmcli.training.output_folder.write_json", fail)
    with pytest.raises(InputError, match="cannot write to .*: No space left on device"):
        finetune(spec(), None)


def test_a_tokenizer_without_an_end_token_is_refused(spec, tiny_words):
    from llmcli.errors import ModelUnsuitable

    with pytest.raises(ModelUnsuitable, match="no token to end a document"):
        finetune(spec(from_scratch=None), ModelSpec(str(tiny_words)))


def test_a_model_of_the_environment_gives_way_to_from_scratch(run, files, tmp_path, monkeypatch):
    monkeypatch.setenv("LLMCLI_MODEL", "gpt2")
    data, config = files
    words = ["finetune", "--train", data, "--from-scratch", config, "-o", tmp_path / "model"]
    assert run(*words, "--max-steps", 1).exit_code == 0


def test_a_folder_in_use_is_not_touched(spec, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "precious.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty"):
        finetune(spec(), None)
    assert [path.name for path in folder.iterdir()] == ["precious.txt"]


def test_a_loss_that_is_no_number_stops_the_run(spec, tmp_path):
    with pytest.raises(InputError, match="the loss is nan at step .*lower `learning_rate`"):
        finetune(spec(learning_rate=1e20, max_grad_norm=0, warmup=0.0), None)
    assert not (tmp_path / "model" / "model.safetensors").exists()


def test_training_goes_on_from_a_checkpoint(spec, files, tiny_gpt2, tmp_path):
    base = ModelSpec(str(tiny_gpt2))
    before = AutoModelForCausalLM.from_pretrained(tiny_gpt2)
    result = finetune(spec(from_scratch=None, max_steps=30), base)
    after = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    assert result.perplexity < 0.5 * perplexity_of(before, tiny_gpt2, files[0])
    assert after.config.n_positions == before.config.n_positions
    assert f"base_model: {tiny_gpt2}" in (tmp_path / "model" / "README.md").read_text()


def perplexity_of(model, folder, data):
    from llmcli.training.corpus import Blocks, encode_files

    _, held = encode_files(AutoTokenizer.from_pretrained(folder), [str(data)], "text", 0.1)
    blocks = Blocks(held, 64)
    with torch.no_grad():
        ids = torch.stack([torch.tensor(blocks[at]["input_ids"]) for at in range(len(blocks))])
        return math.exp(model(ids, labels=ids).loss.item())


def test_weights_are_stored_as_asked(spec, tmp_path):
    finetune(spec(save_dtype="bfloat16", max_steps=2), None)
    assert {one.dtype for one in weights(tmp_path / "model").values()} == {torch.bfloat16}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"block_size": 64}, "`block_size` 64 is more than the 32 tokens"),
        ({"train": ("nowhere.txt",)}, "cannot read nowhere.txt"),
        ({"eval": ("nowhere.txt",)}, "cannot read nowhere.txt"),
        ({"columns": ("story",)}, "line 1: no field 'story'"),
        ({"from_scratch": "nowhere.json"}, "cannot read nowhere.json"),
    ],
)
def test_wrong_settings_are_one_line(spec, changes, message):
    with pytest.raises(InputError, match=message) as caught:
        finetune(spec(**changes), None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "names no architecture"),
        ('{"vocab_size": 300}', "names no architecture"),
        ('{"model_type": "gpt7"}', "does not know the model_type 'gpt7'"),
        ('{"model_type": "gpt2", "n_layers": 2}', "gpt2 has no setting 'n_layers'"),
        ('{"model_type": "gpt2", "n_embd": 16, "n_head": 3}', "no model can be made"),
        ('{"model_type": "gpt2", "n_embd": "big"}', "no model can be made"),
        ('{"model_type": "gpt2", "vocab_size": 100}', "vocab_size 100"),
        ('{"model_type": "t5"}', "t5 is not a causal language model"),
        ('{"model_type": "bert"}', "bert is not a causal language model"),
        ('{"model_type": []}', "transformers does not know the model_type"),
        ('{"model_type": "gpt2", "n_head": 0}', "no model can be made"),
    ],
)
def test_a_wrong_configuration_is_one_line_and_leaves_no_folder(spec, tmp_path, config, message):
    path = tmp_path / "c.json"
    path.write_text(config)
    with pytest.raises(InputError, match=message) as caught:
        finetune(spec(from_scratch=str(path)), None)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "model").exists()


def test_too_little_text_is_one_line(spec, tmp_path):
    (tmp_path / "short.txt").write_text("a cat")
    with pytest.raises(InputError, match="one block needs 32"):
        finetune(spec(train=(str(tmp_path / "short.txt"),)), None)
    assert not (tmp_path / "model").exists()


def test_text_that_yields_fewer_tokens_than_asked_shrinks_the_vocabulary(spec, tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps({**CONFIG, "vocab_size": 50_000}))
    finetune(spec(from_scratch=str(path), max_steps=1), None)
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "model").config.vocab_size < 2000


def test_the_command_trains_and_prints_the_folder(run, files, tmp_path):
    data, config = files
    folder = tmp_path / "model"
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"train: [{data}]\nfrom-scratch: {config}\nmax-steps: 3\neval-fraction: 0.1\n"
    )
    result = run("finetune", "--config", recipe, "-o", folder, "--log-steps", 1)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{folder}\n"
    assert run("models", "verify", folder).exit_code == 0
    for part in ("step 3/3", "tokens/s", "left", "on the held-out data: loss"):
        assert part in result.stderr
    shown = run("generate", "the cat", "-m", folder, "-n", 3, "-q").stdout
    assert shown.startswith("the cat")
    again = run("finetune", "--config", recipe, "-o", folder)
    assert again.exit_code == 2 and "is not empty" in again.stderr
