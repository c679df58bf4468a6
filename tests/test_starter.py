"""The model that comes with the package, as a user and as the article's code meet it."""

import json

import pytest
import torch

from llmcli.engines.pytorch.loading import load
from llmcli.models.checkpoint import STARTERS
from llmcli.spec import Decoding, ModelSpec
from tests.decoding.test_loop import decode, reference, trimmed

FOLDER = STARTERS / "gpt2-stories"
PROMPTS = [
    "Once upon a time",
    "One day, Tom found a",
    "我明天要去看电影。",
    "\n",
    'Lily said, "No!"',
]


@pytest.fixture(scope="module")
def starter():
    return load(ModelSpec("gpt2-stories"), ("causal",))


@pytest.mark.parametrize("settings", [{}, {"num_beams": 3}, {"repetition_penalty": 1.2}], ids=str)
def test_tokens_equal_those_of_transformers(starter, settings):
    from llmcli.decoding.beam_search import beam_search
    from llmcli.decoding.decoder_only import CachedCausal
    from llmcli.decoding.request import Request

    prompts = [starter.tokenizer(text)["input_ids"] for text in PROMPTS]
    theirs = [
        trimmed(reference(starter.network, prompt, limit=40, **settings)[0], 0)
        for prompt in prompts
    ]
    spec = Decoding(**settings)
    if "num_beams" in settings:
        state = CachedCausal(starter.network, prompts)  # all prompts in one batch
        request = Request(prompts, [40] * len(prompts), frozenset({0}))
        found = beam_search(state, request, spec)
        assert [list(best.tokens) + [0] * best.ended for best, *_ in found] == theirs
    else:
        assert decode(starter.network, prompts, spec, limit=40) == theirs


def test_it_loads_with_the_classes_of_the_article_and_gives_what_forward_shows(run):
    from transformers import GPT2LMHeadModel, GPT2Tokenizer

    text = "我明天要去看电影。"
    model = GPT2LMHeadModel.from_pretrained(FOLDER, dtype=torch.float32)
    tokenizer = GPT2Tokenizer.from_pretrained(FOLDER)
    input_ids = tokenizer.encode(text, return_tensors="pt")
    with torch.no_grad():
        outputs = model(input_ids)
    predicted_ids = outputs.logits.argmax(-1)
    (predicted_text,) = tokenizer.decode(predicted_ids[:, :-1])

    (record,) = json.loads(run("forward", text, "--json").stdout)
    assert record["predicted_text"] == predicted_text


def test_chinese_streams_as_whole_characters(run):
    shown = run("generate", "我明天要去看电影。", "-q", "-n", 30, "--temperature", 1.5, "--seed", 4)
    assert shown.exit_code == 0
    assert shown.stdout.startswith("我明天要去看电影。")


def test_stories_are_of_words_and_end_by_themselves(run):
    words = ["generate", "Once upon a time", "--json", "--temperature", 0.8, "--seed", 1]
    records = json.loads(run(*words, "--num-return-sequences", 8).stdout)
    assert sum(one["finish_reason"] == "end" for one in records) >= 6
    for one in records:
        assert one["text"].isascii() and len(one["text"].split()) > 40


def test_it_is_small_and_its_card_says_what_it_is():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 28e6
    card = (FOLDER / "README.md").read_text()
    for part in ("license:", "## Data", "## Recipe", "llmcli finetune", "erplexity", "## Limits"):
        assert part in card


ENCODER = STARTERS / "bert-en"
TRANSLATOR = STARTERS / "marian-en-fr-zh"


def test_all_starters_together_are_small_and_their_cards_say_what_they_are():
    files = [path for path in STARTERS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 80e6
    for folder in (FOLDER, ENCODER, TRANSLATOR):
        card = (folder / "README.md").read_text()
        for part in ("license:", "## Data", "## Recipe", "llmcli finetune", "## Limits"):
            assert part in card, (folder, part)


@pytest.mark.parametrize(
    "name",
    ["BertModel", "BertForMaskedLM", "BertForQuestionAnswering", "BertForSequenceClassification"],
)
def test_each_head_of_the_encoder_loads_by_its_class(name):
    import transformers

    _, found = getattr(transformers, name).from_pretrained(ENCODER, output_loading_info=True)
    missing = [key for key in found["missing_keys"] if not key.startswith("pooler")]
    assert not missing and not found["mismatched_keys"]


def test_the_translator_loads_by_its_class():
    from transformers import MarianMTModel, MarianTokenizer

    _, found = MarianMTModel.from_pretrained(TRANSLATOR, output_loading_info=True)
    assert not found["missing_keys"]
    tokenizer = MarianTokenizer.from_pretrained(TRANSLATOR)
    text = "我明天要去看电影。"
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("What a wonderful film!", "positive"),
        ("A dull and lifeless affair.", "negative"),
        ("The battery lasts for days and the screen is great.", "positive"),
        ("The worst meal that I ever had.", "negative"),
    ],
)
def test_it_tells_praise_from_blame(run, text, label):
    (record,) = json.loads(run("classify", text, "--json").stdout)
    assert record["label"] == label and record["score"] > 0.6


def test_it_finds_answers(run):
    context = "Emma is a novel by Jane Austen. It was published in 1815."
    for question, answer in (
        ("Who wrote Emma?", "Jane Austen"),
        ("When was it published?", "1815"),
    ):
        (record,) = json.loads(run("answer", question, "--context", context, "--json").stdout)
        assert answer in record["answer"]


def test_it_finds_what_is_alike(run):
    texts = ("Opening hours", "Resetting your password", "Shipping costs")
    shown = run("embed", *texts, "--query", "I forgot my login", "--json").stdout
    assert "Resetting your password" in json.loads(shown)[0].values()


def test_it_fills_gaps_with_words_that_fit(run):
    (record,) = json.loads(run("fill", "He opened the [MASK] and went in.", "--json").stdout)
    words = json.dumps(record)
    assert "door" in words


def test_it_translates_the_sentence_of_the_article(run):
    shown = run("translate", "-t", "en", "-q", "我明天要去看电影。")
    said = shown.stdout.lower()
    assert "tomorrow" in said and ("movie" in said or "film" in said or "cinema" in said)


@pytest.mark.parametrize(
    ("target", "text", "words"),
    [("fr", "I am at home.", "maison"), ("zh", "I love you.", "我爱你")],
)
def test_it_translates_out_of_english(run, target, text, words):
    assert words in run("translate", "-t", target, "-q", text).stdout


def test_evaluating_it_names_a_larger_model_for_the_same_task(run, tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("text,label\nWhat a wonderful film!,positive\n")
    told = run("evaluate", "--task", "classification", "-i", rows).stderr
    assert told.startswith("[bert-en: ") and "-m distilbert/distilbert-base-uncased" in told
