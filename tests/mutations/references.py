"""What transformers, peft and sentence-transformers answer from the same folder."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.mutations.folders import FRENCH, GAPS, NEW_TOKENS, PROMPT


def reference(kind: str, folder: Path) -> Any:
    """The answer of another library from a folder; None where it refuses, or there is none."""
    answer = REFERENCES.get(kind)
    if answer is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return answer(folder)
        except BaseException as error:  # whatever it fails with, PanicException of Rust included
            if isinstance(error, KeyboardInterrupt):
                raise
            return None


def _continued(folder: Path, model: Any) -> str:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(PROMPT, return_tensors="pt").input_ids
    settings = {"do_sample": False, "num_beams": 1, "max_new_tokens": NEW_TOKENS}
    read = {"skip_special_tokens": True, "clean_up_tokenization_spaces": False}
    whole = str(tokenizer.decode(model.generate(ids, **settings)[0], **read))
    return whole.removeprefix(str(tokenizer.decode(ids[0], **read)))


def _causal(folder: Path) -> str:
    from transformers import AutoModelForCausalLM

    return _continued(folder, AutoModelForCausalLM.from_pretrained(folder).float().eval())


def _adapter(folder: Path) -> str:
    from peft import AutoPeftModelForCausalLM

    model = AutoPeftModelForCausalLM.from_pretrained(folder)
    base = model.peft_config["default"].base_model_name_or_path
    return _continued(Path(base), model.merge_and_unload().float().eval())


def _masked(folder: Path) -> list[tuple[str, float]]:
    import torch
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForMaskedLM.from_pretrained(folder).float().eval()
    inputs = tokenizer(GAPS, return_tensors="pt")
    gap = inputs.input_ids[0].tolist().index(tokenizer.mask_token_id)
    with torch.no_grad():
        best = model(**inputs).logits[0, gap].softmax(-1).topk(5)
    words = [tokenizer.decode([token]) for token in best.indices.tolist()]
    return list(zip(words, best.values.tolist(), strict=True))


def _translated(folder: Path) -> str:
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder).float().eval()
    inputs = tokenizer(FRENCH, return_tensors="pt")
    settings = {"do_sample": False, "num_beams": 1, "max_new_tokens": NEW_TOKENS}
    new = model.generate(**inputs, **settings)[0]
    return str(tokenizer.decode(new, skip_special_tokens=True))


def _vector(folder: Path) -> list[float]:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu", trust_remote_code=False)
    return [float(number) for number in model.encode_document([PROMPT])[0]]


REFERENCES: dict[str, Callable[[Path], Any]] = {
    "causal": _causal,
    "causal on ct2": _causal,
    "trained": _causal,
    "adapter": _adapter,
    "masked": _masked,
    "encoder-decoder": _translated,
    "sentence-transformers": _vector,
}
