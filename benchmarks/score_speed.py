"""The surprisal of each token of 1,000 stories, beside the perplexity of all of them.

    python benchmarks/score_speed.py [--limit 1000] [--model gpt2-stories]

`llmcli score`, which names each token, sums words and sentences and writes all of it as JSON lines,
beside `llmcli evaluate --task causal-lm`, which computes the same log-probabilities and keeps their
sums. Whole processes. The speed must be 0.9 of that of `evaluate`; the perplexity of the tokens in
the file must be the one that `evaluate` reports.
"""

import json
import math
import tempfile
from pathlib import Path

import common

NEEDED = 0.9
CLOSE = 1e-6
"""How much the perplexities may differ, relative to them: both sum the same float32 numbers."""


def perplexity(path: Path) -> float:
    """The exponential of the mean surprisal of all tokens of a file that score wrote."""
    total, count = 0.0, 0
    with path.open(encoding="utf-8") as file:
        for line in file:
            surprisals = [token["surprisal"] for token in json.loads(line)["tokens"]]
            total += math.fsum(each for each in surprisals if each is not None)
            count += sum(each is not None for each in surprisals)
    return math.exp(total / count)


def compared(scores: Path, report: str) -> common.Check:
    """Whether both report the same perplexity."""
    metrics = json.loads(report)[0]["metrics"]
    theirs = metrics["perplexity"]["value"]
    ours = perplexity(scores)
    return common.Check(
        f"perplexity {ours:.6f} and {theirs:.6f}", math.isclose(ours, theirs, rel_tol=CLOSE)
    )


def main() -> None:
    """Measure, compare and print a row."""
    parser = common.arguments(__doc__, rounds=3)
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--model", default="gpt2-stories", metavar="MODEL")
    options = parser.parse_args()
    lines = common.compressed_lines(options.data / "stories" / "stories.jsonl.xz")
    texts = [json.loads(line)["text"] for line in lines[: 20 if options.quick else options.limit]]
    with tempfile.TemporaryDirectory() as temporary:
        source = common.write_rows(Path(temporary) / "stories.jsonl", texts)
        scores = Path(temporary) / "scores.jsonl"
        shared = ("-i", source, "-m", options.model)
        evaluate = ("evaluate", "--task", "causal-lm", *shared, "--bootstrap", 0, "--json")
        sides = common.measure_for(
            options,
            {
                "score": common.llmcli(options, "score", *shared, "-o", scores, "--restart"),
                "evaluate": common.llmcli(options, *evaluate),
            },
        )
        row = common.row(
            f"score of {len(texts):,} stories, {options.model}, whole process",
            "llmcli evaluate",
            sides["score"],
            sides["evaluate"],
            needed=NEEDED,
            check=lambda: compared(scores, sides["evaluate"].stdout),
        )
    common.finish(options, [row])


if __name__ == "__main__":
    main()
