"""Every task that can be learnt: tiny models learn it, and the commands use what they learnt."""

import json
import random

import pytest
import torch
from safetensors.torch import load_file, save_file

from llmcli.errors import InputError, UsageError
from llmcli.spec import ModelSpec
from llmcli.spec.training import LoraOptions, Training
from llmcli.tasks.finetune import finetune
from tests.tiny_models import MORE_WORDS, WORDS, make_bert, make_marian

ALL_WORDS = WORDS + MORE_WORDS


def write_rows(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A BERT without a head, wide enough to learn from."""
    shape = {"hidden_size": 32, "intermediate_size": 64, "max_position_embeddings": 32}
    folder = tmp_path_factory.mktemp("base") / "encoder"
    make_bert(folder, "", ALL_WORDS, **shape)
    return scaled(folder, 1 / 8)


def scaled(folder, factor):
    """Undo what makes the weights of the tests' models far from uniform: they are to learn."""
    path = folder / "model.safetensors"
    state = {name: value * factor for name, value in load_file(path).items()}
    save_file(state, path, metadata={"format": "pt"})
    return folder


@pytest.fixture
def fit(tmp_path):
    """Train with settings that suit a tiny model; returns the result and its folder."""

    def train(base, rows, task, **changes):
        data = write_rows(tmp_path / "train.jsonl", rows)
        settings = {
            "train": (data,),
            "task": task,
            "output": str(tmp_path / "model"),
            "max_steps": 60,
            "batch_size": 16,
            "learning_rate": 1e-2,
            "eval_steps": 20,
            "dtype": "float32",
        }
        spec = Training(**{**settings, **changes})
        return finetune(spec, None if spec.from_scratch else ModelSpec(str(base)))

    return train


def moods(count=120, seed=0):
    """Texts that are good or bad by one word."""
    draw = random.Random(seed)
    rows = []
    for _ in range(count):
        words = draw.choices(["the", "cat", "dog", "is", "on", "mats", "it"], k=draw.randint(2, 8))
        label = draw.choice(["good", "bad"])
        words.insert(draw.randrange(len(words)), label)
        rows.append({"text": " ".join(words), "label": {"good": "glad", "bad": "sad"}[label]})
    return rows


def test_a_classifier_is_learnt_and_classify_uses_it(run, encoder, fit, tmp_path):
    result = fit(encoder, moods(), "classification")
    assert result.metrics["accuracy"] == 1.0 and result.metrics["macro_f1"] == 1.0
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["id2label"] == {"0": "glad", "1": "sad"}
    shown = run("classify", "the dog is bad", "-m", tmp_path / "model", "--json")
    assert json.loads(shown.stdout)[0]["label"] == "sad"


def test_labels_that_are_numbers_keep_their_order(encoder, fit, tmp_path):
    rows = [{"text": row["text"], "label": 10 if row["label"] == "sad" else 9} for row in moods()]
    fit(encoder, rows, "classification", max_steps=1)
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["id2label"] == {"0": "9", "1": "10"}


def test_pairs_of_texts_are_classified_together(run, encoder, fit, tmp_path):
    draw = random.Random(1)
    rows = []
    for _ in range(160):
        one, other = draw.choice(["cat", "dog"]), draw.choice(["cat", "dog"])
        rows.append({"a": f"the {one}", "b": f"a {other}", "label": other})
    result = fit(
        encoder, rows, "classification", columns=("a", "b"), learning_rate=3e-3, max_steps=200
    )
    assert result.metrics["accuracy"] == 1.0  # the first text alone tells nothing


def test_several_labels_at_once(run, encoder, fit, tmp_path):
    rows = []
    for row in moods():
        is_animal = bool({"cat", "dog"} & set(row["text"].split()))
        labels = [row["label"]] + ["animal"] * is_animal
        rows.append({"text": row["text"], "label": labels})
    how = {"multi_label": True, "max_steps": 250, "learning_rate": 3e-3, "eval_fraction": 0.1}
    result = fit(encoder, rows, "classification", **how)
    assert result.metrics["micro_f1"] > 0.9
    shown = run("classify", "the cat is good", "-m", tmp_path / "model", "--json").stdout
    scores = {one["label"]: one["score"] for one in json.loads(shown)[0]["scores"]}
    assert scores["glad"] > 0.5 and scores["animal"] > 0.5 and scores["sad"] < 0.5


def test_a_csv_file_has_several_labels_between_semicolons(encoder, tmp_path):
    data = tmp_path / "rows.csv"
    data.write_text("text,label\n" + 'the cat,"a;b"\nthe dog,b\nit,\n' * 4)
    spec = Training(
        (str(data),),
        str(tmp_path / "model"),
        task="classification",
        multi_label=True,
        max_steps=1,
        dtype="float32",
    )
    finetune(spec, ModelSpec(str(encoder)))
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["problem_type"] == "multi_label_classification"
    assert list(config["id2label"].values()) == ["a", "b"]


def test_the_labels_of_a_classifier_are_kept(encoder, tiny_classifier, fit, tmp_path):
    fit(tiny_classifier, moods(), "classification", max_steps=1)  # glad and sad, of its three
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert list(config["id2label"].values()) == ["sad", "glad", "mad"]


def test_words_are_tagged(encoder, fit, tmp_path):
    rows = []
    draw = random.Random(2)
    for _ in range(120):
        words = draw.choices(["the", "cat", "dog", "sat", "on", "mats"], k=draw.randint(2, 6))
        tags = ["B-ANIMAL" if word in ("cat", "dog") else "O" for word in words]
        rows.append({"tokens": words, "ner_tags": tags})
    result = fit(encoder, rows, "token-classification")
    assert result.metrics["f1"] == 1.0 and result.metrics["accuracy"] == 1.0
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["architectures"] == ["BertForTokenClassification"]


def test_answers_are_found(run, encoder, fit, tmp_path):
    draw = random.Random(3)
    rows = []
    for _ in range(200):
        animal, place = draw.choice(["cat", "dog"]), draw.choice(["mats", "this", "it"])
        context = f"the {animal} sat on {place}"
        about = draw.random() < 0.5
        answer = animal if about else place
        question = "who sat ?" if about else "where is it ?"
        rows.append(
            {
                "question": question,
                "context": context,
                "answer": answer,
                "answer_start": context.rindex(answer),
            }
        )
    result = fit(encoder, rows, "question-answering", max_steps=200)
    assert result.metrics["f1"] > 0.95
    shown = run("answer", "who sat ?", "--context", "the dog sat on mats", "-m", tmp_path / "model")
    assert shown.stdout.strip().startswith("dog"), shown.output


def test_hidden_words_are_guessed_and_the_masks_do_not_depend_on_the_batch(run, tmp_path, fit):
    shape = {"hidden_size": 32, "intermediate_size": 64}
    base = scaled(make_bert(tmp_path / "masked", "MaskedLM", ALL_WORDS, **shape), 1 / 8)
    rows = [{"text": "the cat sat on mats"}, {"text": "a dog ran"}] * 40
    result = fit(base, rows, "masked-lm", max_steps=150, eval_fraction=0.1, mask_fraction=0.3)
    assert result.metrics["loss"] < 0.5
    shown = run("fill", "a dog [MASK]", "-m", tmp_path / "model", "--json").stdout
    assert '"ran"' in shown


def test_a_masked_example_is_the_same_in_every_batch(tiny_masked):
    from llmcli.data.rows import Row
    from llmcli.engines.pytorch.loading import load
    from llmcli.training.objectives.masked_lm import MaskedLM

    loaded = load(ModelSpec(str(tiny_masked)), ("masked",))
    objective = MaskedLM(Training((), "", block_size=16, mask_fraction=0.5, seed=7)).objective(
        loaded.network, loaded.tokenizer
    )
    found = objective.examples([Row(1, "the cat sat on mats"), Row(2, "a dog ran")])
    alone = objective.collate([found[1]])
    together = objective.collate([found[0], found[1]])
    width = alone["input_ids"].shape[1]
    assert torch.equal(alone["input_ids"][0], together["input_ids"][1, :width])
    later = objective.collate([found[1 + len(found)]])  # the next epoch hides others
    assert any(
        not torch.equal(
            objective.collate([found[1 + epoch * len(found)]])["labels"], alone["labels"]
        )
        for epoch in range(1, 6)
    ), later


def test_a_translator_is_learnt_and_translate_uses_it(run, fit, tmp_path):
    languages = (">>en<<", ">>fr<<")
    base = make_marian(tmp_path / "marian", languages, source_lang="en", target_lang="mul")
    scaled(base, 1 / 6)
    rows = [
        {"source": "the cat", "target": "Le chat", "from": "en", "to": "fr"},
        {"source": "Le chat", "target": "the cat", "from": "fr", "to": "en"},
        {"source": "my friends", "target": "mes amis", "from": "en", "to": "fr"},
    ] * 30
    result = fit(base, rows, "translation", max_steps=300, learning_rate=4e-3, eval_fraction=0.1)
    assert result.metrics["loss"] < 0.5
    model = tmp_path / "model"
    assert run("translate", "the cat", "-t", "fr", "-m", model).stdout.strip() == "Le chat"
    assert run("translate", "Le chat", "-t", "en", "-m", model).stdout.strip() == "the cat"


def pairs(feature):
    return zip(feature["input_ids"], feature["labels"], strict=True)


def test_only_what_the_assistant_says_is_learnt(tiny_chat):
    from llmcli.data.rows import Row
    from llmcli.engines.pytorch.loading import load
    from llmcli.training.objectives.causal_lm import Conversations

    loaded = load(ModelSpec(str(tiny_chat)), ("causal",))
    objective = Conversations(Training((), "", block_size=200)).objective(
        loaded.network, loaded.tokenizer
    )
    row = Row(1, "", {"prompt": "hello cat", "completion": "The cat sat."})
    (feature,) = objective.examples([row]).features
    learnt = [id for id, label in pairs(feature) if label != -100]
    assert loaded.tokenizer.decode(learnt) == "The cat sat.\n"
    assert loaded.tokenizer.decode(feature["input_ids"]).startswith("<user>hello cat\n<assistant>")


def test_a_model_without_a_template_learns_the_completion_and_its_end(tiny_gpt2):
    from llmcli.data.rows import Row
    from llmcli.engines.pytorch.loading import load
    from llmcli.training.objectives.causal_lm import Conversations

    loaded = load(ModelSpec(str(tiny_gpt2)), ("causal",))
    objective = Conversations(Training((), "")).objective(loaded.network, loaded.tokenizer)
    (feature,) = objective.examples([Row(1, "", {"prompt": "a cat", "response": "sat"})]).features
    learnt = [id for id, label in pairs(feature) if label != -100]
    assert loaded.tokenizer.decode(learnt) == "sat<|endoftext|>"


def test_conversations_are_learnt(fit, tiny_chat):
    turns = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "The cat."}]
    rows = [{"messages": turns}] * 40
    result = fit(tiny_chat, rows, "causal-lm", chat=True, block_size=64, eval_fraction=0.1)
    assert result.metrics["loss"] < 0.5


@pytest.mark.parametrize(
    ("config", "task"),
    [
        ({"model_type": "bert"}, "masked-lm"),
        ({"model_type": "bert"}, "classification"),
        ({"model_type": "marian"}, "translation"),
    ],
)
def test_a_model_is_made_from_scratch_with_its_tokenizer(run, fit, tmp_path, config, task):
    if config["model_type"] == "bert":
        config |= {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
        config |= {"intermediate_size": 32, "vocab_size": 200, "max_position_embeddings": 32}
    else:
        config |= {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "vocab_size": 60}
        config |= {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
        config |= {"encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "max_position_embeddings": 32}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    rows = moods()
    if task == "translation":
        rows = [
            {"source": row["text"], "target": f"{row['text']} {row['label']}", "to": "fr"}
            for row in rows
        ] + [{"source": "the cat", "target": "a cat", "to": "en"}] * 20
    fit(None, rows, task, from_scratch=str(path), max_steps=3)
    model = tmp_path / "model"
    text = "the cat is [MASK]" if task == "masked-lm" else "the cat is good"
    name = {"masked-lm": "fill", "classification": "classify", "translation": "translate"}[task]
    more = ("-t", "fr") if task == "translation" else ()
    result = run(name, text, "-m", model, *more)
    assert result.exit_code == 0, result.output


def test_adapters_learn_and_are_used_or_merged(run, encoder, fit, tmp_path):
    pytest.importorskip("peft")
    settings = {"learning_rate": 2e-2, "max_steps": 80}
    apart = fit(
        encoder,
        moods(),
        "classification",
        adapters=LoraOptions(lora=True, lora_rank=4),
        output=str(tmp_path / "apart"),
        **settings,
    )
    whole = fit(
        encoder,
        moods(),
        "classification",
        adapters=LoraOptions(lora=True, lora_rank=4, merge=True),
        output=str(tmp_path / "whole"),
        **settings,
    )
    assert apart.metrics == whole.metrics and apart.metrics["accuracy"] > 0.95
    assert not (tmp_path / "apart" / "model.safetensors").exists()
    assert (tmp_path / "whole" / "model.safetensors").exists()
    said = [
        run("classify", "it is bad", "-m", tmp_path / name, "--json") for name in ("apart", "whole")
    ]
    assert [one.exit_code for one in said] == [0, 0], said[0].output
    said = [json.loads(one.stdout)[0] for one in said]
    assert said[0]["label"] == said[1]["label"] == "sad"
    assert said[0]["score"] == pytest.approx(said[1]["score"], abs=1e-5)


def test_frozen_weights_stay(encoder, fit, tmp_path):
    before = load_file(encoder / "model.safetensors")
    fit(encoder, moods(), "classification", freeze=("body",), max_steps=5)
    after = load_file(tmp_path / "model" / "model.safetensors")
    name = "encoder.layer.0.output.dense.weight"
    assert torch.equal(before[name], after[f"bert.{name}"])


@pytest.mark.parametrize("what", [("nothing-like-it",), ("bert", "classifier")])
def test_freezing_nothing_or_everything_is_refused(encoder, fit, what):
    with pytest.raises(UsageError, match="`freeze`"):
        fit(encoder, moods(), "classification", freeze=what, max_steps=1)


def test_a_head_is_taken_from_another_model(encoder, fit, tmp_path):
    fit(encoder, moods(), "classification", output=str(tmp_path / "first"))
    fit(
        encoder,
        moods(),
        "classification",
        init_from=str(tmp_path / "first"),
        max_steps=1,
        learning_rate=1e-12,
    )
    one, other = (
        load_file(tmp_path / name / "model.safetensors")["classifier.weight"]
        for name in ("first", "model")
    )
    assert torch.allclose(one, other, atol=1e-6)


def test_class_weights_make_up_for_rare_labels(encoder, tmp_path):
    from llmcli.data.rows import Row
    from llmcli.training.objectives.classification import Classification

    rows = [Row(at, "x", {"label": "a" if at < 9 else "b"}) for at in range(12)]
    spec = Training(
        (), "", task="classification", label_column="label", class_weights=("balanced",)
    )
    weights = Classification(spec).class_weights(rows, ["a", "b"])
    assert weights[1] / weights[0] == pytest.approx(3)  # 9 rows against 3
    assert 9 * weights[0] + 3 * weights[1] == pytest.approx(12)


def test_training_stops_when_nothing_gets_better(encoder, fit):
    result = fit(
        encoder,
        moods(),
        "classification",
        early_stopping=2,
        eval_steps=5,
        max_steps=200,
        best_metric="accuracy",
    )
    assert result.steps < 200 and result.metrics["accuracy"] == 1.0
    assert result.best_step <= result.steps - 10


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"best_metric": "bleu"}, "`best_metric` bleu: this task has loss, accuracy, macro_f1"),
        ({"early_stopping": 2, "eval_fraction": 0.0}, "need validation data"),
    ],
)
def test_a_metric_that_there_is_not_is_refused(encoder, fit, tmp_path, changes, message):
    with pytest.raises(UsageError, match=message):
        fit(encoder, moods(), "classification", **changes)
    assert not (tmp_path / "model").exists()


def test_every_objective_knows_the_names_of_its_metrics(encoder, fit):
    result = fit(encoder, moods(), "classification", max_steps=1, best_metric="macro_f1")
    assert set(result.metrics) == {"loss", "accuracy", "macro_f1"}


WRONG = [
    ("classification", [{"text": "the cat"}], "no field 'label'"),
    ("classification", [{"text": "the cat", "label": "a"}] * 9, "two labels or more"),
    (
        "classification",
        [{"text": "the cat", "label": None}] * 9,
        "None is not a label",
    ),
    ("classification", [{"text": "the cat", "label": ["a"]}] * 9, "give `multi_label`"),
    ("classification", [{"txt": "the cat", "label": "a"}] * 9, "no field 'text'"),
    ("classification", [{"text": 5, "label": "a"}] * 9, "is int, not text"),
    ("classification", [], "no rows to train on"),
    ("token-classification", [{"tokens": ["a"], "ner_tags": ["O", "O"]}], "1 words, but 2 tags"),
    ("token-classification", [{"tokens": ["a"]}], "no field 'ner_tags'"),
    ("token-classification", [{"tokens": [], "ner_tags": []}], "no words"),
    ("question-answering", [{"question": "who", "context": "a cat"}], "answer"),
    (
        "question-answering",
        [{"question": "who", "context": "a cat", "answer": "dog", "answer_start": 0}] * 20,
        "is not in the context",
    ),
    ("translation", [{"source": "a"}], "no field 'target'"),
    ("causal-lm chat", [{"messages": "hello"}] * 20, "not a list of"),
    ("causal-lm chat", [{"prompt": "hello"}] * 20, "no field 'messages'"),
]


@pytest.mark.parametrize(("task", "rows", "message"), WRONG)
def test_wrong_data_are_one_line_and_leave_nothing(
    encoder, tiny_marian, tiny_chat, fit, tmp_path, task, rows, message
):
    base = {"translation": tiny_marian, "causal-lm chat": tiny_chat}.get(task, encoder)
    with pytest.raises(InputError, match=message) as caught:
        fit(base, rows, task.split()[0], chat="chat" in task, eval_fraction=0.0)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "model").exists()
