"""Small data sets that tiny models can learn."""

import json
import random
from pathlib import Path
from typing import Any

Rows = list[dict[str, Any]]
FILLERS = ("the", "cat", "dog", "is", "on", "mats", "it")


def write_rows(path: Path, rows: Rows) -> str:
    """Write a .jsonl file; returns its path."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def moods(count: int = 120, seed: int = 0) -> Rows:
    """Texts that are glad or sad by one word: good or bad."""
    draw = random.Random(seed)
    rows = []
    for _ in range(count):
        words = draw.choices(FILLERS, k=draw.randint(2, 8))
        word = draw.choice(["good", "bad"])
        words.insert(draw.randrange(len(words)), word)
        rows.append({"text": " ".join(words), "label": {"good": "glad", "bad": "sad"}[word]})
    return rows
