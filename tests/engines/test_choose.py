"""Both engines give the same results, and the right one is chosen."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from llmcli.engines import choose as engines
from llmcli.engines import encoder_race
from llmcli.engines.pytorch import packing
from llmcli.engines.pytorch.encoders import linear
from llmcli.engines.pytorch.encoders.architectures import ARCHITECTURES
from llmcli.system import calibration
from llmcli.system.races import Watch


@pytest.fixture(scope="module")
def conversions(tmp_path_factory):
    """The cache of converted models, for all tests here."""
    return tmp_path_factory.mktemp("conversions")


@pytest.fixture(autouse=True)
def _shared_cache(monkeypatch, conversions):
    monkeypatch.setenv("LLMCLI_CACHE", str(conversions))


COMMANDS = {
    "tiny_gpt2": [
        ("generate", "the cat", "-n", "20"),
        ("generate", "the cat", "One day", "a", "", "-n", "20"),
        ("generate", "the cat", "-n", "20", "--stop", "e"),
        ("classify", "the cat", "--labels", "good,very bad"),
    ],
    "tiny_chat": [("generate", "--chat", "-s", "Be short.", "Hello", "-n", "12")],
    "tiny_classifier": [
        ("classify", "the cat sat", "a bad dog"),
        ("classify", "the cat sat", "--multi-label"),
        ("classify", "the cat", "--text-pair", "who ran"),
        ("classify", "the cat sat on the mats . " * 5),
    ],
    "tiny_nli": [("classify", "the cat sat", "--labels", "good,bad")],
    "tiny_encoder": [
        ("embed", "the cat sat", "a dog", "--normalize"),
        ("embed", "the cat sat", "a dog ran . it is bad", "--pooling", "max"),
        ("embed", "the cat", "a dog", "--query", "dog"),
    ],
    "tiny_reader": [("answer", "who ran ?", "--context", "the dog ran . it is bad", "--top", "3")],
    "tiny_masked": [
        ("fill", "the [MASK] sat on [MASK] ."),
        ("fill", "the [MASK] sat", "--targets", "cat,dog"),
    ],
    "tiny_marian": [
        ("translate", "The cat sat on the mat. It was happy!", "--num-beams", "1"),
        ("translate", "One day the cat saw a dog.", "--num-beams", "1", "-n", "1"),
    ],
}


def records(run, engine, model, words):
    result = run(*words, "-m", model, "--json", "-v", "--engine", engine)
    assert result.exit_code == 0, result.output
    assert ("by ct2" in result.stderr) == (engine == "ct2")
    return json.loads(result.stdout)


def rounded(value):
    """Numbers to five places: the engines add up in different orders."""
    if isinstance(value, float):
        return round(value, 4) + 0.0
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    return [rounded(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("model", "words"), [(model, words) for model in COMMANDS for words in COMMANDS[model]]
)
def test_ct2_gives_what_torch_gives(run, request, model, words):
    folder = request.getfixturevalue(model)
    assert rounded(records(run, "ct2", folder, words)) == rounded(
        records(run, "torch", folder, words)
    )


def test_a_file_of_prompts_gives_the_same_text_in_any_batch(run, tiny_gpt2, tmp_path):
    texts = ["the cat", "a", "One day the cat saw a dog", "moon " * 9, "hello", "the dog sat on"]
    rows = tmp_path / "rows.txt"
    rows.write_text("\n".join(texts) + "\n")
    found = [
        run("generate", "-i", rows, "-m", tiny_gpt2, "-n", "9", "--json", "--engine", *how).stdout
        for how in (("torch",), ("ct2",), ("ct2", "--batch-size", "1"), ("ct2", "--stop", "zz"))
    ]
    assert found[0].count('"text"') == 6 and len(set(found)) == 1


def test_a_stream_and_a_file_write_the_same(run, tiny_gpt2, tmp_path):
    words = ("-m", tiny_gpt2, "-n", "20", "--engine", "ct2", "-q")
    streamed = run("generate", "the cat", *words).stdout
    rows = tmp_path / "rows.txt"
    rows.write_text("the cat\n")
    assert run("generate", "-i", rows, *words).stdout == streamed != "the cat\n"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("generate", "a", "--temperature", "0.8"), "it does not sample"),
        (("generate", "a", "--num-beams", "2"), "its beam search"),
        (("generate", "a", "--json", "--logprobs", "2"), "log-probabilities of tokens"),
        (("generate", "a", "--repetition-penalty", "1.2"), "repetition penalty"),
        (("generate", "a", "--no-repeat-ngram-size", "2"), "n-grams of the prompt"),
        (("generate", "a", "--dtype", "bfloat16"), "--dtype bfloat16 was asked for"),
    ],
)
def test_torch_does_what_ct2_does_not_and_says_why(run, tiny_gpt2, words, why):
    auto = run(*words, "-m", tiny_gpt2, "-n", "3", "-v", "--engine", "auto")
    assert auto.exit_code == 0 and why in auto.stderr and "engine: torch, not ct2" in auto.stderr
    forced = run(*words, "-m", tiny_gpt2, "-n", "3", "--engine", "ct2")
    assert forced.exit_code == 2 and why in forced.stderr and forced.stderr.count("\n") == 1


def test_a_model_that_ct2_does_not_know_runs_on_torch(run, bpe, tmp_path, monkeypatch):
    from tests.tiny_models import BLOOM, make_causal

    folder = make_causal(bpe, tmp_path / "bloom", **BLOOM)
    words = ("generate", "the cat", "-m", folder, "-n", "5")
    auto = run(*words, "--engine", "auto", "-v")
    assert auto.exit_code == 0 and "it does not run bloom" in auto.stderr
    assert auto.stdout == run(*words).stdout
    monkeypatch.setattr(engines, "has_int8_products", lambda: False)
    refused = run(*words, "--dtype", "int8", "--engine", "auto")
    assert refused.exit_code == 2 and "it does not run bloom" in refused.stderr


def test_int8_runs_on_torch_where_the_processor_has_it(run, tiny_gpt2, monkeypatch):
    words = ("generate", "the cat", "-m", tiny_gpt2, "-n", "5", "--dtype", "int8", "-v")
    monkeypatch.setattr(engines, "has_int8_products", lambda: False)
    shown = run(*words, "--engine", "auto")
    assert shown.exit_code == 0 and "by ct2, int8" in shown.stderr
    refused = run(*words, "--engine", "torch")
    assert refused.exit_code == 2 and "needs a CPU with VNNI" in refused.stderr
    refused = run(*words, "--engine", "auto", "--temperature", "0.8")
    assert refused.exit_code == 2 and "it does not sample" in refused.stderr
    assert run("forward", "a", "-m", tiny_gpt2, "--dtype", "int8").exit_code == 2
    monkeypatch.setattr(engines, "has_int8_products", lambda: True)
    monkeypatch.setattr(packing, "quantize", lambda model: None)  # on any processor
    assert "by ct2, int8" in run(*words, "--engine", "auto").stderr
    for how in (
        ("--engine", "torch"),
        ("--engine", "auto", "--temperature", "0.8"),
        ("--engine", "auto", "--assist", str(tiny_gpt2)),
    ):
        shown = run(*words, *how)
        assert shown.exit_code == 0 and "cpu, int8" in shown.stderr, shown.stderr
    for engine in ("torch", "auto"):
        refused = run(*words, "--engine", engine, "--device", "cuda")
        assert refused.exit_code == 2 and "--device cuda was asked for" in refused.stderr


def test_a_cache_that_cannot_be_written_leaves_it_to_torch(run, tiny_gpt2, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LLMCLI_CACHE", str(tmp_path / "file"))
    words = ("generate", "the cat", "-m", tiny_gpt2, "-n", "5", "-v")
    auto = run(*words, "--engine", "auto")
    assert auto.exit_code == 0 and "set LLMCLI_CACHE" in auto.stderr
    assert run(*words, "--engine", "ct2").exit_code == 3


def assert_same_but_last_digits(records, others):
    """Close rows are computed again one by one, which may change a last digit."""
    assert [record["label"] for record in records] == [record["label"] for record in others]
    scores = [record["score"] for record in others]
    assert [record["score"] for record in records] == pytest.approx(scores, abs=1e-6)


def test_hardware_decides_what_both_could_do(
    run, tiny_encoder, tiny_classifier, tiny_gpt2, tmp_path, monkeypatch
):
    rows = tmp_path / "rows.txt"
    rows.write_text("the cat sat on the mats .\n" * 50)
    embed = ("embed", "-i", rows, "-m", tiny_encoder, "-v", "--engine", "auto")
    monkeypatch.setattr(engines, "has_gpu", lambda: False)
    monkeypatch.setattr(encoder_race, "has_fast_bfloat16", lambda: True)
    assert "by ct2" in run(*embed).stderr
    monkeypatch.setattr(engines, "LARGE_WORK", 1000)
    assert "bfloat16" in run(*embed).stderr
    classify = ("classify", "-i", rows, "-m", tiny_classifier, "-v")
    in_half = run(*classify, "--json", "--engine", "auto")
    assert "bfloat16 (fast here; close labels in float32)" in in_half.stderr
    exact = run(*classify, "--json", "--engine", "torch", "--dtype", "float32")
    assert_same_but_last_digits(json.loads(in_half.stdout), json.loads(exact.stdout))
    assert "by ct2" in run(*embed, "--dtype", "float32").stderr
    monkeypatch.setattr(engines, "has_gpu", lambda: True)
    assert "there is a GPU" in run(*embed).stderr
    monkeypatch.setattr(engines, "has_gpu", lambda: False)
    few = tmp_path / "few.txt"
    few.write_text("the cat\n" * 3)
    generate = ("generate", "-i", few, "-m", tiny_gpt2, "-v", "--engine", "auto")
    assert "by ct2" in run(*generate, "-n", "2").stderr
    size = (tiny_gpt2 / "model.safetensors").stat().st_size * few.stat().st_size
    monkeypatch.setattr(engines, "LARGE_WRITING", size)
    for instructions, told in (("avx512", "packs the weights once"), ("avx2", "by ct2")):
        machine = SimpleNamespace(instructions=(instructions,))
        monkeypatch.setattr(engines, "describe", lambda machine=machine: machine)
        assert told in run(*generate, "-n", "2").stderr
    assert "by ct2" in run(*generate[:-1], "ct2", "-n", "2").stderr
    assert "by ct2" in run(*generate, "-n", "2", "--limit", "1").stderr
    monkeypatch.setattr(packing, "quantize", lambda model: None)
    for has, told in ((True, "packs the weights once"), (False, "by ct2")):
        monkeypatch.setattr(engines, "has_int8_products", lambda has=has: has)
        assert told in run(*generate, "-n", "2", "--dtype", "int8").stderr
    monkeypatch.setattr(engines, "has_gpu", lambda: True)
    assert "by ct2" in run("generate", "a", "-m", tiny_gpt2, "-v", "--engine", "auto").stderr


@pytest.mark.parametrize(
    ("fastest", "told"),
    [("int8", "int8 (fast here; close labels in float32)"), ("float32", "float32 (fast here)")],
)
def test_labels_are_those_of_float32_in_every_dtype(
    run, tiny_classifier, tmp_path, monkeypatch, fastest, told
):
    rows = tmp_path / "rows.txt"
    rows.write_text("".join(f"the {'cat ' * (n % 9)}sat .\n" for n in range(50)))
    monkeypatch.setattr(engines, "LARGE_WORK", 1000)
    monkeypatch.setattr(engines, "has_gpu", lambda: False)
    monkeypatch.setenv("LLMCLI_CALIBRATION", f"fixed;encoder, labels={fastest}")
    calibration.forget()
    classify = ("classify", "-i", rows, "-m", tiny_classifier, "-v", "--json")
    shown = run(*classify, "--engine", "auto")
    assert told in shown.stderr
    exact = run(*classify, "--engine", "torch", "--dtype", "float32")
    calibration.forget()
    ours, expected = (json.loads(each.stdout) for each in (shown, exact))
    assert [record["label"] for record in ours] == [record["label"] for record in expected]
    scores = [record["score"] for record in expected]
    assert [record["score"] for record in ours] == pytest.approx(scores, abs=0.01)


def test_int8_is_for_encoders_with_layers_of_our_own():
    assert encoder_race.FITTING == tuple(ARCHITECTURES)
    bert, bart = ({"model_type": name} for name in ("bert", "bart"))
    assert engines._contest("classifier", bert) is encoder_race.LABELS
    assert engines._contest("classifier", bart) is encoder_race.VECTORS
    assert engines._contest("encoder", bert) is encoder_race.VECTORS
    numbers = {**bert, "problem_type": "regression"}
    assert engines._contest("classifier", numbers) is encoder_race.VECTORS


def test_engines_are_timed_by_a_layer_of_each(monkeypatch):
    monkeypatch.setattr(encoder_race, "TEXTS", 1)
    monkeypatch.setattr(encoder_race, "LENGTH", 4)
    monkeypatch.setattr(encoder_race, "has_fast_bfloat16", lambda: True)
    monkeypatch.setattr(encoder_race, "race", lambda works, watch: works)
    works = encoder_race._measure(encoder_race.LABELS.candidates, Watch())
    assert list(works) == ["ct2", "float32", "bfloat16", "int8"]
    with torch.inference_mode():
        shapes = [tuple(work().shape)[-1] for work in works.values()]
    assert shapes == [encoder_race.WIDTH] * 4

    def fails(*values, **more):
        raise RuntimeError("this build has no such operator")

    monkeypatch.setattr(linear.Int8Linear, "__call__", fails)
    works = encoder_race._measure(encoder_race.LABELS.candidates, Watch())
    assert list(works) == ["ct2", "float32", "bfloat16"]
    monkeypatch.setattr(
        linear.Int8Linear, "__call__", lambda layer, rows: rows.new_ones(4, layer._zeros.numel())
    )
    works = encoder_race._measure(encoder_race.LABELS.candidates, Watch())
    assert list(works) == ["ct2", "float32", "bfloat16"]  # another result


def test_streams_let_their_models_go(run, tiny_gpt2):
    run("generate", "a", "-m", tiny_gpt2, "-n", "1", "--engine", "ct2")  # converted
    code = (
        "from llmcli.engines.choose import Purpose, load\n"
        "from llmcli.decoding.request import Request\n"
        "from llmcli.spec import Decoding, ModelSpec\n"
        "for _ in range(25):\n"
        f"    loaded = load(ModelSpec({str(tiny_gpt2)!r}, engine='ct2'), Purpose(('causal',)))\n"
        "    request = Request([[5, 6], [7]], [9, 9], frozenset([0]), live=True)\n"
        "    steps = list(loaded.engine.decode(request, Decoding()))\n"
        "    assert len(steps) > 2\n"
        "    del loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


LIGHT = [
    ("generate", "Once upon a time", "-n", "5"),
    ("classify", "What a wonderful film!"),
    ("embed", "hello"),
    ("fill", "the [MASK] sat"),
    ("answer", "Who?", "--context", "Tom ran."),
    ("translate", "-t", "en", "我明天要去看电影。"),
    ("evaluate", "--task", "causal-lm", "-i", "tom.txt"),
]


def test_with_a_starter_neither_torch_nor_transformers_is_imported(monkeypatch, tmp_path):
    monkeypatch.setenv("LLMCLI_ENGINE", "auto")
    (tmp_path / "tom.txt").write_text("Tom ran.")
    code = (  # a command that ends well returns nothing, others an exit code
        "import sys\n"
        "from llmcli.cli.main import main\n"
        f"for words in {LIGHT * 2!r}:\n"  # the first time, the model is converted
        "    assert not main([*words, '-q'], standalone_mode=False), words\n"
        "    assert not {'torch', 'transformers'} & set(sys.modules), words\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
