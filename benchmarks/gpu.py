"""llmcli beside transformers on one GPU: generation, embedding, training, in 4 to 5 minutes.

    python benchmarks/gpu.py [--quick] [--only NAME ..] [--seconds 290] [--out DIR]

All models have random weights and are made on the spot: GPT-2 with 124 million parameters, a
Llama of 1.1 billion, an encoder of the shape of MiniLM-L6. Both sides run in this process, on the
same weights, after loading and after a first call that is not counted, and take turns in the
rounds; the median counts. transformers generates in batches of 32 in the order of the file, padded
on the left; it embeds in batches of 32, in the same dtype; its Trainer has its defaults. Attention
of cuDNN is off on both sides: it compiles a plan for each length of a text, which makes generation
in bfloat16 by transformers several times slower. Of many prompts, transformers continues the first
1,000 or 256; its time is multiplied accordingly, and the row says so.
The texts of llmcli must be those of transformers: all of them in float32, 99% in bfloat16, where
both round, but not in the same places. In float32 the head is random, so that the next token hangs
on all tokens before it by a small margin; in bfloat16 it mostly follows from the last one, by a
large margin, as in a trained model.
Each part has a limit of seconds, and none is begun after --seconds: a part that runs out is a row
that says so. Rows are written to DIR ($OUT, else here) in gpu.json and gpu-rows.md as they come.
--quick takes tiny models, runs on a CPU as well, and lets a part take what is left.
"""

import argparse
import gc
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers as hf

import llmcli

BATCH = 32  # of transformers
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
SHAPES: dict[str, dict[str, Any]] = {
    "GPT-2 124M": {"model_type": "gpt2"},
    "Llama 1.1B": {
        "model_type": "llama",
        "hidden_size": 2048,
        "intermediate_size": 5632,
        "num_hidden_layers": 22,
        "num_attention_heads": 32,
        "num_key_value_heads": 4,
        "max_position_embeddings": 2048,
    },
    "MiniLM-L6": {
        "model_type": "bert",
        "hidden_size": 384,
        "intermediate_size": 1536,
        "num_hidden_layers": 6,
        "num_attention_heads": 12,
        "max_position_embeddings": 512,
    },
}
TINY = {
    "GPT-2 124M": {"n_embd": 32, "n_layer": 2, "n_head": 2},
    "Llama 1.1B": {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    },
    "MiniLM-L6": {"hidden_size": 48, "num_hidden_layers": 2},
}


def make_tokenizer(size: int) -> Any:
    """A byte-level BPE of `size` tokens: bytes, and pairs of them."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    letters = [char for char in alphabet if char.isascii() and char.isalpha()]
    rest = [char for char in alphabet if char not in letters]
    order = letters + rest
    merges = [(a, b) for a in order for b in order][: size - len(alphabet) - 1]
    words = [*alphabet, *(a + b for a, b in merges), "<|endoftext|>"]
    vocabulary = {word: at for at, word in enumerate(words)}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    end = "<|endoftext|>"
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=end, eos_token=end, pad_token=end
    )


def make_model(
    folder: Path, name: str, options: argparse.Namespace, ends: int = 0, *, is_sure: bool = False
) -> Path:
    """Save a model of random weights.

    ends: so many tokens end a text, besides <|endoftext|>. is_sure: the next token has a large
    margin.
    """
    target = folder / f"{name.replace(' ', '-')}-{ends}-{is_sure}"
    if target.exists():
        return target
    torch.manual_seed(1)
    tokenizer = make_tokenizer(50257)
    shape = {**SHAPES[name], **(TINY[name] if options.quick else {})}
    special = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), len(tokenizer) - 1)
    special["tie_word_embeddings"] = False
    config = hf.AutoConfig.for_model(**shape, vocab_size=len(tokenizer), **special)
    is_causal = name != "MiniLM-L6"
    auto = hf.AutoModelForCausalLM if is_causal else hf.AutoModel
    with torch.device(DEVICE):
        network = auto.from_config(config)
    if is_causal:
        embeddings = network.get_input_embeddings().weight
        if is_sure:
            with torch.no_grad():
                embeddings.mul_(4)
                order = torch.randperm(len(tokenizer), device=DEVICE)
                network.get_output_embeddings().weight.copy_(embeddings[order])
        vary = random.Random(2).sample(range(len(tokenizer) - 1), ends)
        network.generation_config.eos_token_id = [len(tokenizer) - 1, *vary]
    if is_sure:
        network.bfloat16()
    network.save_pretrained(target)
    tokenizer.save_pretrained(target)
    return target


def texts(count: int, least: int, most: int) -> list[str]:
    """Random words, `least` to `most` of them in a text."""
    draw = random.Random(count)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=4)) for _ in range(2000)]
    return [" ".join(draw.choices(words, k=draw.randint(least, most))) for _ in range(count)]


def timed(sides: dict[str, Callable[[], Any]], rounds: int) -> tuple[dict[str, float], Any]:
    """Median seconds of each side, and what each returned last; the sides take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    returned = {}
    for number in range(rounds):
        for name in list(sides)[:: 1 if number % 2 == 0 else -1]:
            began = time.perf_counter()
            returned[name] = sides[name]()
            if DEVICE == "cuda":
                torch.cuda.synchronize()
            seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}, returned


class Theirs:
    """transformers' generate."""

    def __init__(self, folder: Path, dtype: str) -> None:
        self.network = hf.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).to(DEVICE)
        self.tokenizer = hf.AutoTokenizer.from_pretrained(folder, padding_side="left")

    def generate(self, prompts: list[str], new: int) -> list[str]:
        """In batches of 32, in the order of the prompts."""
        out = []
        for at in range(0, len(prompts), BATCH):
            batch = self.tokenizer(prompts[at : at + BATCH], return_tensors="pt", padding=True)
            batch.pop("token_type_ids", None)
            batch = batch.to(DEVICE)
            ids = self.network.generate(
                **batch,
                max_new_tokens=new,
                do_sample=False,
                pad_token_id=self.tokenizer.pad_token_id,
            )
            ends = self.network.generation_config.eos_token_id
            for row in ids[:, batch["input_ids"].shape[1] :].tolist():
                end = next((at for at, token in enumerate(row) if token in ends), len(row))
                out.append(self.tokenizer.decode(row[:end]).rstrip("\ufffd"))  # cut in a character
        return out


@dataclass(frozen=True)
class Case:
    """Prompts that are continued by a model."""

    model: str
    dtype: str
    prompts: int
    new: int
    ends: int = 0
    """So many tokens end a text."""
    theirs: int | None = None
    """So many prompts are continued by transformers; None: all."""


CASES = {
    "one-float32": Case("GPT-2 124M", "float32", 1, 256),
    "one-bfloat16": Case("GPT-2 124M", "bfloat16", 1, 256),
    "one-llama": Case("Llama 1.1B", "bfloat16", 1, 128),
    "1000-float32": Case("GPT-2 124M", "float32", 1000, 32),
    "1000-ends": Case("GPT-2 124M", "bfloat16", 1000, 96, 1500),
    "10000": Case("GPT-2 124M", "bfloat16", 10_000, 32, theirs=1000),
    "10000-llama": Case("Llama 1.1B", "bfloat16", 10_000, 32, theirs=256),
}


def generation(options: argparse.Namespace, folder: Path, case: Case) -> Iterator[dict[str, Any]]:
    """The row of a case."""
    count = min(case.prompts, 40) if options.quick else case.prompts
    new = min(case.new, 16) if options.quick else case.new
    few = min(case.theirs or count, 16 if options.quick else count)
    path = make_model(folder, case.model, options, case.ends, is_sure=case.dtype != "float32")
    theirs = Theirs(path, case.dtype)
    prompts = texts(count, 4, 40)
    decoding = llmcli.Decoding(max_new_tokens=new)
    with llmcli.load(str(path), device=DEVICE, dtype=case.dtype, engine="torch") as ours:

        def mine(prompts: list[str] = prompts) -> list[str]:
            results = llmcli.generate(prompts, model=ours, options=decoding)
            return [result.text for result in results]

        def reference(prompts: list[str] = prompts[:few]) -> list[str]:
            return theirs.generate(prompts, new)

        mine(texts(2, 4, 40))
        reference(texts(2, 4, 40))
        sides = {"ours": mine, "theirs": reference}
        seconds, out = timed(sides, options.rounds if count == 1 else 1)
    seconds["theirs"] *= count / few
    same = sum(a == b for a, b in zip(out["ours"], out["theirs"], strict=False))
    what = f"{count:,} prompt{'s' * (count > 1)}, {new} tokens, {case.model}, {case.dtype}"
    what += ", texts end by themselves" * bool(case.ends)
    what += f" (transformers: {few:,} of them, scaled)" * (few < count)
    good = same >= few * (1.0 if case.dtype == "float32" else 0.99)
    yield row(what, seconds, f"{same} of {few} texts the same", good, 3 if count == 1 else 4)


def embedding(options: argparse.Namespace, folder: Path, dtype: str) -> Iterator[dict[str, Any]]:
    """Vectors of many short texts."""
    path = make_model(folder, "MiniLM-L6", options)
    tokenizer = hf.AutoTokenizer.from_pretrained(path)
    passages = texts(200 if options.quick else 50_000, 4, 40)
    few = len(passages) if options.quick else 10_000  # of transformers
    network = hf.AutoModel.from_pretrained(path, dtype=dtype).to(DEVICE).eval()

    @torch.inference_mode()
    def reference(passages: list[str] = passages[:few]) -> torch.Tensor:
        vectors = []
        for at in range(0, len(passages), BATCH):
            batch = tokenizer(passages[at : at + BATCH], return_tensors="pt", padding=True)
            batch = batch.to(DEVICE)
            hidden = network(**batch).last_hidden_state.float()  # (B, T, D)
            mask = batch["attention_mask"][..., None]
            mean = (hidden * mask).sum(1) / mask.sum(1)
            vectors.append(torch.nn.functional.normalize(mean).cpu())
        return torch.cat(vectors)

    with llmcli.load(str(path), device=DEVICE, dtype=dtype, engine="torch") as ours:
        settings = llmcli.EmbedOptions(pooling="mean", normalize=True)

        def mine(passages: list[str] = passages) -> torch.Tensor:
            return torch.from_numpy(llmcli.embed(passages, model=ours, options=settings))

        mine(passages[:64])
        reference(passages[:64])
        seconds, out = timed({"ours": mine, "theirs": reference}, options.rounds)
    seconds["theirs"] *= len(passages) / few
    nearest = (out["ours"][:few] * out["theirs"]).sum(-1).min().item()
    what = f"{len(passages):,} texts, MiniLM-L6, {dtype}"
    what += f" (transformers: {few:,} of them, scaled)" * (few < len(passages))
    yield row(what, seconds, f"least cosine {nearest:.6f}", nearest >= 0.999, 4)


def training(options: argparse.Namespace, folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """A classifier or a causal model, one pass over the rows."""
    task = "classification" if name == "MiniLM-L6" else "causal-lm"
    path = make_model(folder, name, options)
    count = 32 if options.quick else 1024
    data = [
        {"text": text, "label": ("good", "bad")[number % 2]}
        for number, text in enumerate(texts(count, 40, 160))
    ]
    source = folder / "train.jsonl"
    source.write_text("".join(json.dumps(record) + "\n" for record in data))

    def mine() -> None:
        with tempfile.TemporaryDirectory() as target:
            settings = llmcli.Training(
                (str(source),),
                f"{target}/m",
                task=task,
                epochs=1,
                batch_size=8,
                block_size=512,
                device=DEVICE,
                eval_fraction=0.01,
                eval_steps=10**6,
                save_steps=10**6,
            )
            llmcli.finetune(settings, str(path))

    def reference() -> float:
        return default_trainer(path, task, data)

    seconds, _ = timed({"ours": mine, "theirs": reference}, 1)
    what = f"finetune, {count:,} texts, {name}, whole call"
    yield row(what, seconds, "one pass each", None, 2)


def default_trainer(path: Path, task: str, data: list[dict[str, str]]) -> float:
    """The loss of transformers' Trainer with its defaults."""
    tokenizer = hf.AutoTokenizer.from_pretrained(path)
    names = sorted({record["label"] for record in data})
    examples = []
    for record in data:
        ids = tokenizer(record["text"], truncation=True, max_length=512)["input_ids"]
        example: dict[str, Any] = {"input_ids": ids, "attention_mask": [1] * len(ids)}
        if task == "classification":
            example["labels"] = names.index(record["label"])
        examples.append(example)
    if task == "classification":
        network = hf.AutoModelForSequenceClassification.from_pretrained(path)
        collator: Any = hf.DataCollatorWithPadding(tokenizer)
    else:
        network = hf.AutoModelForCausalLM.from_pretrained(path)
        collator = hf.DataCollatorForLanguageModeling(tokenizer, mlm=False)
    with tempfile.TemporaryDirectory() as target:
        arguments = hf.TrainingArguments(
            output_dir=target,
            num_train_epochs=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        trainer = hf.Trainer(
            model=network, args=arguments, train_dataset=examples, data_collator=collator
        )
        loss: float = trainer.train().training_loss
        trainer.save_model()
    return loss


def forget() -> None:
    """Free the memory of models that are no longer used."""
    gc.collect()
    if DEVICE == "cuda":
        torch.cuda.empty_cache()


def row(
    what: str, seconds: dict[str, float], check: str, good: bool | None, needed: float
) -> dict[str, Any]:
    """One line of the table."""
    ratio = seconds["theirs"] / seconds["ours"]
    holds = ratio >= needed and good is not False
    return {"what": what, **seconds, "ratio": ratio, "needed": needed, "check": check, "ok": holds}


@dataclass(frozen=True)
class Part:
    """What is measured in one go, and the seconds that it may take."""

    seconds: int
    measure: Callable[[argparse.Namespace, Path], Iterator[dict[str, Any]]]


def _case(name: str) -> Callable[[argparse.Namespace, Path], Iterator[dict[str, Any]]]:
    return lambda options, folder: generation(options, folder, CASES[name])


def _embed(dtype: str) -> Callable[[argparse.Namespace, Path], Iterator[dict[str, Any]]]:
    return lambda options, folder: embedding(options, folder, dtype)


def _finetune(name: str) -> Callable[[argparse.Namespace, Path], Iterator[dict[str, Any]]]:
    return lambda options, folder: training(options, folder, name)


PARTS = {
    "one-float32": Part(30, _case("one-float32")),
    "1000-float32": Part(40, _case("1000-float32")),
    "one-bfloat16": Part(20, _case("one-bfloat16")),
    "10000": Part(50, _case("10000")),
    "embed-bfloat16": Part(40, _embed("bfloat16")),
    "one-llama": Part(40, _case("one-llama")),
    "10000-llama": Part(60, _case("10000-llama")),
    "finetune-gpt2": Part(45, _finetune("GPT-2 124M")),
    "finetune-classifier": Part(40, _finetune("MiniLM-L6")),
    "embed-float32": Part(40, _embed("float32")),
    "1000-ends": Part(40, _case("1000-ends")),
}
"""The parts that claims hang on come first."""


class OutOfTime(Exception):
    """A part has taken its seconds."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in the block after so many seconds."""

    def stop(*_: object) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def measured(
    options: argparse.Namespace, folder: Path, name: str, left: float
) -> list[dict[str, Any]]:
    """The rows of a part; one that says why, if it has none. left: seconds of the whole run."""
    if left <= 0:
        return [{"what": name, "check": f"not begun after {options.seconds:g} s"}]
    part = PARTS[name]
    limit = left if options.quick else min(part.seconds, left)
    try:
        with limited(limit):
            return list(part.measure(options, folder))
    except OutOfTime:
        return [{"what": name, "check": f"not finished in {limit:.0f} s"}]
    except Exception as error:  # the other parts are worth their time on a lent machine
        return [{"what": name, "check": f"{type(error).__name__}: {str(error)[:200]}"}]


def as_text(line: dict[str, Any]) -> str:
    """A line of the table in Markdown."""
    if "ratio" not in line:
        return f"| {line['what']} | | | | | **not run** | {line['check']} |"
    ok = "yes" if line["ok"] else "**no**"
    return (
        f"| {line['what']} | {line['ours']:.2f} | {line['theirs']:.2f} | {line['ratio']:.2f} "
        f"| {line['needed']:g} | {ok} | {line['check']} |"
    )


HEAD = (
    "| what | llmcli, s | transformers, s | ratio | needed | holds | outputs |\n"
    "|---|---|---|---|---|---|---|"
)


def main() -> None:
    """Print the table, and write it as it grows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a check of the script, no proof")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="NAME")
    parser.add_argument("--rounds", type=int, default=2, help="of one prompt, and of embedding")
    parser.add_argument("--seconds", type=float, default=290, help="of all parts")
    parser.add_argument("--out", type=Path, default=os.environ.get("OUT", "."), metavar="DIR")
    options = parser.parse_args()
    hf.utils.logging.set_verbosity_error()
    torch.backends.cuda.enable_cudnn_sdp(False)
    began, rows = time.perf_counter(), []
    card = torch.cuda.get_device_name() if DEVICE == "cuda" else "no GPU"
    head = f"{card}, torch {torch.__version__}, transformers {hf.__version__}\n\n{HEAD}"
    print(head, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in options.only:
            left = options.seconds - (time.perf_counter() - began)
            rows += measured(options, Path(folder), name, left)
            forget()
            print(as_text(rows[-1]), flush=True)
            took = time.perf_counter() - began
            print(f"{name}: {took:.0f} s so far", file=sys.stderr, flush=True)
            (options.out / "gpu.json").write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
            table = "\n".join([head, *map(as_text, rows)])
            (options.out / "gpu-rows.md").write_text(table + "\n", "utf-8")


if __name__ == "__main__":
    main()
