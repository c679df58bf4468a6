"""Tokens that are not padding a second: llmcli's finetune beside a default transformers Trainer.

    python benchmarks/finetune_speed.py [--rows 384] [--batch-size 8] [--dtype auto]

Both train a fresh model on the same film reviews, one pass, on the CPU, and cut texts at 512
tokens: finetune in what it measures to be faster, the Trainer in float32, its default. The Trainer
keeps its other defaults too: 8 examples a batch, drawn at random and padded to the longest of the
batch; the optimizer and its settings are its own. Classification is learnt on minilm: the same
rows and steps. The causal model is gpt2-stories; finetune packs texts into blocks without padding,
so that its steps are fewer.
The time is that of a whole process less another that learns from the first 16 rows alone, for
both sides alike: loading and saving fall away. Both must have counted the same tokens, but for
the ends of text that packing puts in and a last block that it leaves out, and end with a loss
that is near the other's. finetune must not need more memory. A short run: --rows 96 --rounds 1.
"""

import json
import re
import tempfile
from pathlib import Path

import common
from tokenizers import Tokenizer

from llmcli.system.machine import describe

THEIRS = """
import json, sys
import transformers as hf

task, folder, source, target, batch_size = sys.argv[1:]
rows = [json.loads(line) for line in open(source, encoding="utf-8")]
tokenizer = hf.AutoTokenizer.from_pretrained(folder)
encoded = tokenizer([row["text"] for row in rows], truncation=True, max_length=512)
data = [
    {name: encoded[name][at] for name in ("input_ids", "attention_mask")}
    for at in range(len(rows))
]
if task == "classification":
    for one, row in zip(data, rows):
        one["labels"] = row["label"]
    model = hf.AutoModelForSequenceClassification.from_pretrained(folder, dtype="float32")
    collator = hf.DataCollatorWithPadding(tokenizer)
else:
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model = hf.AutoModelForCausalLM.from_pretrained(folder, dtype="float32")
    collator = hf.DataCollatorForLanguageModeling(tokenizer, mlm=False)
arguments = hf.TrainingArguments(
    output_dir=target,
    num_train_epochs=1,
    per_device_train_batch_size=int(batch_size),
    save_strategy="no",
    use_cpu=True,
    disable_tqdm=True,
    report_to="none",
)
trainer = hf.Trainer(model=model, args=arguments, train_dataset=data, data_collator=collator)
done = trainer.train()
trainer.save_model()
print(json.dumps([sum(len(one["input_ids"]) for one in data), done.training_loss]))
"""
PEER = "transformers Trainer, defaults"
LIMIT = 512  # tokens of a text
FEW = 16  # rows of the short run
NEEDED = {"classification": (3.5, 3.0), "causal-lm": (2.5, 2.0)}
"""Of each task, the ratio that is claimed with AMX, and without."""


def main() -> None:
    parser = common.arguments(__doc__)
    parser.add_argument("--rows", type=int, default=384)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--tasks", nargs="+", choices=NEEDED, default=list(NEEDED))
    parser.add_argument("--dtype", default="auto", help="for llmcli")
    parser.add_argument("--encoder", type=Path, help="[default: MODELS/minilm]")
    options = parser.parse_args()
    encoder = options.encoder or options.models / "minilm"
    count = 2 * FEW if options.quick else options.rows
    lines = common.compressed_lines(options.data / "imdb" / "reviews-4k.jsonl.xz")[:count]
    reviews = [json.loads(line) for line in lines]
    texts, labels = [one["text"] for one in reviews], [one["s"] for one in reviews]
    causal = common.starter("gpt2-stories")
    rows = []
    for name, task, model in (
        ("classification of reviews, minilm", "classification", encoder),
        ("language of reviews, gpt2-stories", "causal-lm", causal),
    ):
        if task not in options.tasks:
            continue
        with tempfile.TemporaryDirectory() as folder:
            rows.append(compared(options, Path(folder), name, task, model, texts, labels))
    common.finish(options, rows)


def compared(options, folder, name, task, model, texts, labels):
    """The row of one task."""
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(LIMIT)
    encoded = tokenizer.encode_batch(texts)
    sizes = [len(one.ids) for one in encoded]
    if task == "causal-lm":  # packing would learn what the Trainer cuts off
        texts = [text[: one.offsets[-1][1]] for text, one in zip(texts, encoded, strict=True)]
    commands, outputs = {}, {}
    for part, count in (("all", len(texts)), ("few", FEW)):
        source = folder / f"{part}.jsonl"
        with source.open("w", encoding="utf-8") as file:
            for text, label in zip(texts[:count], labels[:count], strict=True):
                file.write(json.dumps({"text": text, "label": label}) + "\n")
        outputs[part] = folder / f"ours-{part}"
        settings = {
            **{"-m": model, "--task": task, "--train": source, "-o": outputs[part]},
            **{"--epochs": 1, "--batch-size": options.batch_size, "--eval-fraction": 0},
            **{"--block-size": LIMIT, "--save-steps": 10**6},
            **{"--device": "cpu", "--dtype": options.dtype},
        }
        words = [word for pair in settings.items() for word in pair]
        # A run does not begin in the folder of another.
        fresh = ["bash", "-c", 'rm -rf "$0" && exec "$@"', str(outputs[part])]
        ours = common.llmcli(options, "finetune", *words, "-q")
        commands[f"finetune, {part}"] = [*fresh, *ours]
        target = folder / f"theirs-{part}"
        commands[f"{PEER}, {part}"] = common.script(
            THEIRS, task, model, source, target, options.batch_size
        )
    sides = common.measure_for(options, commands)
    pair = [common.less(sides[f"{who}, all"], sides[f"{who}, few"]) for who in ("finetune", PEER)]
    return common.row(
        f"finetune, {name}, {len(texts)} rows of {min(sizes)}-{max(sizes)} tokens",
        PEER,
        *pair,
        amount=sum(sizes[FEW:]),
        unit="tokens",
        needed=NEEDED[task]["amx_bf16" not in describe().instructions],
        memory=True,
        check=lambda: checked(outputs["all"], sides[f"{PEER}, all"].stdout, len(texts)),
    )


def checked(ours: Path, printed: str, texts: int) -> common.Check:
    """What each side says that it read, and how well it had learnt it, on average of all steps."""
    tokens, loss = json.loads(printed.splitlines()[-1])  # the Trainer prints its log before
    card = (ours / "README.md").read_text(encoding="utf-8")
    own = int(re.search(r"([\d,]+) tokens", card)[1].replace(",", ""))
    steps = [json.loads(line) for line in (ours / "metrics.jsonl").read_text().splitlines()]
    own_loss = sum(one["loss"] for one in steps) / len(steps)
    told = f"{own:,} and {tokens:,} tokens, mean losses {own_loss:.2f} and {loss:.2f}"
    same = tokens - LIMIT < own <= tokens + texts  # a last block that is not full is left out
    return common.Check(told, same and abs(own_loss - loss) < 0.2 * loss)


if __name__ == "__main__":
    main()
