"""Compare finetune with a training loop written by hand, for every objective, step by step.

    python benchmarks/finetune_equality.py [NAME..]

Each run takes a few steps of AdamW on a tiny random model without dropout. A step is a whole pass
over the data, in batches that are accumulated and of which the last is not full, so that the order
of examples does not matter. The other side is plain PyTorch: the tokenizer and the model of
transformers, one example at a time, without padding, with the loss written out. Prints the greatest
difference of a step's loss, and of the held-out loss after the last step; exits with 1 above 1e-5.
"""

import json
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import architectures
import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch.nn import functional
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForQuestionAnswering,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedTokenizerFast,
)

import llmcli

WORDS = ("the", "cat", "sat", "on", "mats", "a", "dog", "ran", "who", "is", "good", "bad", "this")
STEPS, RATE, DECAY = 4, 1e-3, 0.1
OFF = {
    name: 0.0
    for name in (
        *("attention_dropout", "activation_dropout", "dropout", "dropout_rate", "embd_pdrop"),
        *("resid_pdrop", "attn_pdrop", "hidden_dropout_prob", "attention_probs_dropout_prob"),
        *("classifier_dropout", "classifier_dropout_prob", "encoder_layerdrop", "ff_dropout"),
        *("decoder_layerdrop", "summary_first_dropout", "seq_classif_dropout", "qa_dropout"),
    )
}


@dataclass(frozen=True)
class Case:
    """One objective on one architecture."""

    name: str
    task: str
    architecture: str
    auto: type
    loss: object
    """(model, row) -> the summed loss of a row, and the number of its items."""
    options: dict = field(default_factory=dict)
    config: dict = field(default_factory=dict)


def make_tokenizer():
    """Whole words; [CLS] and [SEP] around texts and pairs."""
    entries = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    tokenizer = Tokenizer(
        models.WordLevel({word: at for at, word in enumerate(entries)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    named = {"unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "pad": "[PAD]", "mask": "[MASK]"}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="[SEP]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **{f"{name}_token": token for name, token in named.items()},
    )


TOKENIZER = make_tokenizer()
DRAW = np.random.default_rng(3)


def some_words(low, high):
    return " ".join(DRAW.choice(WORDS, size=DRAW.integers(low, high + 1)))


def tensors(*texts, **settings):
    return TOKENIZER(*texts, return_tensors="pt", **settings)


def cross_entropy(logits, labels, smoothing=0.0, weights=None):
    """Summed over (T, V) logits and (T,) labels: (1-s) * -log p(label) + s * mean of -log p.

    With weights, the cost of each class is multiplied with its own (as torch defines it).
    """
    logprobs = logits.float().log_softmax(-1)
    weights = torch.ones(logits.shape[-1]) if weights is None else weights
    own = -logprobs.gather(1, labels[:, None])[:, 0] * weights[labels]
    spread = -(logprobs * weights).sum(1) / logits.shape[-1]
    return ((1 - smoothing) * own + smoothing * spread).sum()


def causal(model, row, smoothing):
    """Each text of a block by itself, from the end of the one before it to its own end."""
    ends = [at for at, id in enumerate(row) if id == 3 and 0 < at < len(row) - 1]
    total = torch.zeros(())
    for start, stop in zip([0, *ends], [*ends, len(row) - 1], strict=True):
        ids = torch.tensor(row[start : stop + 1])
        logits = model(input_ids=ids[None, :-1]).logits[0]
        total = total + cross_entropy(logits, ids[1:], smoothing)
    return total, len(row) - 1


def seq2seq(model, row, smoothing):
    source, target = tensors(row["source"]), tensors(row["target"])["input_ids"][0]
    start = torch.tensor([model.config.decoder_start_token_id])
    if model.config.model_type == "mbart":  # the last token, its language, is moved to the front
        start = target[-1:]
    before = torch.cat([start, target[:-1]])[None]
    logits = model(
        input_ids=source["input_ids"],
        attention_mask=source["attention_mask"],
        decoder_input_ids=before,
    ).logits[0]
    return cross_entropy(logits, target, smoothing), len(target)


LABELS = ["one", "three", "two"]
SHARES = {"one": 1.0, "three": 0.5, "two": 2.0}


def class_weights(rows):
    """SHARES, scaled so that the mean over the rows is 1."""
    mean = sum(SHARES[row["label"]] for row in rows) / len(rows)
    return torch.tensor([SHARES[label] / mean for label in LABELS])


def classification(model, row, smoothing, weights=None):
    logits = model(**tensors(row["text"])).logits
    label = torch.tensor([LABELS.index(row["label"])])
    return cross_entropy(logits, label, smoothing, weights), 1


def multi_label(model, row, smoothing):
    logits = model(**tensors(row["text"])).logits[0]
    gold = torch.tensor([float(label in row["label"]) for label in LABELS])
    losses = -gold * functional.logsigmoid(logits) - (1 - gold) * functional.logsigmoid(-logits)
    return losses.mean(), 1


def regression(model, row, smoothing):
    return (model(**tensors(row["text"])).logits[0, 0] - row["score"]) ** 2, 1


TAGS = ["B-X", "O"]


def tagging(model, row, smoothing):
    logits = model(**tensors(" ".join(row["tokens"]))).logits[0, 1:-1]
    gold = torch.tensor([TAGS.index(tag) for tag in row["ner_tags"]])
    return cross_entropy(logits, gold, smoothing), len(gold)


def answers(model, row, smoothing):
    encoded = tensors(row["question"], row["context"], return_offsets_mapping=True)
    offsets = encoded.pop("offset_mapping")[0].tolist()
    shift = encoded["input_ids"][0].tolist().index(3) + 1  # behind the question and [SEP]
    first, stop = row["answer_start"], row["answer_start"] + len(row["answer"])
    at = [n for n, (a, b) in enumerate(offsets) if n >= shift and a < stop and b > first and b > a]
    out = model(**encoded)
    gold = (torch.tensor([at[0]]), torch.tensor([at[-1]]))
    starts, ends = out.start_logits, out.end_logits
    return cross_entropy(starts, gold[0]) + cross_entropy(ends, gold[1]), 2


def masked(model, row, smoothing):
    """Devlin et al. 2019, section 3.1; the draw is that which llmcli's docstring describes."""
    text, key = row
    ids = TOKENIZER(text)["input_ids"]
    draw = np.random.default_rng([7, *key])
    content = np.arange(1, len(ids) - 1)
    hidden = draw.permutation(content)[: max(1, round(0.3 * len(content)))].tolist()
    changed = list(ids)
    for at in hidden:
        fate = draw.random()
        if fate < 0.8:
            changed[at] = 4
        elif fate < 0.9:
            changed[at] = int(draw.integers(len(TOKENIZER)))
    logits = model(**{**tensors(text), "input_ids": torch.tensor([changed])}).logits[0]
    return cross_entropy(logits[hidden], torch.tensor(ids)[hidden]), len(hidden)


def data_of(task, count=10):
    """Rows to train on, and to validate with."""
    rows = []
    for number in range(count + 4):
        text = some_words(3, 9)
        words = text.split()
        tags = ["B-X" if word in ("cat", "dog") else "O" for word in words]
        rows.append(
            {
                "causal-lm": {"text": text},
                "masked-lm": {"text": text},
                "classification": {"text": text, "label": LABELS[number % 3]},
                "regression": {"text": text, "score": round(float(DRAW.normal()), 2)},
                "token-classification": {"tokens": words, "ner_tags": tags},
                "seq2seq": {"source": text, "target": some_words(2, 6)},
                "question-answering": {
                    **{"question": some_words(2, 4), "context": text, "answer": words[1]},
                    "answer_start": len(words[0]) + 1,
                },
            }[task]
        )
    return rows[:count], rows[count:]


CASES = [
    Case("causal-lm", "causal-lm", "gpt2", AutoModelForCausalLM, causal, {"block_size": 8}),
    Case(
        *("causal-lm, label smoothing", "causal-lm", "llama", AutoModelForCausalLM, causal),
        {"block_size": 8, "label_smoothing": 0.2},
    ),
    Case(
        *("masked-lm", "masked-lm", "bert", AutoModelForMaskedLM, masked),
        {"mask_fraction": 0.3, "seed": 7},
    ),
    *(
        Case(f"seq2seq, {name}", "seq2seq", name, AutoModelForSeq2SeqLM, seq2seq, options)
        for name, options in {
            **{"bart": {}, "m2m_100": {}, "blenderbot": {"label_smoothing": 0.1}, "t5": {}},
            **{"pegasus": {}, "marian": {"label_smoothing": 0.1}, "mbart": {}},
        }.items()
    ),
    *(
        Case(
            *(f"classification, {name}", "classification", name),
            *(AutoModelForSequenceClassification, classification, options),
        )
        for name, options in {
            **{"bert": {}, "gpt2": {"label_smoothing": 0.1}},
            "distilbert": {"class_weights": tuple(f"{k}={v}" for k, v in SHARES.items())},
        }.items()
    ),
    Case(
        *("classification, several labels", "classification", "bert"),
        *(AutoModelForSequenceClassification, multi_label, {"multi_label": True}),
    ),
    Case("regression", "regression", "bert", AutoModelForSequenceClassification, regression),
    Case(
        *("token-classification", "token-classification", "bert", AutoModelForTokenClassification),
        *(tagging, {"label_smoothing": 0.1}),
    ),
    Case(
        "question-answering", "question-answering", "bert", AutoModelForQuestionAnswering, answers
    ),
]


def optimizer_of(model):
    """AdamW, without decay of biases and norms; tables of sinusoids are constants."""
    decayed, others = [], []
    for owner, module in model.named_modules():
        for name, weight in module.named_parameters(recurse=False):
            is_norm = "norm" in type(module).__name__.lower()
            if "Sinusoidal" not in type(module).__name__:
                (others if is_norm or "bias" in f"{owner}.{name}" else decayed).append(weight)
    unique = list({id(weight): weight for weight in decayed}.values())
    groups = [{"params": unique, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.95))


def by_hand(case, folder, train, held_out):
    """Losses by step, and the held-out loss after the last, of a loop written by hand."""
    model = case.auto.from_pretrained(folder)
    own = {} if "class_weights" not in case.options else {"weights": class_weights(train)}
    smoothing = case.options.get("label_smoothing", 0.0)
    optimizer, losses = optimizer_of(model), []
    for step in range(STEPS):
        model.train()
        optimizer.zero_grad()
        parts = [case.loss(model, each, smoothing, **own) for each in examples(case, train, step)]
        loss = sum(part for part, _ in parts) / sum(count for _, count in parts)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    model.eval()
    with torch.no_grad():
        parts = [case.loss(model, each, 0.0, **own) for each in examples(case, held_out, 0)]
    return losses, float(sum(part for part, _ in parts) / sum(n for _, n in parts))


def examples(case, rows, epoch):
    """The rows; of text in blocks, the blocks: documents one after another, each with its end."""
    if case.task == "masked-lm":  # what is hidden depends on the pass and the row
        return [(row["text"], (epoch, at)) for at, row in enumerate(rows)]
    if case.task != "causal-lm":
        return rows
    ids = [id for row in rows for id in (*plain_ids(row["text"]), 3)]
    size = case.options["block_size"]
    return [ids[at : at + size] for at in range(0, len(ids) - size + 1, size)]


def plain_ids(text):
    return TOKENIZER(text, add_special_tokens=False)["input_ids"]


def by_llmcli(case, folder, train, held_out, output):
    """Losses by step, and the held-out loss after the last, of llmcli.finetune."""
    files = []
    for name, rows in (("train", train), ("eval", held_out)):
        path = folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        files.append(str(path))
    settings = {
        **{"max_steps": STEPS, "learning_rate": RATE, "schedule": "constant", "warmup": 0.0},
        **{"batch_size": 3, "gradient_accumulation_steps": 100, "log_steps": 1, "eval_steps": 1},
        **{"dtype": "float32", "device": "cpu", "weight_decay": DECAY, "save_steps": 1000},
    }
    settings |= case.options
    events = []
    options = llmcli.Training(
        (files[0],), str(output), task=case.task, eval=(files[1],), **settings
    )
    llmcli.finetune(options, str(folder), on_event=events.append)
    losses = [event.loss for event in events if getattr(event, "loss", None) is not None]
    held = [event.eval_loss for event in events if getattr(event, "eval_loss", None) is not None]
    return losses, held[-1]


def differences(case):
    """The greatest difference of a step's loss, and that of the held-out loss after the last."""
    rows = data_of(case.task)
    if case.options.get("multi_label"):
        rows = [
            [{**row, "label": LABELS[: at % 4]} for at, row in enumerate(part)] for part in rows
        ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "model"
        model = case_model(case)
        model.save_pretrained(folder)
        TOKENIZER.save_pretrained(folder)
        losses, held = by_llmcli(case, folder, *rows, Path(name) / "new")
        expected, last = by_hand(case, folder, *rows)
    steps = max(abs(a - b) for a, b in zip(losses, expected, strict=True))
    return steps, abs(held - last), expected[-1]


def case_model(case):
    """A tiny model whose head, if the task brings one, is part of the checkpoint."""
    task = {AutoModelForCausalLM: "causal", AutoModelForSeq2SeqLM: "seq2seq"}.get(case.auto)
    known = architectures.CONFIG_MAPPING[case.architecture]().to_dict()
    off = {name: value for name, value in OFF.items() if name in known}
    if task:
        return architectures.build(case.architecture, task, scale=1.5, **off)
    labels = {"classification": LABELS, "token-classification": TAGS, "regression": ["score"]}
    names = labels.get(case.task)
    if names:
        off |= {"id2label": dict(enumerate(names)), "label2id": {n: i for i, n in enumerate(names)}}
    config = architectures.small_config(architectures.CONFIG_MAPPING[case.architecture], **off)
    torch.manual_seed(1)
    return case.auto.from_config(config)


def main(chosen):
    good = True
    print(f"{'objective':32} {'last loss':>9} {'of a step':>10} {'held out':>10}")
    for case in CASES:
        if chosen and case.name not in chosen:
            continue
        steps, held, last = differences(case)
        print(f"{case.name:32} {last:9.4f} {steps:10.1e} {held:10.1e}", flush=True)
        good &= steps < 1e-5 and held < 1e-5
    sys.exit(not good)


if __name__ == "__main__":
    main(sys.argv[1:])
