"""Compare `llmcli evaluate` with scikit-learn, sacrebleu, SQuAD's own script and a plain loop.

    python benchmarks/evaluate_equality.py classification PREDICTIONS.jsonl
    python benchmarks/evaluate_equality.py translation PREDICTIONS.jsonl --gold fr
    python benchmarks/evaluate_equality.py answers PREDICTIONS.jsonl --data dev.json --script evaluate-v2.0.py
    python benchmarks/evaluate_equality.py perplexity MODEL TEXT.txt

PREDICTIONS are files that llmcli classify, translate and answer wrote, of rows with expected values.
The script is the one that SQuAD's authors publish; it is not part of this project. Perplexity is
compared with the strided loop of Hugging Face's guide. Exits with 1 if a number differs by a
relative error of 1e-3 or more.
"""  # noqa: E501

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path


def evaluated(*words):
    command = [sys.executable, "-m", "llmcli", "evaluate", "--json", "--bootstrap", "0", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    metrics = json.loads(done.stdout)[0]["metrics"]
    return {name: metric["value"] for name, metric in metrics.items()}


def records(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def classification(options):
    from sklearn.metrics import accuracy_score, f1_score

    rows = records(options.source)
    gold, said = [row["input_label"] for row in rows], [row["label"] for row in rows]
    expected = {
        "accuracy": accuracy_score(gold, said),
        "macro_f1": f1_score(gold, said, average="macro"),
    }
    return evaluated("--task", "classification", "--predictions", options.source), expected


def translation(options):
    from sacrebleu import BLEU, CHRF

    rows = records(options.source)
    gold, said = [[row[options.gold] for row in rows]], [row["translation"] for row in rows]
    words = ["--task", "translation", "--target-column", options.gold]
    expected = {
        "bleu": BLEU().corpus_score(said, gold).score,
        "chrf": CHRF().corpus_score(said, gold).score,
    }
    return evaluated(*words, "--predictions", options.source), expected


def answers(options):
    said = {row["id"]: row["answer"] or "" for row in records(options.source)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "said.json")
        path.write_text(json.dumps(said), encoding="utf-8")
        command = [sys.executable, options.script, options.data, str(path)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    scores = json.loads(done.stdout[done.stdout.index("{") :])
    words = ["--task", "question-answering", "--predictions", options.source]
    return evaluated(*words), {"exact_match": scores["exact"], "f1": scores["f1"]}


def perplexity(options):
    import torch

    from llmcli.engines.pytorch.loading import load
    from llmcli.spec import ModelSpec

    loaded = load(ModelSpec(options.source), ("causal",))
    text = Path(options.text).read_text(encoding="utf-8")
    ids = loaded.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    block = min(loaded.context or 1024, 1024)
    total = count = done = 0
    for begin in range(0, len(ids), block // 2):
        end = min(begin + block, len(ids))
        window = torch.tensor([ids[begin:end]])
        labels = window.clone()
        labels[:, : done - begin] = -100
        with torch.no_grad():
            loss = loaded.network(window, labels=labels).loss
        scored = int((labels[:, 1:] != -100).sum())
        total, count, done = total + loss.item() * scored, count + scored, end
        if end == len(ids):
            break
    expected = {"perplexity": float(torch.tensor(total / count).exp())}
    words = ["--task", "causal-lm", "-m", options.source, "-i", options.text, "--no-bos"]
    return evaluated(*words), expected


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    tasks = (classification, translation, answers, perplexity)
    parser.add_argument("task", choices=[task.__name__ for task in tasks])
    parser.add_argument("source", help="predictions, or a model")
    parser.add_argument("text", nargs="?")
    parser.add_argument("--gold", default="target")
    parser.add_argument("--data")
    parser.add_argument("--script")
    options = parser.parse_args()
    task = next(task for task in tasks if task.__name__ == options.task)
    ours, expected = task(options)
    wrong = False
    for name, value in expected.items():
        print(f"{name}: {ours[name]:.6f} here, {value:.6f} there")
        wrong |= abs(ours[name] - value) >= 1e-3 * abs(value)
    sys.exit(wrong)


if __name__ == "__main__":
    main()
