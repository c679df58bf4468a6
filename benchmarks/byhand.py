"""The same jobs with the fast libraries driven by hand: CTranslate2, and others where installed.

    python benchmarks/byhand.py [--jobs oneshot prompts classify embed translate] [--peers PYTHON]

Each script below is what someone writes who knows the library: no torch, no transformers, the
tokenizer's own library, the model converted before, texts sorted or packed into batches by
length, all cores. llmcli beside it, in float32 and in int8, is to take no longer (0.95 times its
speed or more) and no more memory. Whole processes. sentence-transformers and argos-translate join
in where they can be imported: in this environment, or by the interpreter that --peers, or $PEERS,
names. To make one that shares this environment's torch:

    python -m venv --without-pip PEERS
    python -c "import site; print(site.getsitepackages()[0])" > PEERS/lib/python3.*/site-packages/here.pth
    pip --python PEERS/bin/python install --no-deps sentence-transformers

To translate, CTranslate2 by hand searches as long as llmcli does, so that both find the same texts.

argos-translate needs a package of its own for a language pair, installed for it: with another
model than ours, so that only its speed and memory compare.
"""  # noqa: E501

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import common
import encode
import prompts

from llmcli.system.machine import physical_cores

CONVERT = """
import sys
from ctranslate2.converters import TransformersConverter
source, target, kind = sys.argv[1:]
TransformersConverter(source).convert(target, quantization=kind, force=True)
"""

GENERATE = """
import json, sys
import ctranslate2
from tokenizers import Tokenizer

converted, folder, source, target, kind, threads, count = sys.argv[1:]
texts = [json.loads(line)["text"] for line in open(source, encoding="utf-8")]
tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
generator = ctranslate2.Generator(converted, compute_type=kind, intra_threads=int(threads))
tokens = [one.tokens for one in tokenizer.encode_batch(texts)]
results = generator.generate_batch(
    tokens,
    max_length=int(count),
    sampling_topk=1,
    include_prompt_in_result=False,
    max_batch_size=4096,
    batch_type="tokens",
)
with open(target, "w", encoding="utf-8") as file:
    for one in results:
        text = tokenizer.decode(one.sequences_ids[0])
        file.write(json.dumps({"text": text}) + "\\n")
"""

TRANSLATE = """
import json, sys
import ctranslate2
import sentencepiece

converted, folder, source, target, kind, threads, patience = sys.argv[1:]
texts = [json.loads(line)["text"] for line in open(source, encoding="utf-8")]
before = sentencepiece.SentencePieceProcessor(model_file=f"{folder}/source.spm")
after = sentencepiece.SentencePieceProcessor(model_file=f"{folder}/target.spm")
translator = ctranslate2.Translator(converted, compute_type=kind, intra_threads=int(threads))
tokens = [[*pieces, "</s>"] for pieces in before.encode(texts, out_type=str)]
results = translator.translate_batch(
    tokens, beam_size=4, max_batch_size=2048, batch_type="tokens", patience=float(patience)
)
with open(target, "w", encoding="utf-8") as file:
    for one in results:
        file.write(json.dumps({"translation": after.decode(one.hypotheses[0])}) + "\\n")
"""

ENCODE = """
import json, sys
import ctranslate2
import numpy as np
from tokenizers import Tokenizer

job, converted, folder, source, target, kind, threads = sys.argv[1:]
texts = [json.loads(line)["text"] for line in open(source, encoding="utf-8")]
tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
tokenizer.enable_truncation(512)
tokenizer.no_padding()
ids = [one.ids for one in tokenizer.encode_batch(texts)]
encoder = ctranslate2.Encoder(converted, compute_type=kind, intra_threads=int(threads))
order = sorted(range(len(ids)), key=lambda at: -len(ids[at]))
if job == "classify":
    from safetensors.numpy import load_file

    weights = load_file(f"{folder}/model.safetensors")
    names = json.load(open(f"{folder}/config.json"))["id2label"]
found = [None] * len(ids)
begin = 0
while begin < len(order):
    longest = len(ids[order[begin]])
    some = order[begin : begin + max(1, 8192 // longest)]
    begin += len(some)
    out = encoder.forward_batch([ids[at] for at in some])
    if job == "classify":
        pooled = np.array(out.pooler_output)  # (B, D)
        logits = pooled @ weights["classifier.weight"].T + weights["classifier.bias"]
        for at, best in zip(some, logits.argmax(1)):
            found[at] = names[str(best)]
    else:
        hidden = np.array(out.last_hidden_state)  # (B, T, D)
        for at, states in zip(some, hidden):
            found[at] = states[: len(ids[at])].mean(0)
if job == "classify":
    with open(target, "w", encoding="utf-8") as file:
        for label in found:
            file.write(json.dumps({"label": label}) + "\\n")
else:
    np.save(target, np.stack(found))
"""

SENTENCE_TRANSFORMERS = """
import json, sys
import numpy as np
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Pooling, Transformer

folder, source, target = sys.argv[1:]
texts = [json.loads(line)["text"] for line in open(source, encoding="utf-8")]
states = Transformer(folder, max_seq_length=512)
pooling = Pooling(states.get_word_embedding_dimension(), pooling_mode="mean")
model = SentenceTransformer(modules=[states, pooling], device="cpu")
np.save(target, model.encode(texts, batch_size=32))
"""

ARGOS = """
import json, sys
import argostranslate.translate

source, target = sys.argv[1:]
texts = [json.loads(line)["text"] for line in open(source, encoding="utf-8")]
with open(target, "w", encoding="utf-8") as file:
    for text in texts:
        said = argostranslate.translate.translate(text, "en", "fr")
        file.write(json.dumps({"translation": said}) + "\\n")
"""

HAND = "CTranslate2 by hand"


@dataclass(frozen=True)
class Job:
    """One job: what llmcli is told, what the scripts are given, how their outputs compare."""

    claim: str
    words: tuple[object, ...]
    """llmcli's, without input, output and dtype."""
    folder: Path
    """Of the checkpoint."""
    code: str
    before: tuple[object, ...]
    """Arguments of the script before the common ones, and after them."""
    after: tuple[object, ...]
    source: Path
    kind: str
    compare: Callable[[Path, Path], common.Check]
    others: dict[str, str]
    """Scripts with other libraries, by the library's name."""


def jobs(options: argparse.Namespace, folder: Path) -> dict[str, Job]:
    """Every job, its input written into `folder`."""
    quick = options.quick
    models, data = options.models, options.data
    gpt2 = common.gpt2_124m(models)
    stories = common.starter("gpt2-stories")

    def written(name: str, texts: list[str]) -> Path:
        return common.write_rows(folder / f"{name}.jsonl", texts)

    few = written("few", ["Once upon a time"])
    many = written("many", prompts.prompts(data, 8 if quick else options.prompts))
    reviews = written("reviews", encode.reviews(data, 8 if quick else options.limit))
    found = common.pairs(data / "tatoeba" / "eng-fra.tsv.xz")
    lines = written(
        "lines", [one for one, _ in common.evenly(found, 6 if quick else options.lines)]
    )

    def causal(claim: str, model: object, checkpoint: Path, source: Path, count: int) -> Job:
        words = ("generate", "-m", model, "-n", count)
        return Job(claim, words, checkpoint, GENERATE, (), (count,), source, "jsonl", text, {})

    def encoder(job: str, checkpoint: Path, compare: Callable[..., common.Check]) -> Job:
        _, _, kind, how = encode.JOBS[job]
        claim = f"{job}, {checkpoint.name}, reviews"
        others = {"sentence_transformers": SENTENCE_TRANSFORMERS} if job == "embed" else {}
        words = (job, "-m", checkpoint, *how)
        return Job(claim, words, checkpoint, ENCODE, (job,), (), reviews, kind, compare, others)

    marian = models / "opus-mt-en-fr"
    new = 4 if quick else 32
    return {
        "oneshot": causal("one shot, GPT-2 124M, 20 tokens", gpt2, gpt2, few, 20),
        "starter": causal("one shot, gpt2-stories, 20 tokens", "gpt2-stories", stories, few, 20),
        "prompts": causal(f"prompts, GPT-2 124M, {new} tokens", gpt2, gpt2, many, new),
        "classify": encoder("classify", models / "polarity", encode.same_labels),
        "embed": encoder("embed", models / "minilm", encode.same_vectors),
        "translate": Job(
            f"translate, 4 beams, patience {options.patience:g}",
            ("translate", "-m", marian, "--num-beams", 4, "--no-split-sentences"),
            *(marian, TRANSLATE, (), (options.patience,), lines, "jsonl", translation),
            {"argostranslate": ARGOS},
        ),
    }


def text(ours: Path, theirs: Path) -> common.Check:
    return common.same_texts(*(common.read_column(one, "text") for one in (ours, theirs)), 0.99)


def translation(ours: Path, theirs: Path) -> common.Check:
    said, expected = (common.read_column(one, "translation") for one in (ours, theirs))
    return common.same_texts(said, expected, 0.99)


def converted(models: Path, folder: Path, kind: str) -> Path:
    """The checkpoint in CTranslate2's own format, made once."""
    target = models / "ct2" / f"{folder.name}-{kind}"
    if not (target / "model.bin").exists():
        target.parent.mkdir(exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        common.run_once(common.script(CONVERT, folder, part, kind))
        part.rename(target)
    return target


def importable(python: Path, module: str) -> bool:
    """Whether that interpreter finds a package."""
    code = "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)"
    try:
        common.run_once(common.script(code, module, python=python))
    except common.ProcessFailed:
        return False
    return True


def compared(options: argparse.Namespace, folder: Path, name: str, job: Job) -> list[dict]:
    """The rows of one job."""
    commands, targets = {}, {}
    for kind, dtype in (("float32", common.EXACT), ("int8", common.INT8)):
        ours, hand = f"llmcli {name} {kind}", f"{HAND}, {name} {kind}"
        targets[ours] = folder / f"{name}-ours-{kind}.{job.kind}"
        targets[hand] = folder / f"{name}-hand-{kind}.{job.kind}"
        words = (*job.words, "-i", job.source, "-o", targets[ours], "-q", *dtype)
        commands[ours] = common.llmcli(options, *words)
        model = converted(options.models, job.folder, kind)
        given = (model, job.folder, job.source, targets[hand], kind, options.threads)
        commands[hand] = common.script(job.code, *job.before, *given, *job.after)
    others = {}
    for module, code in job.others.items():
        if not importable(options.peers, module):
            told = f"left out: {options.peers} does not find {module}"
            print(f"{name}: {told}", file=sys.stderr)
            others[module] = common.Side(error=told)
            continue
        targets[module] = folder / f"{name}-{module}.{job.kind}"
        given = (job.source, targets[module])
        if module != "argostranslate":  # which has a model of its own
            given = (job.folder, *given)
        commands[module] = common.script(code, *given, python=options.peers)
    sides = common.measure_for(options, commands)
    rows = []
    for kind in ("float32", "int8"):
        ours, hand = f"llmcli {name} {kind}", f"{HAND}, {name} {kind}"

        def check(ours=ours, hand=hand) -> common.Check:
            return job.compare(targets[ours], targets[hand])

        pair = sides[ours], sides[hand]
        claim = f"{job.claim}, {kind}, whole process"
        row = common.row(claim, HAND, *pair, needed=0.95, check=check, memory=True)
        rows.append(row)
    ours = f"llmcli {name} float32"
    for module in job.others:
        theirs = others.get(module) or sides[module]

        def compare(module=module) -> common.Check:
            check = job.compare(targets[ours], targets[module])
            return common.Check(check.told) if module == "argostranslate" else check

        claim = f"{job.claim}, float32, whole process"
        pair = sides[ours], theirs
        row = common.row(claim, module, *pair, needed=0.95, check=compare, memory=True)
        rows.append(row)
    return rows


def main() -> None:
    parser = common.arguments(__doc__)
    names = ("oneshot", "starter", "prompts", "classify", "embed", "translate")
    parser.add_argument("--jobs", nargs="+", choices=names, default=names)
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--limit", type=int, default=4000, help="reviews")
    parser.add_argument("--lines", type=int, default=2000, help="to be translated")
    parser.add_argument(
        "--patience",
        type=float,
        default=2,
        help="of translate by hand; by itself 1, which ends sooner, with other texts than "
        "transformers in 8%%  [default: 2, as in llmcli]",
    )
    peers = Path(os.environ.get("PEERS", sys.executable))
    parser.add_argument("--peers", type=Path, default=peers, metavar="PYTHON", help="or $PEERS")
    parser.add_argument(
        "--threads",
        type=int,
        default=physical_cores(),
        help="of CTranslate2 by hand; by itself it would take at most 4  [default: all cores]",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        known = jobs(options, folder)
        rows = [
            row for name in options.jobs for row in compared(options, folder, name, known[name])
        ]
    common.finish(options, rows)


if __name__ == "__main__":
    main()
