"""Tours of the starters, which tests share: a step is computed once."""

from functools import cache
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from llmcli.interpretability.tour.tour import Tour
from llmcli.models import hub
from llmcli.spec import ModelSpec
from llmcli.tasks.learn import learn, load

ENGLISH = "I'll go to the movies tomorrow."
"""What the starter makes of the article's sentence."""


@cache
def article_tour() -> Tour:
    """The tour of the article's sentence by the starters."""
    return learn(load(None))


@cache
def reference() -> Any:
    """The starter as transformers runs it, with eager attention; its outputs for the sentence."""
    folder = hub.resolve(ModelSpec("gpt2-stories")).path
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    ids = AutoTokenizer.from_pretrained(folder)(ENGLISH, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        outputs = model(ids, output_attentions=True, output_hidden_states=True, use_cache=False)
    return model, ids[0].tolist(), outputs


def softmax(values: Any) -> Any:
    exponentials = np.exp(np.asarray(values, np.float64))
    return exponentials / exponentials.sum(-1, keepdims=True)
