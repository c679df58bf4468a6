"""A model's folder is a stranger's data: each of its files, of any content and kind, is one line.

benchmarks/mutations.py does the same to every value of every file, and compares the answers.
"""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import llmcli
from llmcli.errors import LlmcliError, ModelUnsuitable
from llmcli.inference.sentence_modules import read_pooling
from llmcli.models import hub
from llmcli.models.checkpoint import Checkpoint, check_settings, read_config, weight_files
from llmcli.models.file_shapes import MODULE_CONFIG, shape_of
from llmcli.spec import ModelSpec
from llmcli.system.shapes import Misshapen, require_shape
from llmcli.tokenization.load import load_tokenizer

TOKENIZER = {
    "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "cat": 1}, "unk_token": "[UNK]"},
    "added_tokens": [],
}
SOUND: dict[str, Any] = {
    "config.json": {"model_type": "bert", "architectures": ["BertModel"], "vocab_size": 2},
    "generation_config.json": {"eos_token_id": [0, 1], "temperature": 0.5},
    "tokenizer.json": TOKENIZER,
    "tokenizer_config.json": {"tokenizer_class": "TokenizersBackend", "unk_token": "[UNK]"},
    "special_tokens_map.json": {"unk_token": "[UNK]"},
    "added_tokens.json": {},
    "modules.json": [
        {"type": "sentence_transformers.models.Transformer", "path": ""},
        {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"},
    ],
    "sentence_bert_config.json": {"max_seq_length": 8},
    "config_sentence_transformers.json": {"prompts": {"query": "q: "}},
    "1_Pooling/config.json": {"pooling_mode_mean_tokens": True},
    "model.safetensors.index.json": {"weight_map": {"a": "model-1.safetensors"}},
    "model-1.safetensors": "",
}
"""A folder of sentence-transformers; its weights are not read here."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, value in SOUND.items():
        path = tmp_path / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))
    return tmp_path / "model"


def read_all(folder: Path) -> None:
    """Read all that is read without torch."""
    checkpoint: Checkpoint = hub.resolve(ModelSpec(str(folder)))
    read_config(checkpoint)
    check_settings(checkpoint, ("generation_config.json",))
    weight_files(checkpoint)
    read_pooling(checkpoint)
    load_tokenizer(checkpoint)


def replaced(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.unlink()
        make(path)

    return change


CHANGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_text(""),
    "cut": lambda path: path.write_text(path.read_text()[:-1]),
    "null": lambda path: path.write_text("null"),
    "a number": lambda path: path.write_text("3"),
    "a text": lambda path: path.write_text('"cat"'),
    "nested": lambda path: path.write_text("[" * 100_000),
    "nested less": lambda path: path.write_text('{"a":' * 200 + "1" + "}" * 200),
    "digits": lambda path: path.write_text('{"a": ' + "9" * 5000 + "}"),
    "NUL": lambda path: path.write_text('{"a": "\0"}'),
    "surrogate": lambda path: path.write_text('{"a": "\\ud800"}'),
    "not UTF-8": lambda path: path.write_bytes(b'{"a": "\xff"}'),
    "UTF-16": lambda path: path.write_bytes("{}".encode("utf-16")),
    "BOM": lambda path: path.write_text("\ufeff" + path.read_text()),
    "directory": replaced(lambda path: path.mkdir()),
    "FIFO": replaced(lambda path: os.mkfifo(path)),
    "device": replaced(lambda path: path.symlink_to("/dev/zero")),
    "loop": replaced(lambda path: path.symlink_to(path.name)),
    "dangling": replaced(lambda path: path.symlink_to("nothing")),
    "huge": lambda path: os.truncate(path, 300 << 20),
}
METADATA = [name for name in SOUND if name.endswith(".json") and name != "tokenizer.json"]


def assert_refused(folder: Path, *words: str) -> None:
    with pytest.raises(ModelUnsuitable) as caught:
        read_all(folder)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 400
    assert all(word in message for word in words), message


def test_the_sound_folder_is_read(folder: Path) -> None:
    read_all(folder)


@pytest.mark.skipif(os.name == "nt", reason="no named pipes, no devices")
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", METADATA)
def test_a_damaged_file_is_refused_in_one_line(folder: Path, name: str, change: str) -> None:
    CHANGES[change](folder / name)
    assert_refused(folder, str(folder / name))


HOSTILE = (None, True, -1, 0.5, 10**9, 10**30, "", "a\0b", "cat", [], [[1]], {}, {"a": {}})


@pytest.mark.parametrize("name", [*METADATA, "tokenizer.json"])
def test_any_value_in_any_place_is_read_or_refused_in_one_line(folder: Path, name: str) -> None:
    sound = SOUND[name]
    places = list(range(len(sound))) if isinstance(sound, list) else list(sound)
    for place in places:
        for value in HOSTILE:
            changed = list(sound) if isinstance(sound, list) else dict(sound)
            changed[place] = value
            (folder / name).write_text(json.dumps(changed))
            try:
                read_all(folder)
            except Exception as error:
                kind = type(error).__name__
                assert isinstance(error, LlmcliError) or kind == "UnsupportedTokenizer", (
                    f"{name} {place} {value!r}: {error!r}"
                )
                assert "\n" not in str(error) and len(str(error)) < 500


@pytest.mark.parametrize(
    ("name", "changes", "fault"),
    [
        ("config.json", {"vocab_size": 0}, "`vocab_size` is 0, a whole number from 1"),
        ("config.json", {"num_hidden_layers": 10**9}, "from 0 to 10,000"),
        ("config.json", {"pad_token_id": [0]}, "`pad_token_id` is a list, a whole number"),
        ("config.json", {"rope_scaling": {"factor": "x"}}, "`rope_scaling.factor` is the text"),
        ("config.json", {"id2label": {"one": "a"}}, "`id2label` has the key 'one'"),
        ("config.json", {"problem_type": "x"}, "`problem_type` is the text 'x', 'regression' or"),
        ("config.json", {"hidden_act": 3}, "`hidden_act` is 3, a text was expected"),
        ("generation_config.json", {"eos_token_id": ["a"]}, "`eos_token_id[0]` is the text 'a'"),
        ("generation_config.json", {"bad_words_ids": [1]}, "`bad_words_ids[0]` is 1, a list"),
        ("tokenizer_config.json", {"model_max_length": -1}, "`model_max_length` is -1, a number"),
        ("tokenizer_config.json", {"added_tokens_decoder": {"0": {}}}, "0.content` is missing"),
        ("sentence_bert_config.json", {"max_seq_length": 0}, "`max_seq_length` is 0"),
        ("config_sentence_transformers.json", {"prompts": {"q": 1}}, "`prompts.q` is 1, a text"),
        ("1_Pooling/config.json", {"pooling_mode": [1]}, "`pooling_mode[0]` is 1, a text"),
        (
            "model.safetensors.index.json",
            {"weight_map": {"a": "../../model.safetensors"}},
            "`weight_map` names '../../model.safetensors', which is no safetensors file beside it",
        ),
    ],
)
def test_a_wrong_value_is_named_by_its_key(
    folder: Path, name: str, changes: dict[str, Any], fault: str
) -> None:
    (folder / name).write_text(json.dumps({**SOUND[name], **changes}))
    assert_refused(folder, f"{name}: ", fault)


@pytest.mark.parametrize("path", ["..", "/tmp", "a\0b"])
def test_a_module_outside_of_the_folder_is_refused(folder: Path, path: str) -> None:
    modules = [*SOUND["modules.json"], {"type": "x", "path": path}]
    (folder / "modules.json").write_text(json.dumps(modules))
    assert_refused(folder, "modules.json: `[2].path` names a folder outside of the model")


def test_a_classifier_needs_a_name_for_each_label(folder: Path) -> None:
    config = {**SOUND["config.json"], "architectures": ["BertForSequenceClassification"]}
    config["id2label"] = {"0": "a", "2": "b"}
    (folder / "config.json").write_text(json.dumps(config))
    assert_refused(folder, "`id2label` has no name for the label 1")


@pytest.mark.parametrize("engine", ["torch", "ct2"])
def test_commands_and_the_python_api_say_the_same(run, tiny_gpt2, tmp_path, engine) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for path in tiny_gpt2.iterdir():
        (folder / path.name).symlink_to(path)
    config = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").unlink()
    (folder / "generation_config.json").write_text(json.dumps({**config, "temperature": []}))
    fault = f"{folder}/generation_config.json: `temperature` is a list, a number was expected"
    result = run("generate", "hi", "-m", folder, "--engine", engine)
    assert (result.exit_code, result.stdout) == (5, "")
    assert result.stderr == f"Error: {fault}; copy it again\n"
    shared = llmcli.load(str(folder), engine=engine)
    with shared, pytest.raises(ModelUnsuitable, match="`temperature` is a list"):
        list(llmcli.generate(["hi"], model=shared))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("config.json", {"layer_norm_eps": None}, "`layer_norm_eps` is null, a number"),
        ("tokenizer_config.json", {"model_input_names": None}, "`model_input_names` is null"),
        ("1_Pooling/config.json", {"include_prompt": None}, "`include_prompt` is null"),
        ("generation_config.json", {"bad_words_ids": [[]]}, "[0]` is a list, a list that is not"),
        ("generation_config.json", {"bad_words_ids": [[-1]]}, "from 0 to"),
        ("generation_config.json", {"decoder_start_token_id": []}, "a list that is not empty"),
        ("adapter_config.json", {"target_modules": "(a+)+$"}, "that repeats no group was expected"),
    ],
)
def test_what_would_be_a_null_an_empty_list_or_an_endless_search_is_named(name, content, words):
    shape = MODULE_CONFIG if "/" in name else shape_of(name)
    with pytest.raises(Misshapen, match=re.escape(words)):
        require_shape(content, shape)
