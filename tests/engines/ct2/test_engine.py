"""The ct2 engine beside the torch engine, and used by several threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from llmcli.decoding.request import Request
from llmcli.engines.choose import Purpose, load
from llmcli.spec import Decoding, ModelSpec

pytest.importorskip("ctranslate2")
ENGINES = ("torch", "ct2")
PROMPTS = [[5, 6, 7], [8, 9], [40, 41, 42, 43, 44, 45], [100]]


@pytest.fixture(scope="module")
def models(tiny_gpt2, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLMCLI_CACHE", str(tmp_path_factory.mktemp("cache")))
        spec, purpose = str(tiny_gpt2), Purpose(("causal",))
        return {engine: load(ModelSpec(spec, engine=engine), purpose) for engine in ENGINES}


def test_the_logits_of_a_forward_pass_are_those_of_torch(models):
    ids = np.array([[5, 6, 7, 8, 9], [10, 11, 12, 0, 0]])
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    whole = [models[name].engine.forward({"input_ids": ids[:1]}).logits for name in ENGINES]
    assert whole[0].shape == (1, 5, len(models["torch"].tokenizer))
    np.testing.assert_allclose(*whole, atol=1e-4)
    inputs = {"input_ids": ids, "attention_mask": mask}
    padded = [models[name].engine.forward(inputs).logits[mask == 1] for name in ENGINES]
    np.testing.assert_allclose(*padded, atol=1e-4)


@pytest.mark.parametrize("name", ENGINES)
def test_threads_that_share_an_engine_do_not_disturb_each_other(models, name):
    engine = models[name].engine

    def work(at):
        prompt = PROMPTS[at % 4]
        request = Request([prompt], [12], frozenset([0]), live=at % 2 == 0)
        tokens = [step.token for step in engine.decode(request, Decoding())]
        (scores,) = engine.score([[*prompt, *tokens]], [len(tokens)])
        return tokens, scores.round(4).tolist()

    alone = [work(at) for at in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(24))) == alone * 6
