"""Tagging: entities by hand with models that tag as they are told, and as transformers does."""

import json
import sys
import warnings
from pathlib import Path

import pytest

import llmcli
from llmcli.errors import InputError, UsageError
from llmcli.spec.tasks import TagOptions
from tests.tiny_models import make_tagger

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "benchmarks"))
import tag_equality  # noqa: E402

NAMES = {"Anna": "B-PER", "Maria": "I-PER", "Rome": "B-LOC", "met": "O", "in": "O", ".": "O"}
ENDS = {"Anna": "B-PER", "Maria": "E-PER", "Bob": "S-PER", "met": "O"}
BARE = {"Anna": "PER", "Maria": "PER", "Rome": "LOC", "met": "O"}
SPEECH = {"Anna": "NOUN", "Maria": "NOUN", "runs": "VERB", "[": "PUNCT"}


@pytest.fixture(scope="module")
def taggers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("taggers")
    kinds = {"bio": NAMES, "bioes": ENDS, "bare": BARE}
    speech = make_tagger(folder / "speech", SPEECH, rest="X")
    return {"speech": speech} | {
        name: make_tagger(folder / name, tags) for name, tags in kinds.items()
    }


@pytest.fixture(scope="module")
def random_taggers(tmp_path_factory):
    return tag_equality.make_models(tmp_path_factory.mktemp("random"))


def entities(model, text, **options):
    result = llmcli.tag(text, model=str(model), options=TagOptions(**options))
    return [(entity.text, entity.label, entity.start, entity.end) for entity in result.entities]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("bio", "Anna Maria met Rome.", [("Anna Maria", "PER", 0, 10), ("Rome", "LOC", 15, 19)]),
        ("bioes", "Bob Anna Maria met", [("Bob", "PER", 0, 3), ("Anna Maria", "PER", 4, 14)]),
        ("bare", "Anna Maria Rome", [("Anna Maria", "PER", 0, 10), ("Rome", "LOC", 11, 15)]),
        (
            "speech",
            "Anna Maria runs",
            [("Anna", "NOUN", 0, 4), ("Maria", "NOUN", 5, 10), ("runs", "VERB", 11, 15)],
        ),
    ],
)
def test_entities_of_each_scheme(taggers, name, text, expected):
    assert entities(taggers[name], text) == expected


def test_the_pipeline_of_transformers_joins_equal_bare_tags(taggers):
    assert entities(taggers["speech"], "Anna Maria runs", aggregation="simple") == [
        ("Anna Maria", "NOUN", 0, 10),
        ("runs", "VERB", 11, 15),
    ]
    assert entities(taggers["bio"], "Anna Maria met", aggregation="none") == [
        ("Anna", "B-PER", 0, 4),
        ("Maria", "I-PER", 5, 10),
    ]


def test_no_entity_is_cut_between_windows(taggers):
    """The model takes 16 tokens, of which two are special."""
    for before in range(10, 18):
        text = " ".join([*["met"] * before, "Anna", *["Maria"] * 3, *["in"] * 9, "Rome"])
        start = 4 * before
        assert entities(taggers["bio"], text) == [
            ("Anna Maria Maria Maria", "PER", start, start + 22),
            ("Rome", "LOC", len(text) - 4, len(text)),
        ]


@pytest.mark.parametrize("overflow", ["error", "truncate", "split"])
def test_other_ways_with_long_texts(taggers, run, overflow):
    text = " ".join([*["met ."] * 8, "Anna"])
    words = ("tag", "-m", taggers["bio"], text, "--on-overflow", overflow, "--json")
    result = run(*words)
    if overflow == "error":
        assert result.exit_code == 3 and "the model takes 16" in result.stderr
        return
    (record,) = json.loads(result.stdout)
    assert [entity["text"] for entity in record["entities"]] == ["Anna"] * (overflow == "split")
    assert record["overflow"] == overflow


def test_given_words_have_a_tag_each(taggers):
    options = TagOptions(words=True)
    lists = [["Anna", "Maria", "met"], ["Rome", "", "in"]]
    results = list(llmcli.tag(lists, model=str(taggers["bio"]), options=options))
    assert [result.predicted_tags for result in results] == [
        ("B-PER", "I-PER", "O"),
        ("B-LOC", "O", "O"),
    ]
    assert results[0].text == "Anna Maria met"
    typed = llmcli.tag("Anna met", model=str(taggers["bio"]), options=options)
    assert typed.predicted_tags == ("B-PER", "O")


def test_words_that_the_model_cannot_read_are_not_guessed(taggers):
    words = TagOptions(words=True)
    with pytest.raises(InputError, match=r"word 2, '' \(empty\), has no token"):
        next(llmcli.tag([["Anna", "", "runs"]], model=str(taggers["speech"]), options=words))
    long = llmcli.BatchOptions(on_overflow="truncate")
    with pytest.raises(InputError, match="word 15.*`on_overflow`"):
        llmcli.tag("met " * 20, model=str(taggers["bio"]), options=words, batch=long)


def test_an_unseen_character_is_outside(random_taggers):
    words = TagOptions(words=True)
    (result,) = llmcli.tag([["Emma", "\u200b"]], model=str(random_taggers["bert"]), options=words)
    assert result.predicted_tags[1] == "O"


def test_an_aggregation_contradicts_words(taggers):
    with pytest.raises(UsageError, match="`aggregation`=max"):
        llmcli.tag("a", model=str(taggers["bio"]), options=TagOptions("max", words=True))


def test_there_is_no_starter(run):
    result = run("tag", "Anna")
    assert result.exit_code == 2
    assert "-m" in result.stderr and "dslim/bert-base-NER" in result.stderr
    assert "llmcli finetune --task token-classification" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_model_of_another_kind_is_refused(run, tiny_classifier, taggers):
    result = run("tag", "-m", tiny_classifier, "Anna")
    assert result.exit_code == 5 and "a token classifier" in result.stderr
    result = run("classify", "-m", taggers["bio"], "Anna")
    assert result.exit_code == 5 and "llmcli tag" in result.stderr


def test_a_file_in_every_format(run, taggers, tmp_path):
    source = tmp_path / "in.jsonl"
    rows = [{"id": 7, "tokens": ["Anna", "Maria"], "ner_tags": ["B-PER", "I-PER"]}, {"id": 8}]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("tag", "-m", taggers["bio"], "-i", source, "--column", "tokens", "--words")
    for suffix in ("jsonl", "json", "csv", "parquet", "txt"):
        target = tmp_path / f"out.{suffix}"
        result = run(*words, "-o", target, "-q")
        assert result.exit_code == 1, result.output
        assert target.stat().st_size
    first, second = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert first["predicted_tags"] == ["B-PER", "I-PER"] == first["ner_tags"]
    assert first["id"] == 7 and first["text"] == "Anna Maria"
    assert (first["entities"][0]["start"], first["entities"][0]["end"]) == (0, 10)
    assert "no field 'tokens'" in second["error"]
    assert (tmp_path / "out.txt").read_text().splitlines()[0] == "B-PER I-PER"


def test_text_for_pipes_and_people(run, taggers, tmp_path, monkeypatch):
    lines = tmp_path / "in.txt"
    lines.write_text("Anna Maria in Rome\nmet\n")
    result = run("tag", "-m", taggers["bio"], "-i", lines, "-q")
    assert result.stdout == "Anna Maria/PER\tRome/LOC\n\n"
    shown = run("tag", "-m", taggers["bio"], "Anna in Rome").stdout
    assert [line.split()[:2] for line in shown.splitlines()[2:]] == [
        ["Anna", "PER"],
        ["Rome", "LOC"],
    ]
    assert "8-12" in shown
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in run("tag", "-m", taggers["bio"], "Anna in Rome").stdout


def test_the_page_has_each_text_once_and_escaped(run, taggers, tmp_path):
    page = tmp_path / "page.html"
    texts = tmp_path / "in.txt"
    texts.write_text("<b> Anna & Rome\n\nmet\n")
    result = run("tag", "-m", taggers["bio"], "-i", texts, "-q", "--html", page)
    assert result.exit_code == 1  # the empty line
    html = page.read_text()
    assert "&lt;b&gt; <mark" in html and ">Anna<b>PER</b></mark> &amp; <mark" in html
    assert html.count("<p") == 3 and "row 2: the text is empty" in html
    assert run("tag", "-m", taggers["bio"], "a", "--html", tmp_path / "no" / "x").exit_code == 3


def test_special_tokens_that_are_typed_are_text(taggers):
    assert entities(taggers["speech"], "[SEP] Anna")[0][:2] == ("[", "PUNCT")


@pytest.mark.parametrize("flags", [[], ["--aggregation", "simple"], ["--words"]], ids=str)
@pytest.mark.parametrize("name", ["bio", "bare", "speech"])
def test_the_script_prints_the_same_entities(run, taggers, name, flags):
    from tests.tasks.test_show_code import lines, record

    words = ["tag", "Anna Maria runs in Rome", "-m", taggers[name], *flags]
    expected = [
        [one["text"], one["label"], f"{one['score']:.4f}", f"{one['start']}-{one['end']}"]
        for one in record(run, words)["entities"]
    ]
    assert lines(run, words) == expected and expected


@pytest.mark.parametrize("name", ["bert", "roberta", "xlm-roberta"])
@pytest.mark.parametrize("aggregation", ["none", "simple", "first", "average", "max"])
def test_entities_are_those_of_transformers(random_taggers, name, aggregation):
    """benchmarks/tag_equality.py compares 500 sentences."""
    folder, texts = random_taggers[name], tag_equality.sentences(6, 11)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tagged = tag_equality.theirs(folder, aggregation)
        expected = [tagged(text) for text in texts]
    loaded = tag_equality.load(llmcli.ModelSpec(str(folder)))
    found = list(tag_equality.ours(loaded, texts, aggregation))
    assert all(map(tag_equality.are_same, expected, found)) and any(expected)


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_both_engines_say_the_same(random_taggers, name):
    pytest.importorskip("ctranslate2")
    texts = tag_equality.sentences(8, 12)
    results = []
    for engine in ("torch", "ct2"):
        loaded = tag_equality.load(llmcli.ModelSpec(str(random_taggers[name]), engine=engine))
        assert loaded.engine.name == engine
        results.append(list(tag_equality.ours(loaded, texts, "word")))
    assert all(map(tag_equality.are_same, *results))
