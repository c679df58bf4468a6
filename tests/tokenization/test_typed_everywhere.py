"""A text with typed special tokens has the same ids in training, in evaluation and in commands."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from llmcli.data.rows import Row
from llmcli.data.squad import each_question
from llmcli.engines.known_ids import Table
from llmcli.engines.pytorch.loading import load
from llmcli.inference.filling import GapFiller
from llmcli.inference.prompts import encode_prompt
from llmcli.spec import Chat, ModelSpec
from llmcli.spec.evaluation import EVALUATION_TASKS, EvaluateOptions
from llmcli.spec.tasks import FillOptions
from llmcli.spec.training import Training
from llmcli.tasks import evaluate
from llmcli.training.corpus import encode_files
from llmcli.training.objectives import load_task, task_names
from tests.tiny_models import GPT2, make_causal, make_marian

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "benchmarks"))
import tag_equality  # noqa: E402

TYPED = "Emma <s>said</s> that <mask> is [SEP] <|endoftext|> in"
PLAIN = "Emma said that is in"
HEADS = {
    "classification": "SequenceClassification",
    "token-classification": "TokenClassification",
    "question-answering": "QuestionAnswering",
    "masked-lm": "MaskedLM",
    "embedding": "MaskedLM",
    "regression": "SequenceClassification of a number",
}
ROWS = {
    "classification": {"label": "LABEL_1"},
    "token-classification": {"ner_tags": ["LABEL_0"] * len(TYPED.split())},
    "question-answering": {"question": "who </s> is", "answers": ["Emma"], "answer": "Emma"},
    "translation": {"target": "Le </s> chat"},
    "embedding": {"query": "Emma"},
    "causal-lm": {},
    "regression": {"label": 0.5},
    "masked-lm": {},
    "seq2seq": {"target": "Le </s> chat"},
}
FIELDS = {"question-answering": "context", "translation": "source", "seq2seq": "source"}
BOTH = sorted({*task_names(), *EVALUATION_TASKS})


@pytest.fixture(scope="module")
def models(tmp_path_factory, bpe):
    """A model for each task; the vocabulary of the encoders has special tokens as pieces."""
    import transformers

    folder = tmp_path_factory.mktemp("models")
    tokenizer = tag_equality.sentence_pieces([*tag_equality.sentences(60, 7), TYPED] * 4)
    made = {}
    for head in sorted({*HEADS.values()} - {"SequenceClassification of a number"}):
        torch.manual_seed(1)
        config = transformers.XLMRobertaConfig(
            **tag_equality.SHAPE, vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id
        )
        getattr(transformers, f"XLMRobertaFor{head}")(config).save_pretrained(folder / head)
        tokenizer.save_pretrained(folder / head)
        made[head] = folder / head
    causal = make_causal(bpe, folder / "causal", **GPT2)
    marian = make_marian(folder / "marian", source_lang="en", target_lang="fr")
    made["SequenceClassification of a number"] = folder / "regression"
    settings = {"num_labels": 1, "problem_type": "regression"}
    config = transformers.XLMRobertaConfig(
        **tag_equality.SHAPE, vocab_size=len(tokenizer), pad_token_id=1, **settings
    )
    model = transformers.XLMRobertaForSequenceClassification(config)
    model.save_pretrained(folder / "regression")
    tokenizer.save_pretrained(folder / "regression")
    others = {"causal-lm": causal, "translation": marian, "seq2seq": marian}
    return {task: made[head] for task, head in HEADS.items()} | others


def row_of(task, text=TYPED):
    row = {"text": text, FIELDS.get(task, "text"): text, **ROWS[task]}
    if "ner_tags" in row:
        row["ner_tags"] = row["ner_tags"][: len(text.split())]
    return row


def loaded_for(task, folder):
    options = EvaluateOptions(task)
    return evaluate.load(ModelSpec(str(folder)), options), options


class Recorder:
    """An engine that keeps the ids that it is given."""

    def __init__(self, engine):
        self._engine, self.seen = engine, []

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def forward(self, inputs, positions=None):
        mask = inputs.get("attention_mask")
        for at, row in enumerate(inputs["input_ids"].tolist()):
            self.seen.append(row if mask is None else row[: int(mask[at].sum())])
        return self._engine.forward(inputs, positions)

    def score(self, rows, counts):
        self.seen += [list(row) for row in rows]
        return self._engine.score(rows, counts)

    def search(self, request, options):
        self.seen += [list(source) for source in request.sources]
        return self._engine.search(request, options)


def evaluated(task, folder, tmp_path, text=TYPED):
    """The ids that a model gets when a row is evaluated."""
    loaded, options = loaded_for(task, folder)
    recorder = Recorder(loaded.engine)
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row_of(task, text)) + "\n")
    data = evaluate.open_set(str(path), options)
    predictions = evaluate.predict(replace(loaded, engine=recorder), data, options)
    assert predictions.failures == []
    return recorder.seen


def learnt(task, folder, tmp_path, text=TYPED):
    """The ids that a model gets when it learns from a row."""
    kinds = {"causal-lm": "causal", "translation": "seq2seq", "seq2seq": "seq2seq"}
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row_of(task, text)) + "\n")
    objective_task = load_task(Training((str(path),), "", task=task))
    kind = kinds.get(task, objective_task.defaults.kind)
    loaded = load(ModelSpec(str(folder)), (kind,))
    if task == "causal-lm":
        table = Table("m", 10**6, 10**6, loaded.tokenizer)
        ids = encode_files(table, [str(path)], objective_task.options)[0].tolist()
        return ids[:-1]  # the end of the document
    rows = [row for _, row in each_question(str(path))] if task == "question-answering" else None
    objective = objective_task.objective(loaded.network, loaded.tokenizer)
    rows = rows or [row for _, row in objective_task.each_row(str(path))]
    return objective.examples(rows).features[0]["input_ids"]


def specials(ids, folder):
    tokenizer = load_tokenizer(folder)
    own = {*tokenizer.all_special_ids} - {tokenizer.unk_token_id}
    return [token for token in ids if token in own]


def load_tokenizer(folder):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


ALIKE = ({*task_names()} & {*EVALUATION_TASKS}) - {"translation"}
"""Tasks whose evaluation reads a text whole: a translation goes sentence by sentence."""


@pytest.mark.parametrize("task", sorted(ALIKE))
def test_training_and_evaluation_see_the_same_ids(task, models, tmp_path):
    expected = learnt(task, models[task], tmp_path)
    seen = evaluated(task, models[task], tmp_path)
    if task == "causal-lm":  # a beginning is put before a text, and its last token predicts nothing
        seen = [ids[1:] for ids in seen]
        expected = expected[:-1]
        assert any(ids[: len(expected)] == expected for ids in seen)
    else:
        assert expected in seen


@pytest.mark.parametrize("task", BOTH)
def test_no_typed_token_is_a_control_token(task, models, tmp_path):
    ways = [learnt] if task in task_names() else []
    for way in [*ways, *([evaluated] if task in EVALUATION_TASKS else [])]:
        typed, plain = (way(task, models[task], tmp_path, text) for text in (TYPED, PLAIN))
        if way is evaluated:
            if task == "translation":  # of several parts, each has an end
                assert {len(specials(ids, models[task])) for ids in [*typed, *plain]} == {1}
                continue
            typed, plain = ([token for ids in rows for token in ids] for rows in (typed, plain))
        assert specials(typed, models[task]) == specials(plain, models[task])
        assert len(typed) > len(plain)


def test_chats_are_answered_from_the_ids_that_were_learnt(tiny_chat):
    loaded = load(ModelSpec(str(tiny_chat)), ("causal",))
    task = load_task(Training((), "", chat=True, block_size=200))
    row = Row(1, "", {"prompt": TYPED, "completion": "so <|endoftext|> it is"})
    (feature,) = task.objective(loaded.network, loaded.tokenizer).examples([row]).features
    asked = encode_prompt(loaded, TYPED, Chat(chat=True))
    assert feature["input_ids"][: len(asked)] == asked
    assert loaded.tokenizer.eos_token_id not in feature["input_ids"]


def test_fill_has_a_gap_for_its_mask_alone(models):
    loaded = load(ModelSpec(str(models["masked-lm"])), ("masked",))
    work = GapFiller(loaded, FillOptions(), "window")
    (job,) = work.prepare([Row(1, "Emma <s> </s> [MASK] <pad> is")])
    ids = job.units[0].ids
    assert ids.count(loaded.tokenizer.mask_token_id) == 1
    assert loaded.tokenizer.pad_token_id not in ids
    assert ids.count(loaded.tokenizer.eos_token_id) == 1


@pytest.mark.parametrize("command", ["tokenize", "forward", "generate"])
def test_the_flag_reads_them(run, tiny_gpt2, command):
    words = [command, "a<|endoftext|>b", "-m", tiny_gpt2, "--json", "-q"]
    words += ["-n", "1"] if command == "generate" else []
    counts = {}
    for flag in ("", "--allow-special"):
        (record,) = json.loads(run(*words, *[flag] * bool(flag)).stdout)
        size = record.get("prompt_tokens") or record.get("count") or len(record["positions"])
        counts[flag] = size
    assert counts[""] > counts["--allow-special"] == 3


def test_what_is_read_as_text_is_said(run, tiny_gpt2):
    shown = run("forward", "a<|endoftext|>", "-m", tiny_gpt2)
    assert "<|endoftext|>: read as text, as typed" in shown.stderr
    assert "as typed" not in run("forward", "a", "-m", tiny_gpt2).stderr
