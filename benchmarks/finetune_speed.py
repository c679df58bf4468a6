"""Tokens that are not padding a second: llmcli's finetune beside a default transformers Trainer.

    python benchmarks/finetune_speed.py ENCODER [--causal MODEL] [--data REVIEWS] [--rows 512]
        [--rounds 3] [--batch-size 8] [--cpu-time]

REVIEWS: a .jsonl file, packed or not, of texts of very mixed lengths with the fields `text` and
--label-column, such as imdb/reviews-4k.jsonl.xz. A round trains a fresh model on the same first
--rows rows, one pass, by each of the two in turn, in float32 on the CPU. The Trainer keeps its
defaults: 8 examples a batch, drawn at random, padded to the longest of the batch; the optimizer
and its settings are its own. Both cut texts to what the model takes, 512 tokens at most.

With ENCODER, both learn labels: the same rows, number of examples and of steps. With --causal,
both learn the text; finetune packs it into blocks without padding, so that its steps are fewer.
Time is counted from the first step to the last, without loading, tokenizing and saving.
Prints a table, and the ratio of the medians. --cpu-time: seconds are those of the processor, which
a busy machine changes less; take one thread then (OMP_NUM_THREADS=1).
"""

import argparse
import contextlib
import io
import itertools
import json
import lzma
import statistics
import tempfile
import time
from pathlib import Path

import transformers
from transformers import (
    DataCollatorForLanguageModeling,
    DataCollatorWithPadding,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from llmcli.core.hub import resolve
from llmcli.core.preparation import filled_in, prepare
from llmcli.core.training import Watch, build_run
from llmcli.spec import ModelSpec, TrainingSpec

LIMIT = 512  # tokens of a text


class Clock(TrainerCallback):
    """Seconds from the begin of a run's first step to the end of its last."""

    def __init__(self, options):
        self._now = time.process_time if options.cpu_time else time.perf_counter

    def on_step_begin(self, args, state, control, **_):
        if state.global_step == 0:
            self._began = self._now()

    def on_step_end(self, args, state, control, **_):
        self.seconds = self._now() - self._began


def read(path, count):
    """The first rows of a file."""
    opened = lzma.open if path.suffix == ".xz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in itertools.islice(file, count)]


def ours(task, model, file, folder, options):
    """Seconds, steps and tokens of finetune's own run."""
    spec = TrainingSpec(
        train=(str(file),),
        output=str(folder),
        task=task,
        label_column=options.label_column,
        epochs=1,
        eval_fraction=0.0,
        batch_size=options.batch_size,
        block_size=LIMIT,
        save_steps=10**9,
        device="cpu",
        dtype="float32",
    )
    base = ModelSpec(model)
    spec = filled_in(spec, base)
    prepared = prepare(spec, base, folder / "tokenizer", lambda line: None)
    run = build_run(
        prepared.objective,
        prepared.model,
        prepared.train,
        prepared.held_out,
        spec,
        bf16=False,
        on_cpu=True,
    )
    clock = Clock(options)
    run.add_callback(Watch(run, lambda progress: None, lambda: False))
    run.add_callback(clock)
    run._save_checkpoint = lambda model, trial: None  # the last step saves, the Trainer's too
    run.train()
    assert run.seen_tokens == prepared.train_tokens
    return clock.seconds, run.state.global_step, run.seen_tokens


def theirs(task, model, rows, folder, options):
    """Seconds, steps and tokens of a Trainer with its defaults."""
    folder.mkdir()
    path = resolve(ModelSpec(model)).folder
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    texts = [row["text"] for row in rows]
    encoded = tokenizer(texts, truncation=True, max_length=LIMIT)
    data = [
        {name: encoded[name][at] for name in ("input_ids", "attention_mask")}
        for at in range(len(texts))
    ]
    if task == "classification":
        labels = sorted({row[options.label_column] for row in rows})
        for one, row in zip(data, rows, strict=True):
            one["labels"] = labels.index(row[options.label_column])
        learnt = transformers.AutoModelForSequenceClassification.from_pretrained(
            path, num_labels=len(labels), dtype="float32"
        )
        collator = DataCollatorWithPadding(tokenizer)
    else:
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        learnt = transformers.AutoModelForCausalLM.from_pretrained(path, dtype="float32")
        collator = DataCollatorForLanguageModeling(tokenizer, mlm=False)
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=1,
        per_device_train_batch_size=options.batch_size,
        save_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
        report_to="none",
    )
    clock = Clock(options)
    trainer = Trainer(
        model=learnt, args=arguments, train_dataset=data, data_collator=collator, callbacks=[clock]
    )
    trainer.train()
    tokens = sum(len(one["input_ids"]) for one in data)
    return clock.seconds, trainer.state.global_step, tokens


def compare(task, model, rows, options):
    """Run all rounds, and print the table of one task."""
    found = {"Trainer": [], "finetune": []}
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary, "train.jsonl")
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        for turn in range(options.rounds):
            for name in found:
                folder = Path(temporary, f"{name}-{turn}")
                with contextlib.redirect_stdout(io.StringIO()):  # the Trainer prints its log
                    found[name].append(
                        theirs(task, model, rows, folder, options)
                        if name == "Trainer"
                        else ours(task, model, file, folder, options)
                    )
    print(f"{task}, {model}, {len(rows)} rows, {options.rounds} rounds")
    print(f"{'':10} {'steps':>6} {'tokens':>9} {'seconds':>9} {'tokens/s':>9}   of each round")
    speeds = {}
    for name, runs in found.items():
        each = [tokens / seconds for seconds, _, tokens in runs]
        speeds[name] = statistics.median(each)
        seconds = statistics.median(seconds for seconds, _, _ in runs)
        _, steps, tokens = runs[0]
        told = " ".join(f"{one:.0f}" for one in each)
        print(
            f"{name:10} {steps:6} {tokens:9,} {seconds:9.1f} {speeds[name]:9.0f}   {told}",
            flush=True,
        )
    print(f"finetune / Trainer: {speeds['finetune'] / speeds['Trainer']:.2f}\n", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("encoder", nargs="?")
    parser.add_argument("--causal", metavar="MODEL")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--label-column", default="label")
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--cpu-time", action="store_true")
    options = parser.parse_args()
    rows = read(options.data, options.rows)
    if options.encoder:
        compare("classification", options.encoder, rows, options)
    if options.causal:
        compare("causal-lm", options.causal, rows, options)


if __name__ == "__main__":
    main()
