"""Networks of the tiny families as transformers loads them, for tests that need no study."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tests.interpretability.families import TARGET, TEXT, Family


@cache
def varied_network(kind: str, folder: Path) -> tuple[Any, dict[str, Any]]:
    """A network in float32, and inputs: TEXT, and the start of TARGET.

    Its biases and norms are moved away from 0 and 1, where random models have them: a sum that
    leaves them out would hold there.
    """
    import torch
    import transformers

    names = {"causal": "CausalLM", "masked": "MaskedLM", "seq2seq": "Seq2SeqLM"}
    loader = getattr(transformers, f"AutoModelFor{names[kind]}")
    network = loader.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    generator = torch.Generator().manual_seed(5)
    for parameter in network.parameters():
        parameter.data += torch.randn(parameter.shape, generator=generator) * 0.1
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    inputs = dict(tokenizer(TEXT, return_tensors="pt"))
    if kind == "seq2seq":
        start = torch.tensor([[network.config.decoder_start_token_id]])
        target = tokenizer(text_target=TARGET, return_tensors="pt")["input_ids"][:, :5]
        inputs["decoder_input_ids"] = torch.cat([start, target], 1)
    if kind != "masked":
        inputs["use_cache"] = False
    return network.eval().requires_grad_(False), inputs


def network_of(family: Family, folder_of: Callable[[str], Path]) -> tuple[Any, dict[str, Any]]:
    """`varied_network` of a family, by the fixture `family_folder`."""
    return varied_network(family.kind, folder_of(family.name))
