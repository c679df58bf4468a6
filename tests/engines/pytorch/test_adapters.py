"""LoRA adapters as peft saves them, run by every command: the numbers are peft's own."""

import json

import pytest

from tests.tiny_models import make_adapters

torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # peft's

CASES = {
    "causal": ("tiny_gpt2", "CAUSAL_LM", "AutoModelForCausalLM"),
    "classifier": ("tiny_classifier", "SEQ_CLS", "AutoModelForSequenceClassification"),
    "new head": ("tiny_encoder", "SEQ_CLS", "AutoModelForSequenceClassification"),
    "tagger": ("tiny_masked", "TOKEN_CLS", "AutoModelForTokenClassification"),
    "reader": ("tiny_reader", "QUESTION_ANS", "AutoModelForQuestionAnswering"),
    "encoder": ("tiny_encoder", "FEATURE_EXTRACTION", "AutoModel"),
    "seq2seq": ("tiny_marian", "SEQ_2_SEQ_LM", "AutoModelForSeq2SeqLM"),
}
KINDS = {"new head": "classifier"}


@pytest.fixture(scope="module")
def adapters(request, tmp_path_factory):
    """The folder of adapters by the name of a case; made once."""
    made = {}

    def folder_of(name):
        if name not in made:
            base, task_type, auto_class = CASES[name]
            folder = tmp_path_factory.mktemp("adapters") / name.replace(" ", "-")
            base = request.getfixturevalue(base)
            made[name] = make_adapters(base, folder, task_type, auto_class)
        return made[name]

    return folder_of


@pytest.mark.parametrize("name", list(CASES))
def test_the_outputs_are_those_of_peft(adapters, request, name):
    import transformers

    from llmcli.engines.pytorch.loading import load, load_encoder
    from llmcli.spec import ModelSpec

    base, _, auto_class = CASES[name]
    folder = adapters(name)
    plain = getattr(transformers, auto_class).from_pretrained(request.getfixturevalue(base))
    expected = peft.PeftModel.from_pretrained(plain, folder).eval()
    spec, kind = ModelSpec(str(folder)), KINDS.get(name, name)
    network = (load_encoder(spec) if kind == "encoder" else load(spec, (kind,))).network
    ids = {"input_ids": torch.tensor([[2, 5, 7, 9, 3]])}
    if kind == "seq2seq":
        ids["decoder_input_ids"] = torch.tensor([[1, 4]])
    with torch.inference_mode():
        ours, theirs = network(**ids)[0], expected(**ids)[0]
        unadapted = plain.base_model(**ids)[0] if kind == "encoder" else None
    torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=1e-4)
    assert unadapted is None or not torch.equal(ours, unadapted)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("causal", ["generate", "the cat", "-n", 2]),
        ("causal", ["forward", "the cat"]),
        ("causal", ["tokenize", "the cat"]),
        ("causal", ["classify", "the cat", "--labels", "good,bad"]),
        ("classifier", ["classify", "the cat"]),
        ("new head", ["classify", "the cat"]),
        ("tagger", ["tag", "the cat"]),
        ("reader", ["answer", "who", "--context", "the cat sat"]),
        ("encoder", ["embed", "the cat"]),
        ("seq2seq", ["translate", "the cat"]),
    ],
)
def test_every_command_takes_them(run, adapters, name, words):
    result = run(*words, "-m", adapters(name), "--json")
    assert result.exit_code == 0, result.output
    assert "error" not in json.loads(result.stdout)[0]


def test_evaluate_and_compare_take_them(run, adapters, tiny_gpt2, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("the cat sat on a mat\n")
    words = ("--task", "causal-lm", "-i", path, "--json", "--bootstrap", 0)
    (report,) = json.loads(run("evaluate", "-m", adapters("causal"), *words).stdout)
    (both,) = json.loads(run("compare", tiny_gpt2, adapters("causal"), *words).stdout)
    change = both["metrics"]["perplexity"]
    assert change["b"] == report["metrics"]["perplexity"]["value"] != change["a"]


def test_adapters_may_be_for_adapters(run, adapters, tmp_path):
    """The second ones add to the first: the sum is that of peft, one merged after the other."""
    from transformers import AutoModelForCausalLM

    from llmcli.engines.pytorch.loading import load
    from llmcli.spec import ModelSpec

    first = adapters("causal")
    base = json.loads((first / "adapter_config.json").read_text())["base_model_name_or_path"]
    second = make_adapters(base, tmp_path / "b", "CAUSAL_LM", "AutoModelForCausalLM", r=2)
    settings = json.loads((second / "adapter_config.json").read_text())
    settings["base_model_name_or_path"] = str(first)
    (second / "adapter_config.json").write_text(json.dumps(settings))
    network = AutoModelForCausalLM.from_pretrained(base)
    for folder in (first, second):
        network = peft.PeftModel.from_pretrained(network, folder).merge_and_unload()
    ours = load(ModelSpec(str(second)), ("causal",)).network
    for weight, expected in zip(ours.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(weight, expected)


@pytest.mark.parametrize(
    ("base", "head", "lacking"),
    [
        ("tiny_masked", "SequenceClassification", "lacks bert.pooler.dense.bias"),
        ("tiny_encoder", "", "lacks the weight classifier."),
    ],
)
def test_a_head_that_neither_base_nor_adapters_have_is_refused(
    run, request, tmp_path, base, head, lacking
):
    kind = "SEQ_CLS" if head else "FEATURE_EXTRACTION"
    base = request.getfixturevalue(base)
    folder = make_adapters(base, tmp_path / "a", kind, f"AutoModel{'For' if head else ''}{head}")
    settings = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**settings, "task_type": "SEQ_CLS"}))
    result = run("classify", "the cat", "-m", folder)
    assert (result.exit_code, lacking in result.stderr) == (5, True), result.output
