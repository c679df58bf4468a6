"""llmcli beside transformers on one GPU: generation, embedding, training.

    python benchmarks/gpu.py [--quick] [--only generate,embed,finetune] [--json FILE]

All models have random weights and are made on the spot: GPT-2 with 124 million parameters, a
Llama of 1.1 billion, an encoder of the shape of MiniLM-L6. Both sides run in this process, on the
same weights, after loading and after a first call that is not counted, and take turns in the
rounds; the median counts. transformers generates in batches of 32 in the order of the file, padded
on the left; it embeds in batches of 32, in the same dtype; its Trainer has its defaults.
The texts of llmcli must be those of transformers: all of them in float32, 99% in bfloat16, where
both round, but not in the same places. In float32 the head is random, so that the next token hangs
on all tokens before it by a small margin; in bfloat16 it mostly follows from the last one, by a
large margin, as in a trained model. --quick takes tiny models, and runs on a CPU as well.
"""

import argparse
import gc
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
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
        torch.backends.cuda.enable_cudnn_sdp(True)  # torch's default, which llmcli changes
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


def generation(options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """The rows of both causal models."""
    quick = options.quick
    one, few, many = (16, 40, 80) if quick else (256, 1000, 10_000)
    cases = [  # model, dtype, prompts, new tokens, tokens that end a text
        ("GPT-2 124M", "float32", 1, one, 0),
        ("GPT-2 124M", "float32", few, 32, 0),
        ("GPT-2 124M", "bfloat16", 1, one, 0),
        ("GPT-2 124M", "bfloat16", few, 32, 0),
        ("GPT-2 124M", "bfloat16", few, 96, 1500),
        ("Llama 1.1B", "bfloat16", 1, one, 0),
        ("Llama 1.1B", "bfloat16", few, 32, 0),
        ("GPT-2 124M", "bfloat16", many, 32, 0),
    ]
    rows = []
    for name, dtype, count, new, ends in cases[slice(*options.cases)]:
        path = make_model(folder, name, options, ends, is_sure=dtype != "float32")
        theirs = Theirs(path, dtype)
        prompts = texts(count, 4, 40)
        decoding = llmcli.Decoding(max_new_tokens=new)
        with llmcli.load(str(path), device=DEVICE, dtype=dtype, engine="torch") as ours:

            def mine(prompts=prompts, ours=ours, decoding=decoding) -> list[str]:
                torch.backends.cuda.enable_cudnn_sdp(False)
                results = llmcli.generate(prompts, model=ours, options=decoding)
                return [result.text for result in results]

            def reference(prompts=prompts, theirs=theirs, new=new) -> list[str]:
                return theirs.generate(prompts, new)

            mine(prompts=texts(2, 4, 40))
            reference(prompts=texts(2, 4, 40))
            seconds, out = timed(
                {"ours": mine, "theirs": reference}, options.rounds if count == 1 else 1
            )
        same = sum(a == b for a, b in zip(out["ours"], out["theirs"], strict=True))
        what = f"{count:,} prompt{'s' * (count > 1)}, {new} tokens, {name}, {dtype}"
        if ends:
            what += ", texts end by themselves"
        rows.append(row(what, seconds, f"{same} of {count} texts the same"))
        del theirs, ours
        forget()
    return rows


def embedding(options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Vectors of many short texts."""
    path = make_model(folder, "MiniLM-L6", options)
    tokenizer = hf.AutoTokenizer.from_pretrained(path)
    passages = texts(200 if options.quick else 50_000, 4, 40)
    rows = []
    for dtype in ("float32", "bfloat16"):
        network = hf.AutoModel.from_pretrained(path, dtype=dtype).to(DEVICE).eval()

        @torch.inference_mode()
        def reference(network=network) -> torch.Tensor:
            vectors = []
            torch.backends.cuda.enable_cudnn_sdp(True)
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

            def mine(ours=ours, settings=settings, passages=passages) -> torch.Tensor:
                torch.backends.cuda.enable_cudnn_sdp(False)
                vectors = llmcli.embed(passages, model=ours, options=settings)
                return torch.from_numpy(vectors)

            mine(passages=passages[:64])
            seconds, out = timed({"ours": mine, "theirs": reference}, options.rounds)
        nearest = (out["ours"] * out["theirs"]).sum(-1).min().item()
        what = f"{len(passages):,} texts, MiniLM-L6, {dtype}"
        rows.append(row(what, seconds, f"least cosine {nearest:.6f}"))
        del network, ours
        forget()
    return rows


def training(options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """A classifier and a causal model, one pass over the rows."""
    rows = []
    for name, task in (("MiniLM-L6", "classification"), ("GPT-2 124M", "causal-lm")):
        path = make_model(folder, name, options)
        count = 32 if options.quick else 2048
        data = [
            {"text": text, "label": ("good", "bad")[number % 2]}
            for number, text in enumerate(texts(count, 40, 160))
        ]
        source = folder / "train.jsonl"
        source.write_text("".join(json.dumps(record) + "\n" for record in data))

        def mine(path=path, task=task, source=source) -> float:
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
            return 0.0

        def reference(path=path, task=task, data=data) -> float:
            torch.backends.cuda.enable_cudnn_sdp(True)
            return default_trainer(path, task, data)

        seconds, _ = timed({"ours": mine, "theirs": reference}, 1)
        rows.append(row(f"finetune, {count:,} texts, {name}, whole call", seconds, "one pass each"))
        forget()
    return rows


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


def row(what: str, seconds: dict[str, float], check: str) -> dict[str, Any]:
    """One line of the table, printed as soon as it is known."""
    ratio = seconds["theirs"] / seconds["ours"]
    line = {"what": what, **seconds, "ratio": ratio, "check": check}
    print(f"| {what} | {seconds['ours']:.2f} | {seconds['theirs']:.2f} | {ratio:.2f} | {check} |")
    return line


PARTS = {"generate": generation, "embed": embedding, "finetune": training}


def main() -> None:
    """Print the table, and write it where --json says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a check of the script, no proof")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas")
    parser.add_argument("--rounds", type=int, default=2, help="of one prompt, and of embedding")
    parser.add_argument("--cases", type=int, nargs=2, default=(0, None), help="from, to: save time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there too")
    options = parser.parse_args()
    hf.utils.logging.set_verbosity_error()
    if DEVICE == "cuda":
        print(torch.cuda.get_device_name(), f"torch {torch.__version__}", hf.__version__)
    print("| what | llmcli, s | transformers, s | ratio | check |\n|---|---|---|---|---|")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.only.split(","):
            rows += PARTS[name](options, Path(folder))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
