"""Wrong use of classify, fill, answer, translate and embed: one line and its exit code."""

import pytest

from tests.cli.test_wrong_use import INPUT, NOT_FOUND, UNSUITABLE, USAGE, assert_one_line

C = "{tiny_classifier}"


@pytest.mark.parametrize(
    ("words", "code", "telling"),
    [
        ("classify hi --labels a", USAGE, "is always right: add others"),
        ("classify hi --labels a,,b", USAGE, "different words"),
        ("classify hi --labels a,a", USAGE, "different words"),
        ("classify hi --labels a,b --hypothesis-template no", USAGE, "needs one {}, for the label"),
        ("classify hi --labels a,b --text-pair ho", USAGE, "--labels judges one text"),
        ("classify -i f.csv --text-pair ho", USAGE, "--text-pair goes with TEXT"),
        ("classify hi --top 0", USAGE, "--top"),
        ("classify hi --batch-size 0", USAGE, "--batch-size"),
        ("classify hi --batch-size many", USAGE, "--batch-size"),
        ("classify hi --on-overflow drop", USAGE, "'drop' is not one of"),
        ("classify hi --resume", USAGE, "--resume goes with --input FILE and --output FILE"),
        ("classify hi -o out.npy", USAGE, "only llmcli embed writes npy"),
        ("classify hi --format npy", USAGE, "'npy' is not one of"),
        ("classify hi --format parquet", USAGE, "add --output FILE"),
        ("classify hi --column a --column b --column c", USAGE, "3 columns"),
        ("classify -i nowhere.csv", INPUT, "cannot read nowhere.csv"),
        ("classify '' -m {tiny_classifier}", INPUT, "the text is empty"),
        ("classify hi --text-pair '' -m {tiny_classifier}", INPUT, "the second text is empty"),
        ("classify hi -m {tiny_gpt2}", UNSUITABLE, "this needs a text classifier"),
        ("classify hi -m {tiny_encoder}", UNSUITABLE, "for llmcli embed"),
        ("classify hi --labels a,b -m {tiny_classifier}", UNSUITABLE, "--labels needs"),
        ("classify hi --labels a,b -m {tiny_masked}", UNSUITABLE, "or a causal language model"),
        ("classify hi --labels a,b --multi-label -m {tiny_gpt2}", USAGE, "--multi-label"),
        ("classify hi --offline --labels a,b", NOT_FOUND, "llmcli models pull facebook"),
        ("fill hi -m {tiny_masked}", INPUT, "write [MASK]"),
        ("fill '[MASK]' -m {tiny_gpt2}", UNSUITABLE, "this needs a masked language model"),
        ("fill '[MASK]' --targets a,,b", USAGE, "give different words"),
        ("fill '[MASK]' --targets '\x00' -m {tiny_masked}", INPUT, "has no token"),
        ("fill '[MASK] [MASK]' --targets 'a dog,it' -m {tiny_masked}", INPUT, "go with one gap"),
        ("fill '[MASK]' --offline -m google-bert/bert-base", NOT_FOUND, "bert-base"),
        ("answer", USAGE, "no question"),
        ("answer hi --context a --context-file b", USAGE, "not both"),
        ("answer hi --context-file nowhere.txt", INPUT, "cannot read nowhere.txt"),
        ("answer hi --context-file {latin}", INPUT, "is not UTF-8 text"),
        (
            "answer hi --context '' -m {tiny_reader}",
            INPUT,
            "the text that the questions are about is empty",
        ),
        ("answer hi -m {tiny_reader}", USAGE, "no text: give --context, --context-file, or pipe"),
        ("answer hi --context a -m {tiny_classifier}", UNSUITABLE, "for llmcli classify"),
        ("answer hi --context a --max-answer-tokens 0", USAGE, "--max-answer-tokens"),
        ("answer -i {texts}", INPUT, "one text a line"),
        ("answer -i {texts} --column question", USAGE, "give --column twice"),
        ("answer -i - --context-file -", USAGE, "not both"),
        ("answer hi --context a --no-answer -m {tiny_gpt2}", USAGE, "--no-answer needs"),
        (
            "translate hi --strict -n 100 -m {tiny_marian}",
            USAGE,
            "100 is more than the 47",
        ),
        ("generate hi --chat --on-overflow truncate", USAGE, "would cut the chat template"),
        ("fill '[MASK]' --targets 'a dog' --show-code -m {tiny_masked}", USAGE, "has more"),
        ("embed -i - --input-format parquet", INPUT, "read from files only"),
        ("translate hi", USAGE, "name the languages"),
        ("translate hi -f en -t qq", USAGE, "no language 'qq' is known"),
        ("translate hi -f en -t de --offline", NOT_FOUND, "Helsinki-NLP/opus-mt-en-de"),
        ("translate hi -t de -m {tiny_marian}", UNSUITABLE, "translates from en to fr"),
        ("translate hi -m {tiny_gpt2}", UNSUITABLE, "a sequence-to-sequence model"),
        (
            "translate hi --num-beams 2 --num-return-sequences 3 -m x",
            USAGE,
            "more than --num-beams",
        ),
        ("translate hi --length-penalty nan -m x", USAGE, "not a finite number"),
        ("translate hi -n 0 -m x", USAGE, "-n"),
        ("embed hi --pooling sum", USAGE, "'sum' is not one of"),
        ("embed hi --format npy", USAGE, "add --output FILE"),
        ("embed -i {texts} --query a -o {tmp}/o.npy", USAGE, "ranks the texts at the end"),
        (
            "embed hi --query '' -m {tiny_encoder} --pooling cls",
            INPUT,
            "--query: the text is empty",
        ),
        ("embed '' -m {tiny_encoder} --pooling cls", INPUT, "the text is empty"),
        ("embed hi -o /dev/stdout --format npy -m x", INPUT, "it is not a regular file"),
        ("embed hi --offline -m owner/all-MiniLM-L6", NOT_FOUND, "all-MiniLM-L6"),
    ],
)
def test_wrong_use_is_one_line(run, request, tmp_path, words, code, telling):
    import shlex

    (tmp_path / "latin.txt").write_bytes("caf\u00e9".encode("latin-1"))
    (tmp_path / "texts.txt").write_text("who?\n")
    places = {
        "{latin}": tmp_path / "latin.txt",
        "{texts}": tmp_path / "texts.txt",
        "{tmp}": tmp_path,
    }
    for name in ("classifier", "gpt2", "encoder", "masked", "reader", "marian"):
        if f"{{tiny_{name}}}" in words:
            places[f"{{tiny_{name}}}"] = request.getfixturevalue(f"tiny_{name}")
    for name, place in places.items():
        words = words.replace(name, str(place))
    result = run(*shlex.split(words), "-q", input="")
    assert_one_line(result, code, telling)


@pytest.mark.parametrize(
    "words",
    ["classify hi --labels", "embed hi --query", "embed hi --prompt", "fill [MASK] --targets"],
)
def test_words_that_are_not_utf8_are_refused(run, words):
    result = run(*words.split(), "caf\udce9,b", "-q")
    assert result.exit_code == 2 and "not valid UTF-8" in result.stderr
