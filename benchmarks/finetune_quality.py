"""What finetune reaches with its default settings on real data.

    python benchmarks/finetune_quality.py MINILM DATA_DIR [--only full lora gpt2]

MINILM: all-MiniLM-L6-v2 as a folder. DATA_DIR holds sentence-polarity/{train,dev}.jsonl.xz and
books/books.jsonl.xz. Three runs: MiniLM on sentence polarity, all weights and low-rank adapters,
judged by `evaluate` on the dev set, which no run sees; and the starter gpt2-stories on one book,
whose last tenth it does not see, judged by its perplexity before and after. One core with AVX2
takes about 30 minutes.
"""

import argparse
import json
import lzma
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

BOOK = "The Christmas Angel"


def llmcli(*words: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "llmcli", *map(str, words)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout


def evaluated(*words: object) -> dict[str, Any]:
    (record,) = json.loads(llmcli("evaluate", *words, "--json"))
    return record


def polarity(minilm: Path, data: Path, folder: Path, *more: str) -> None:
    train, dev = (data / f"sentence-polarity/{name}.jsonl.xz" for name in ("train", "dev"))
    task = ("--task", "classification")
    llmcli("finetune", "-m", minilm, *task, "--train", train, "-o", folder, *more)
    print(json.dumps(evaluated(*task, "-m", folder, "-i", dev)["metrics"]), flush=True)


def story_teller(data: Path, folder: Path) -> None:
    with lzma.open(data / "books/books.jsonl.xz", "rt", encoding="utf-8") as file:
        book = next(one["text"] for one in map(json.loads, file) if one["title"] == BOOK)
    cut = len(book) * 9 // 10
    train, rest = folder / "train.txt", folder / "rest.txt"
    train.write_text(book[:cut])
    rest.write_text(book[cut:])
    task = ("--task", "causal-lm", "-i", rest)
    print(json.dumps(evaluated(*task, "-m", "gpt2-stories")["metrics"]))
    tuned = folder / "tuned"
    how = ("--epochs", 6, "--lr", 3e-4)  # a book is little text
    llmcli("finetune", "-m", "gpt2-stories", "--train", train, "-o", tuned, *how)
    print(json.dumps(evaluated(*task, "-m", tuned)["metrics"]), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("minilm", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="+", default=["full", "lora", "gpt2"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if "full" in options.only:
            print("MiniLM, all weights:")
            polarity(options.minilm, options.data, folder / "full")
        if "lora" in options.only:
            print("MiniLM, low-rank adapters:")
            polarity(options.minilm, options.data, folder / "lora", "--lora")
        if "gpt2" in options.only:
            print(f"gpt2-stories on the end of {BOOK}, before and after:")
            story_teller(options.data, folder)


if __name__ == "__main__":
    main()
