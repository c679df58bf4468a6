"""Settings that cannot be are refused before anything is imported or read."""

import subprocess
import sys

import pytest

from llmcli.errors import UsageError
from llmcli.spec import ModelSpec
from llmcli.spec.training import LoraOptions, Training
from llmcli.tasks.finetune import check, dry_run, finetune, training_tasks

MODEL = ModelSpec("nowhere")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0.0}, "`epochs` 0.0: it must be above 0"),
        ({"epochs": float("inf")}, "`epochs` inf is not a finite number"),
        ({"batch_size": 0}, "`batch_size` 0: it must be 1 or more"),
        ({"eval_fraction": 0.6}, "`eval_fraction` 0.6: it must be from 0 to 0.5"),
        ({"mask_fraction": 0.0}, "`mask_fraction` 0.0: it must be above 0"),
        ({"warmup": 1.0}, "`warmup` 1.0: it must be 0 or more, and less than 1"),
        ({"seed": -1}, "`seed` -1: it must be from 0"),
        ({"adapters": LoraOptions(lora_rank=0)}, "`lora_rank` 0: it must be 1 or more"),
        ({"schedule": "step"}, "`schedule` step: use one of cosine, linear, constant"),
        ({"save_dtype": "auto"}, "`save_dtype` auto: use one of float32"),
        ({"task": "cooking"}, "`task` cooking: use one of causal-lm, classification, masked-lm"),
        ({"parts": "parts.yaml"}, "give `train` FILE, or `parts` FILE"),
        ({"from_scratch": "config.json"}, "give either `model`"),
        ({"output": ""}, "give `output` DIR"),
    ],
)
def test_a_wrong_setting_is_one_line_with_its_value(changes, message):
    options = Training(**{"train": ("x.txt",), "output": "out", **changes})
    with pytest.raises(UsageError, match=message) as caught:
        finetune(options, MODEL)
    assert "\n" not in str(caught.value)


def test_check_and_dry_run_refuse_what_finetune_refuses():
    options = Training(("x.txt",), "", batch_size=0)
    for function in (check, dry_run):
        with pytest.raises(UsageError, match="`batch_size` 0"):
            function(options, MODEL)


def test_training_tasks_are_listed():
    assert training_tasks() == (
        *("causal-lm", "classification", "masked-lm", "question-answering"),
        *("regression", "seq2seq", "token-classification", "translation"),
    )


def test_a_wrong_setting_is_reported_before_torch_is_imported():
    script = (
        "import sys; from llmcli.cli.main import main\n"
        "try: main(['finetune', '--train', 'x.txt', '-m', 'gpt2', '-o', 'x', '--epochs', '-1'])\n"
        "except SystemExit as done: print(done.code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "2 False\n"
    assert done.stderr == "Error: --epochs -1.0: it must be above 0; leave it out for its default\n"
