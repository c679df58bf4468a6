"""2,000 lines of Tatoeba from English to French, four beams: float32, int8 and bfloat16.

    python benchmarks/translate.py [--lines 2000] [--model DIR]

`llmcli translate` beside transformers' generate in batches of 32 in file order. Both translate a
line as it is: llmcli is told not to split it into sentences. Whole processes, and after loading,
which is the whole process less another on the first line alone, for both sides alike. In float32
99% of the texts must be the same; else BLEU must be within 0.3 of transformers' (sacrebleu).
Lines are drawn evenly from all that differ, each with all its French sides as references.
"""

import tempfile
from pathlib import Path

import common

THEIRS = """
import json, sys
import torch
from transformers import MarianMTModel, MarianTokenizer

folder, source, target = sys.argv[1:]
texts = [json.loads(line)["text"] for line in open(source, encoding="utf-8")]
model = MarianMTModel.from_pretrained(folder, dtype=torch.float32)
tokenizer = MarianTokenizer.from_pretrained(folder)
with open(target, "w", encoding="utf-8") as file:
    for at in range(0, len(texts), 32):
        inputs = tokenizer(texts[at : at + 32], return_tensors="pt", padding=True)
        out = model.generate(**inputs, num_beams=4)
        for text in tokenizer.batch_decode(out, skip_special_tokens=True):
            file.write(json.dumps({"translation": text}) + "\\n")
"""
PEER = "transformers generate, batches of 32, float32"
VARIANTS = (
    ("float32", common.EXACT, 5),
    ("int8", common.INT8, 10),
    ("bfloat16", ("--dtype", "bfloat16"), None),  # on torch
)


def main() -> None:
    parser = common.arguments(__doc__)
    parser.add_argument("--lines", type=int, default=2000)
    parser.add_argument("--model", type=Path, help="[default: MODELS/opus-mt-en-fr]")
    options = parser.parse_args()
    model = options.model or options.models / "opus-mt-en-fr"
    found = common.pairs(options.data / "tatoeba" / "eng-fra.tsv.xz")
    found = common.evenly(found, 6 if options.quick else options.lines)
    texts, references = [source for source, _ in found], [targets for _, targets in found]
    commands, targets = {}, {}
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for part, some in (("all", texts), ("first", texts[:1])):
            source = common.write_rows(folder / f"{part}.jsonl", some)
            for name, dtype, _ in VARIANTS:
                target = targets[name, part] = folder / f"{name}-{part}.jsonl"
                words = ("translate", "-m", model, "-i", source, "-o", target, "-q", *dtype)
                more = ("--num-beams", 4, "--no-split-sentences")
                commands[f"llmcli {name}, {part}"] = common.llmcli(options, *words, *more)
            target = targets["theirs", part] = folder / f"theirs-{part}.jsonl"
            commands[f"{PEER}, {part}"] = common.script(THEIRS, model, source, target)
        sides = common.measure_for(options, commands)
        expected = common.read_column(targets["theirs", "all"], "translation")
        for name, _, needed in VARIANTS:
            said = common.read_column(targets[name, "all"], "translation")
            exact = name == "float32"

            def check(said=said, exact=exact) -> common.Check:
                return checked(said, expected, references, exact)

            whole = [sides[f"{who}, all"] for who in (f"llmcli {name}", PEER)]
            first = [sides[f"{who}, first"] for who in (f"llmcli {name}", PEER)]
            loaded = [common.less(*both) for both in zip(whole, first, strict=True)]
            for told, pair in (("whole process", whole), ("after loading", loaded)):
                claim = f"translate, {len(texts)} lines, 4 beams, {name}, {told}"
                rows.append(common.row(claim, PEER, *pair, needed=needed, check=check))
    common.finish(options, rows)


def checked(
    said: list[str], expected: list[str], references: list[list[str]], exact: bool
) -> common.Check:
    """float32: the texts. Others: how good they are. Both are told."""
    same = common.same_texts(said, expected, 0.99 if exact else None)
    ours, theirs = bleu(said, references), bleu(expected, references)
    good = same.good if exact else ours >= theirs - 0.3
    return common.Check(f"{same.told}; BLEU {ours:.2f}, theirs {theirs:.2f}", good)


def bleu(texts: list[str], references: list[list[str]]) -> float:
    """Corpus BLEU, with as many references as each text has."""
    import sacrebleu

    most = max(map(len, references))
    columns = [[(each[n] if n < len(each) else None) for each in references] for n in range(most)]
    return float(sacrebleu.BLEU().corpus_score(texts, columns).score)


if __name__ == "__main__":
    main()
