"""Examples of a perplexity: rows, and the lines of a document."""

import pytest

from llmcli.data.rows import Row
from llmcli.evaluation.perplexity import line_examples, row_example
from llmcli.inference.batches import process
from llmcli.inference.surprisal import Scoring
from llmcli.spec import AUTO_BATCH
from llmcli.spec.evaluation import EvaluateOptions, PerplexityOptions
from tests.tiny_models import STORY

OPTIONS = EvaluateOptions("causal-lm")


def score(loaded, text, **settings):
    return process(Scoring(loaded, PerplexityOptions(**settings)), [Row(1, text)], AUTO_BATCH)


def test_the_lines_of_a_document_add_up_to_it(gpt2):
    text = f"\n{STORY}\n\nThe end.\nSo it was, 我明天. \n"
    (text_score,) = score(gpt2, text)
    lines = line_examples(text_score, text_score.nats)
    assert [line.number for line in lines] == [1, 5, 6]
    whole = row_example(text_score, text_score.nats, OPTIONS).predicted
    assert sum(line.predicted.nats for line in lines) == pytest.approx(whole.nats)
    assert sum(line.predicted.tokens for line in lines) == whole.tokens == len(text_score.nats)
    assert sum(line.predicted.words for line in lines) == whole.words == len(text.split())
    assert sum(line.predicted.bytes for line in lines) == whole.bytes == len(text.encode())


def test_a_token_without_context_is_not_counted(gpt2):
    (text_score,) = score(gpt2, "the cat sat", bos=False)
    first = gpt2.tokenizer.decode(gpt2.tokenizer("the cat sat")["input_ids"][:1])
    surprisal = row_example(text_score, text_score.nats, OPTIONS).predicted
    assert surprisal.bytes == len("the cat sat") - len(first)
