"""How many rows a second llmcli reads, beside another tree.

    python benchmarks/reading.py [--other TREE] [--rows 1000000] [--repeat 3]

Reads files of short rows, in each format, without a model; each run is a process of its own, the
trees take turns, and the best of --repeat counts. Prints seconds and rows a second, and with
--other the ratio. TREE is another checkout, such as that of `git archive COMMIT | tar -x -C TREE`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
READ = """
import sys, time
from llmcli.data.readers import read_rows
began, rows = time.perf_counter(), 0
for row in read_rows(sys.argv[1]):
    rows += row.error is None
print(rows, time.perf_counter() - began)
"""


def make_files(folder: Path, rows: int) -> list[Path]:
    """Write the same rows as .txt, .jsonl, .csv, .tsv and .json."""
    texts = [f"the cat number {at} sat on the mat" for at in range(rows)]
    objects = [{"id": at, "text": text} for at, text in enumerate(texts)]
    contents = {
        "txt": "\n".join(texts),
        "jsonl": "\n".join(map(json.dumps, objects)),
        "csv": "id,text\n" + "\n".join(f"{at},{text}" for at, text in enumerate(texts)),
        "tsv": "id\ttext\n" + "\n".join(f"{at}\t{text}" for at, text in enumerate(texts)),
        "json": json.dumps(objects),
    }
    files = [folder / f"rows.{name}" for name in contents]
    for file, content in zip(files, contents.values(), strict=True):
        file.write_text(content + "\n", "utf-8")
    return files


def seconds(tree: Path, file: Path, rows: int) -> float | None:
    """How long a tree takes for a file; None if it does not read all rows."""
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    command = [sys.executable, "-c", READ, str(file)]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tree)
    if process.returncode:
        return None
    count, taken = process.stdout.split()
    return float(taken) if int(count) == rows else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--other", type=Path, help="another checkout")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    trees = {"this tree": HERE, **({"other": options.other.resolve()} if options.other else {})}
    with tempfile.TemporaryDirectory() as folder:
        for file in make_files(Path(folder), options.rows):
            best: dict[str, float] = {}
            for _ in range(options.repeat):
                for name, tree in trees.items():
                    taken = seconds(tree, file, options.rows)
                    if taken is not None:
                        best[name] = min(taken, best.get(name, taken))
            shown = [
                f"{name} {taken:.2f} s, {options.rows / taken:,.0f} rows/s"
                for name, taken in best.items()
            ]
            if len(best) == 2:
                shown.append(f"ratio {best['this tree'] / best['other']:.2f}")
            print(f"{file.suffix:7}", "; ".join(shown), flush=True)


if __name__ == "__main__":
    main()
