"""Settings of a training run that change nothing, and models that are not for texts."""

from tests.inputs.case import Case

CHECK = "finetune -m {tiny_bert} --train rows.jsonl --check"
ROWS = {"rows.jsonl": '{"text": "the cat sat", "label": "a"}\n{"text": "a dog", "label": "b"}\n'}


def idle(form: str, options: str, says: str) -> Case:
    """A setting that is refused because it would change nothing."""
    return Case(form=form, files=ROWS, runs=(f"{CHECK} {options}",), says=says, code=2)


CASES = (
    idle(
        "`--label-smoothing` where no labels are predicted",
        "--task masked-lm --label-smoothing 0.1",
        "--label-smoothing goes with --task causal-lm",
    ),
    idle(
        "`--label-smoothing` with `--multi-label`",
        "--task classification --multi-label --label-smoothing 0.1",
        "--label-smoothing has no effect here: --multi-label",
    ),
    idle("a setting of another task", "--task masked-lm --prefix x", "--prefix goes with --task"),
    idle(
        "the rank of adapters without `--lora`",
        "--task masked-lm --lora-rank 4",
        "--lora-rank goes with --lora",
    ),
)
