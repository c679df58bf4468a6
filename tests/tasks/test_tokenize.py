import json

import pytest
from transformers import AutoTokenizer

from llmcli.spec import ModelSpec
from llmcli.tasks.tokenize import load_vocabulary

TEXTS = ["Once upon a time", "我明天要去看电影。", " the cat  sat\n\n on mats", "", "😀é\x00"]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("model", ["tiny_gpt2", "tiny_bert"])
@pytest.mark.parametrize("special", [True, False])
def test_tokens_are_those_of_transformers(request, model, text, special):
    folder = request.getfixturevalue(model)
    tokens = load_vocabulary(ModelSpec(str(folder))).encode(text, special=special)
    theirs = AutoTokenizer.from_pretrained(folder)(
        text, add_special_tokens=special, return_offsets_mapping=True
    )
    assert [token.id for token in tokens] == theirs["input_ids"]
    assert [(token.start, token.end) for token in tokens] == theirs["offset_mapping"]


def test_a_limit_stored_with_the_tokenizer_cuts_nothing(tiny_gpt2, tmp_path):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tiny_gpt2 / "tokenizer.json"))
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=50)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "config.json").write_text("{}")
    tokens = load_vocabulary(ModelSpec(str(tmp_path))).encode("Once upon a time there was")
    assert 4 < len(tokens) < 50


def test_a_limit_stored_with_a_tokenizer_of_transformers_cuts_nothing(tiny_gpt2, tmp_path):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tiny_gpt2 / "tokenizer.json"))
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=50)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    settings = {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": True}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    tokens = load_vocabulary(ModelSpec(str(tmp_path))).encode("Once upon a time there was")
    assert 4 < len(tokens) < 50


def test_settings_beside_the_tokenizer_are_heeded(tiny_gpt2, tmp_path):
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(tiny_gpt2, folder)
    settings = {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    theirs = AutoTokenizer.from_pretrained(folder)("cat sat")["input_ids"]
    tokens = load_vocabulary(ModelSpec(str(folder))).encode("cat sat")
    assert [token.id for token in tokens] == theirs


@pytest.fixture
def tokenize(run, tiny_gpt2):
    return lambda *words, **more: run("tokenize", "-m", tiny_gpt2, *words, **more)


def test_the_table_shows_bytes_of_partial_characters(tokenize):
    shown = tokenize("a 看").stdout
    for part in ("'a'", "<E7>", "<9C>", "<8B>", "2-3", "5 tokens, 3 characters"):
        assert part in shown


def test_ids_go_out_and_come_back(tokenize):
    for text in ("Once upon a time", "我明天要去看电影。"):
        ids = tokenize(text, "--ids").stdout
        assert tokenize("--decode", input=ids).stdout == text + "\n"
        assert tokenize("--decode", *ids.split()).stdout == text + "\n"
        assert tokenize("--decode", str([int(word) for word in ids.split()])).stdout == f"{text}\n"


def test_each_line_of_piped_ids_is_a_text(tokenize):
    first, second = (tokenize(text, "--ids").stdout for text in ("a cat", "the dog"))
    assert tokenize("--decode", input=first + second).stdout == "a cat\nthe dog\n"


def test_each_line_of_ids_is_a_text(tokenize, tmp_path):
    (tmp_path / "t.txt").write_text("a cat\nthe dog\n")
    (tmp_path / "ids.txt").write_text(tokenize("-i", tmp_path / "t.txt", "--ids").stdout)
    assert tokenize("--decode", "-i", tmp_path / "ids.txt").stdout == "a cat\nthe dog\n"


def test_lines_of_single_ids_stay_lines(tokenize, tmp_path):
    (tmp_path / "ids.txt").write_text("70\nx\n71\n")
    result = tokenize("--decode", "-i", tmp_path / "ids.txt")
    assert result.exit_code == 1
    first, second, third = result.stdout.splitlines()
    assert (len(first), len(third)) == (1, 1)
    assert second == "[row 2: 'x' is no token id: ids are numbers]"


def test_count_adds_up_a_file(tokenize, tmp_path):
    (tmp_path / "t.txt").write_text("a cat\nthe dog\n")
    counts = [len(tokenize(text, "--ids").stdout.split()) for text in ("a cat", "the dog")]
    assert tokenize("--count", "-i", tmp_path / "t.txt").stdout == f"{sum(counts)}\n"
    (record,) = json.loads(tokenize("--count", "-i", tmp_path / "t.txt", "--json").stdout)
    assert record == {"texts": 2, "tokens": sum(counts), "characters": 12}


def test_json_has_everything_of_each_token(tokenize):
    (record,) = json.loads(tokenize("a 看", "--json").stdout)
    assert record["count"] == 5
    assert record["tokens"][2] == {
        "id": record["tokens"][2]["id"],
        "token": "<E7>",
        "piece": "ç",
        "start": 2,
        "end": 3,
    }


def test_special_tokens_can_be_left_out(run, tiny_bert):
    words = ["tokenize", "the cat", "-m", tiny_bert, "--ids"]
    assert run(*words).stdout == "2 5 6 3\n"
    assert run(*words, "--no-special").stdout == "5 6\n"
