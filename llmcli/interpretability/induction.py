"""The standard test of induction heads: random tokens, written twice."""

import numpy as np
import torch

from llmcli.arrays import Floats
from llmcli.decoding.text_config import text_setting
from llmcli.interpretability.head_kinds import induction_score
from llmcli.interpretability.probe import Captured
from llmcli.interpretability.study import Study

MOST = 25
"""Random tokens; Olsson et al. 2022 take 25 or more."""


def induction(study: Study) -> Floats | None:
    """(L, H): the score of each head; None for a model whose context is too short.

    The tokens are the same in each run, and none is special. What the tokenizer puts in front of a
    text stands before them. Source: Olsson et al. 2022, "prefix matching".
    """
    start = study.side.ids[: study.reading.content.start]
    context = study.loaded.context or 1 << 20
    length = min(MOST, (context - len(start)) // 2)
    if length < 2:
        return None
    tokenizer = study.loaded.tokenizer
    size = text_setting(study.network.config, "vocab_size") or len(tokenizer)
    plain = np.setdiff1d(np.arange(min(size, len(tokenizer))), tokenizer.all_special_ids)
    random = np.random.default_rng(0).choice(plain, length, replace=len(plain) < length).tolist()
    scores: list[Floats] = []

    def visit(captured: Captured) -> None:
        weights = np.asarray(captured.weights[0].cpu().numpy(), np.float32)
        scores.append(induction_score(weights, len(start), length))

    ids = torch.tensor([[*start, *random, *random]], device=study.network.device)
    study.probed(visit, inputs={"input_ids": ids})
    return np.stack(scores) if scores else None
