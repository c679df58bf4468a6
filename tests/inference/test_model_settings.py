"""A model's generation_config.json is obeyed as transformers obeys it, or named."""

import json
import shutil

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from llmcli.data.rows import Failure, Row
from llmcli.inference.model_settings import unused_settings
from llmcli.spec import Chat, Decoding, ModelSpec
from llmcli.spec.tasks import AnswerOptions, TranslateOptions
from llmcli.tasks import answer as answers
from llmcli.tasks import generate as task
from llmcli.tasks import translate as translations

PROMPTS = ("the cat sat on the mat and the cat", "a", "Once upon a time")
ENDS = {"eos_token_id": [0, 17], "pad_token_id": 0}
ALWAYS = [
    {"bad_words_ids": [[5], [40, 9], [0], [1, 2, 3]]},
    {"no_repeat_ngram_size": 2},
    {"repetition_penalty": 1.4},
    {"encoder_repetition_penalty": 1.5},
    {"encoder_no_repeat_ngram_size": 2},
    {"min_new_tokens": 6},
    {"min_length": 11},
    {"min_length": 20, "min_new_tokens": 3},
    {"max_length": 15},
    {"max_new_tokens": 4},
    {"max_length": 30, "max_new_tokens": 5},
    {"suppress_tokens": list(range(30, 300))},
    {"begin_suppress_tokens": list(range(40, 200))},
    {"begin_suppress_tokens": list(range(40, 200)), "forced_bos_token_id": 44},
    {"forced_bos_token_id": 44},
    {"forced_eos_token_id": 17},
    {"forced_eos_token_id": [17, 0]},
    {"exponential_decay_length_penalty": [2, 1.9]},
    {"sequence_bias": [[[44], 5.0], [[61, 62], -8.5], [[44], 1.5]]},
    {"renormalize_logits": True, "repetition_penalty": 1.2},
    {"eos_token_id": list(range(40, 120))},
    {"use_cache": False},
    {"do_sample": True, "temperature": 0.01},
    {"do_sample": False, "temperature": 0.0, "top_k": 3},
    {"repetition_penalty": 0.7, "no_repeat_ngram_size": 3, "bad_words_ids": [[5]]},
]
BEAMS = [
    {},
    {"length_penalty": -2.0},
    {"length_penalty": 3.0, "early_stopping": "never"},
    {"early_stopping": True},
    {"early_stopping": "never"},
]


@pytest.fixture
def with_settings(tiny_gpt2, tmp_path):
    """Make a copy of a model with settings of generation."""

    def make(settings):
        folder = tmp_path / "model"
        shutil.copytree(tiny_gpt2, folder, dirs_exist_ok=True)
        (folder / "generation_config.json").write_text(json.dumps({**ENDS, **settings}))
        return folder

    return make


def reference(folder, prompt, **words):
    """What generate of transformers writes after a prompt."""
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer(prompt, return_tensors="pt")
    with torch.no_grad():
        out = model.generate(**inputs, do_sample=False, **words)
    ids, size = out[0].tolist(), inputs["input_ids"].shape[1]
    ends = model.generation_config.eos_token_id
    new = next((at for at in range(size, len(ids)) if ids[at] in ends), len(ids))
    start = len(tokenizer.decode(ids[:size], skip_special_tokens=True))
    return tokenizer.decode(ids[:new], skip_special_tokens=True)[start:].rstrip("\ufffd")


def written(folder, prompts, options, engine="auto"):
    notes = []
    loaded = task.load(ModelSpec(str(folder), engine=engine), options, Chat(), note=notes.append)
    rows = [Row(number, prompt) for number, prompt in enumerate(prompts, 1)]
    results = task.generate(loaded, rows, options, Chat())
    return [result.text.rstrip("\ufffd") for result in results], notes, loaded


@pytest.mark.parametrize("settings", ALWAYS, ids=str)
def test_a_greedy_text_is_that_of_transformers(with_settings, settings):
    folder = with_settings(settings)
    has_limit = {"max_length", "max_new_tokens"} & settings.keys()
    texts, notes, _ = written(folder, PROMPTS, Decoding(max_new_tokens=None if has_limit else 12))
    words = {} if has_limit else {"max_new_tokens": 12}
    assert texts == [reference(folder, prompt, **words) for prompt in PROMPTS]
    assert len(notes) == int(settings.get("do_sample", False))


@pytest.mark.parametrize("settings", [*BEAMS, *ALWAYS[:1], *ALWAYS[3:6], *ALWAYS[15:20]], ids=str)
def test_a_text_of_beams_is_that_of_transformers(with_settings, settings):
    folder = with_settings({"num_beams": 3, **settings})
    texts, notes, _ = written(folder, PROMPTS, Decoding(max_new_tokens=10))
    assert texts == [reference(folder, prompt, max_new_tokens=10) for prompt in PROMPTS]
    assert notes == []


@pytest.mark.parametrize("settings", ALWAYS, ids=str)
def test_ct2_writes_the_same_where_it_can(with_settings, settings):
    folder = with_settings(settings)
    options = Decoding(max_new_tokens=12)
    texts, _, loaded = written(folder, PROMPTS, options)
    assert texts == written(folder, PROMPTS, options, "torch")[0]
    is_plain = settings.keys() <= {"suppress_tokens", "eos_token_id", "use_cache", "do_sample"}
    if is_plain:
        assert loaded.engine.name == "ct2"
    if settings.keys() & {"min_new_tokens", "sequence_bias", "no_repeat_ngram_size"}:
        assert loaded.engine_reason.startswith(("it ", "its "))


def test_the_users_own_setting_comes_first(with_settings):
    own = {"no_repeat_ngram_size": 1, "repetition_penalty": 1.9, "num_beams": 4}
    off = Decoding(8, no_repeat_ngram_size=0, repetition_penalty=1.0, num_beams=1)
    texts, notes, _ = written(with_settings(own), PROMPTS, off)
    assert (texts, notes) == (written(with_settings({}), PROMPTS, Decoding(8))[0], [])


def test_stop_strings_of_the_model_end_a_text(with_settings):
    (plain,), _, _ = written(with_settings({}), PROMPTS[:1], Decoding(12))
    stop = plain[3:5]
    for value in (stop, [stop]):
        (text,), notes, _ = written(
            with_settings({"stop_strings": value}), PROMPTS[:1], Decoding(12)
        )
        assert text == plain[: plain.index(stop)].rstrip("\ufffd") and notes == []


def test_sampling_takes_what_the_user_leaves_open_from_the_model(with_settings):
    own = {"do_sample": True, "top_k": 1, "temperature": 5.0}
    greedy, notes, _ = written(with_settings({}), PROMPTS, Decoding(8))
    sampled, notes, _ = written(with_settings(own), PROMPTS, Decoding(8, top_p=0.9, seed=1))
    assert sampled == greedy and notes == []


def test_a_forced_end_is_no_end_of_the_models_own(with_settings):
    folder = with_settings({"forced_eos_token_id": 0, "suppress_tokens": []})
    for options in (Decoding(4), Decoding(4, num_beams=2)):
        loaded = task.load(ModelSpec(str(folder)), options, Chat())
        (result,) = task.generate(loaded, [Row(1, "the cat")], options, Chat())
        assert (result.finish_reason, result.new_tokens) == ("length", 3)


def test_a_prompt_as_long_as_max_length_is_refused(with_settings):
    folder = with_settings({"max_length": 3})
    loaded = task.load(ModelSpec(str(folder)), Decoding(), Chat())
    (result,) = task.generate(loaded, [Row(1, PROMPTS[0])], Decoding(), Chat())
    assert isinstance(result, Failure) and "max_length in generation_config.json" in result.error


@pytest.mark.parametrize(
    ("settings", "options", "line"),
    [
        ({"guidance_scale": 1.5}, {}, "`guidance_scale` is not used"),
        ({"guidance_scale": 1.5}, {"num_beams": 2}, "`guidance_scale` is not used"),
        (
            {"penalty_alpha": 0.6, "dola_layers": "low", "constraints": [[1]]},
            {},
            "`penalty_alpha`, `dola_layers`, `constraints` are not used",
        ),
        ({"remove_invalid_values": True}, {}, "`remove_invalid_values` is not used"),
        ({"cache_implementation": "static"}, {}, "`cache_implementation` is not used"),
        ({"house_style": "plain"}, {}, "`house_style` is not used"),
        ({"num_beams": 3}, {"temperature": 0.7}, "num_beams is not used"),
        ({"num_beams": 3}, {"logprobs": 2}, "num_beams is not used"),
        (
            {"do_sample": True, "temperature": 0.6},
            {},
            "do_sample, temperature are not used unless a setting of sampling is given",
        ),
        ({"stop_strings": ["."]}, {"num_beams": 2}, "`stop_strings` is not used"),
        ({"num_return_sequences": 2}, {}, "num_return_sequences is not used"),
        ({"num_beam_groups": 1, "diversity_penalty": 0.0, "guidance_scale": 1}, {}, None),
        ({"do_sample": True, "top_p": 0.9}, {"temperature": 0.5}, None),
    ],
    ids=str,
)
def test_what_is_not_used_is_named(with_settings, settings, options, line):
    folder = with_settings(settings)
    texts, notes, _ = written(folder, ["the cat"], Decoding(3, **{"seed": 1, **options}))
    assert texts and notes == ([] if line is None else [f"generation_config.json: {line}"])


def test_the_command_names_them_in_one_line(run, with_settings):
    folder = with_settings({"guidance_scale": 2.0, "watermarking_config": {"bias": 2.0}})
    result = run("generate", "the cat", "-m", folder, "-n", 3)
    line = "[generation_config.json: `guidance_scale`, `watermarking_config` are not used]"
    assert result.exit_code == 0 and result.stderr.splitlines()[0] == line


def test_translations_and_answers_name_them_too(tiny_marian, tmp_path):
    folder = tmp_path / "marian"
    shutil.copytree(tiny_marian, folder)
    path = folder / "generation_config.json"
    own = {**json.loads(path.read_text()), "guidance_scale": 2.0, "stop_strings": ["."]}
    path.write_text(json.dumps(own))
    notes = []
    translations.load(ModelSpec(str(folder)), TranslateOptions(), note=notes.append)
    line = "generation_config.json: `guidance_scale`, `stop_strings` are not used"
    assert notes == [line]
    answers.load(ModelSpec(str(folder)), note=notes.append)
    assert notes[-1].startswith("generation_config.json: ") and "`guidance_scale`" in notes[-1]


def test_a_written_answer_obeys_the_model(with_settings):
    rows = [Row(1, "who?", pair="the cat sat")]
    found = []
    for settings in ({}, {"suppress_tokens": list(range(30, 300))}):
        loaded = answers.load(ModelSpec(str(with_settings(settings))))
        (result,) = answers.answer(loaded, rows, AnswerOptions(max_answer_tokens=5))
        found.append(result.answer)
    assert found[0] != found[1]


def test_settings_without_effect_are_not_named():
    assert unused_settings({"use_cache": True, "transformers_version": "5"}, Decoding()) == []
