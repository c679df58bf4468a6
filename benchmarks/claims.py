"""Every claim of speed in one run: what is claimed, who measures it, and whether it holds here.

    python benchmarks/claims.py [--only NAME ..] [--minutes 35] [--out DIR] [--peers PYTHON]

Each claim is a row of CLAIMS: the script that measures it, the rows of that script that it is
about, and the ratio that is needed on a processor with AMX and on another. The scripts run one
after another, in sizes that take about half an hour together; --full leaves them their own. A
script is not begun after --minutes, and stopped after the minutes that are set for it; what it had
not measured by then is named as not run, and so is a peer that is not installed. The rows go into
results.md and results.json in DIR (left out: beside this file; with --quick, a temporary folder),
with what is needed here. Exits with 1 if a claim does not hold, or was not measured.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import common


@dataclass(frozen=True)
class Script:
    """A script of this folder, as it is run for the claims."""

    words: tuple[str, ...]
    """Its options, for a run of a few minutes."""
    minutes: float
    """After which it is stopped."""


SCRIPTS = {
    "start": Script(("--rounds", "7"), 2),
    "oneshot": Script(("--rounds", "3"), 2),
    "steady": Script(("--rounds", "2", "--long", "148"), 4),
    "prompts": Script(("--rounds", "1", "--prompts", "100"), 8),
    "encode": Script(("--rounds", "1", "--limit", "240", "--reviews", "240"), 8),
    "translate": Script(("--rounds", "1", "--lines", "200"), 5),
    "finetune_speed": Script(("--rounds", "1", "--rows", "96"), 5),
    "gguf_speed": Script(("--rounds", "2"), 4),
    "neighbours": Script(("--rounds", "1"), 3),
    "assist": Script(("--rounds", "3"), 2),
    "byhand": Script(("--rounds", "1", "--prompts", "30", "--limit", "150", "--lines", "100"), 8),
}


@dataclass(frozen=True)
class Claim:
    """A line of the table: so many times as fast as a peer."""

    name: str
    peer: str
    script: str
    rows: str
    """A regular expression for the claims of the rows that it is about."""
    of: str
    """A regular expression for the peers of these rows."""
    amx: float | None
    """The ratio that is needed on a processor with AMX, and on another."""
    other: float | None
    memory: bool = True
    """No more memory than the peer, either."""


def _claim(
    name: str,
    peer: str,
    script: str,
    rows: str,
    of: str,
    *needed: float | None,
    memory: bool = True,
) -> Claim:
    amx, other = needed if len(needed) == 2 else 2 * needed
    return Claim(name, peer, script, rows, of, amx, other, memory)


PIPELINE, GENERATE = "pipeline, batches of 32", "transformers, batches of 32"
CLAIMS = (
    _claim("classify, auto", PIPELINE, "encode", r"^classify, .*whole", "pipeline", 6, 4),
    _claim("embed, auto", PIPELINE, "encode", r"^embed, .*whole", "AutoModel", 6, 4),
    _claim("classify, int8", PIPELINE, "encode", r"^classify int8, .*whole", "pipeline", 8, 5),
    _claim("embed, int8", PIPELINE, "encode", r"^embed int8, .*whole", "AutoModel", 8, 5),
    _claim("prompts, 124M, float32", GENERATE, "prompts",
           r"GPT-2 124M, float32, whole", "batches of 32", 1.6),
    _claim("prompts, 124M, float32", "the multiplications alone", "prompts",
           r"GPT-2 124M, float32, .*limit", "multiplications", 0.85, None, memory=False),
    _claim("one prompt, steady, float32", "reading the weights alone", "steady",
           r"^steady .*float32.*limit", "reading", 0.9, None, memory=False),
    _claim("prompts, 124M, bfloat16", GENERATE, "prompts",
           r"GPT-2 124M, bfloat16, whole", "batches of 32", 4, 3),
    _claim("prompts, 124M, int8", GENERATE, "prompts",
           r"GPT-2 124M, int8, whole", "batches of 32", 4, 3),
    _claim("one prompt, steady, float32", "transformers generate", "steady",
           r"^steady .*float32$", "transformers", 1.7, 2.0),
    _claim("one prompt, steady, int8", "transformers generate", "steady",
           r"^steady .*int8", "transformers", 3.5, 3.2),
    _claim("one shot, starter", "the article's script", "oneshot",
           r"^one shot, gpt2-stories", "transformers", 22),
    _claim("one shot, 124M", "the article's script", "oneshot",
           r"^one shot, GPT-2 124M", "transformers", 7),
    _claim("translate, 4 beams, float32", GENERATE, "translate",
           r"float32, whole", "transformers", 5, 4),
    _claim("translate, 4 beams, int8", GENERATE, "translate",
           r"int8, whole", "transformers", 10, 8),
    _claim("classify, after loading", "OpenVINO by hand", "encode|byhand",
           r"^classify\b.*", "(?i)openvino", 1.2),
    _claim("everything", "CTranslate2 by hand", "byhand", ".*", "CTranslate2", 0.95),
    _claim("everything", "sentence-transformers by hand", "byhand",
           ".*", "sentence.transformers", 0.95),
    _claim("SmolLM2-135M, Q4_1 GGUF, second load: at most 1 s", "1 s", "gguf_speed",
           r"(?i)second load|load", ".*", 1.0, memory=False),
    _claim("SmolLM2-135M, Q4_1 GGUF, int8, tokens/s", "llama-cpp-python", "gguf_speed",
           r"(?i)tokens|one prompt|steady", "(?i)llama", 1.0),
    _claim("finetune, causal", "Trainer's defaults", "finetune_speed",
           r"^finetune, language", "Trainer", 2.5, 2),
    _claim("finetune, classifier", "Trainer's defaults", "finetune_speed",
           r"^finetune, classification", "Trainer", 3.5, 3),
    _claim("one prompt on torch with two busy neighbours: at most 2 times its idle time",
           "its idle time", "neighbours", "^one prompt", "idle", 0.5, memory=False),
    _claim("--help", "python -c ''", "start", r"^llmcli --help", r"python -c ''", 0.4,
           memory=False),
    _claim("one text on torch that copies, with lookup", "token by token", "assist",
           r"that repeats.*lookup", "token by token", 1.0, memory=False),
    _claim("one text on torch that copies nothing, with lookup", "token by token", "assist",
           r"that (does not|misleads).*lookup", "token by token", 0.97, memory=False),
)  # fmt: skip
GPU = "the GPU's rows: benchmarks/gpu.py, on a machine with one"


def run_script(
    options: argparse.Namespace, name: str, target: Path
) -> tuple[list[dict[str, Any]], str]:
    """The rows of a script, and why there are none."""
    path = common.HERE / f"{name}.py"
    script = SCRIPTS[name]
    if not path.exists():
        return [], f"there is no benchmarks/{name}.py"
    words = () if options.full else script.words
    if options.quick:
        words = (*words, "--quick")
    command = [sys.executable, str(path), *words, "--json", str(target)]
    command += ["--models", str(options.models), "--data", str(options.data)]
    environment = {**os.environ, "PEERS": str(options.peers)}
    limit = None if options.full else 60 * script.minutes
    try:
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, timeout=limit)
    except subprocess.TimeoutExpired:
        return [], f"stopped after {script.minutes:g} minutes"
    if not target.exists():
        return [], "the script failed"
    return json.loads(target.read_text(encoding="utf-8")), ""


def judged(claim: Claim, rows: Sequence[dict[str, Any]], has_amx: bool) -> list[dict[str, Any]]:
    """The rows that a claim is about, with what is needed here."""
    found = []
    for row in rows:
        if re.search(claim.rows, row["claim"]) and re.search(claim.of, row["peer"]):
            needed = claim.amx if has_amx else claim.other
            row = {**row, "needed": needed, "memory": claim.memory}
            if row["ratio"] is not None:
                row["holds"] = common.holds(row)
            found.append(row)
    return found


def line(claim: Claim, row: dict[str, Any] | None, why: str) -> tuple[str, bool]:
    """A line of the summary, and whether the claim holds."""
    if row is None or row["ratio"] is None:
        said = why or (row or {}).get("outputs") or "no such row"
        return f"| {claim.name} | {claim.peer} | | | **not run** | {said} |", False
    holds = row["holds"] is not False
    needed = "" if row["needed"] is None else f"{row['needed']:g}"
    faults = []
    if row["needed"] is not None and row["ratio"] < row["needed"]:
        faults.append("too slow")
    if row["agrees"] is False:
        faults.append("outputs differ")
    peaks = row["our_peak_mb"], row["their_peak_mb"]
    memory = f"{peaks[0]:,.0f} of {peaks[1]:,.0f} MB" if None not in peaks else ""
    if claim.memory and memory and peaks[0] > peaks[1]:
        faults.append("more memory")
    said = "yes" if holds else f"**no**: {', '.join(faults)}"
    about = "; ".join(filter(None, (row["claim"], row["outputs"], memory)))
    return (
        f"| {claim.name} | {claim.peer} | {needed} | {row['ratio']:.2f} | {said} | {about} |",
        holds,
    )


def chosen(options: argparse.Namespace) -> list[str]:
    """The scripts to run, in the order of SCRIPTS."""
    unknown = set(options.only or ()) - set(SCRIPTS)
    if unknown:
        sys.exit(f"--only {' '.join(sorted(unknown))}: choose from {', '.join(SCRIPTS)}")
    return [name for name in SCRIPTS if not options.only or name in options.only]


def measured(
    options: argparse.Namespace, names: Sequence[str], folder: Path
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, str]]:
    """The rows of each script, and why one has none."""
    began = time.perf_counter()
    rows: dict[str, list[dict[str, Any]]] = {}
    reasons: dict[str, str] = {}
    for name in names:
        minutes = (time.perf_counter() - began) / 60
        if minutes > options.minutes:
            rows[name], reasons[name] = [], f"not begun after {options.minutes:g} minutes"
            continue
        print(f"== {name}, after {minutes:.1f} minutes", file=sys.stderr, flush=True)
        rows[name], reasons[name] = run_script(options, name, folder / f"{name}.json")
    return rows, reasons


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="scripts")
    parser.add_argument("--minutes", type=float, default=35)
    parser.add_argument("--out", type=Path, metavar="DIR")
    parser.add_argument("--peers", type=Path, default=os.environ.get("PEERS", sys.executable))
    parser.add_argument("--models", type=Path, default=common.MODELS, metavar="DIR")
    parser.add_argument("--data", type=Path, default=common.DATA, metavar="DIR")
    parser.add_argument("--full", action="store_true", help="the scripts' own sizes and rounds")
    parser.add_argument("--quick", action="store_true", help="a check of the scripts, no proof")
    options = parser.parse_args()
    names = chosen(options)
    has_amx = any(name.startswith("amx") for name in common.machine()["instructions"])
    lines, kept, good = [], {}, True
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        rows, reasons = measured(options, names, folder)
        for claim in CLAIMS:
            for name in claim.script.split("|"):
                if name not in names:
                    continue
                about = judged(claim, rows[name], has_amx)
                kept |= {(name, row["claim"], row["peer"]): row for row in about}
                if not about and "|" in claim.script and not name.endswith("byhand"):
                    continue  # another script may have it
                for row in about or [None]:
                    text, holds = line(claim, row, reasons[name])
                    lines.append(text)
                    good &= holds
        result = [
            kept.get((name, row["claim"], row["peer"]), row) for name in names for row in rows[name]
        ]
        (folder / "claims.json").write_text(json.dumps(result), encoding="utf-8")
        out = options.out or (Path(tempfile.mkdtemp()) if options.quick else common.HERE)
        common.merge(out, [folder / "claims.json"])
    print("| claim | against | needed | ratio | holds | measured |\n|---|---|---|---|---|---|")
    print("\n".join(lines))
    print(f"\nNot here: {GPU}.\nWritten: {out / 'results.md'}")
    sys.exit(not good and not options.quick)


if __name__ == "__main__":
    main()
