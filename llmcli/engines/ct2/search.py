"""Beam search with CTranslate2: rows are divided into parts, which its streams translate."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llmcli.decoding.request import Request
from llmcli.decoding.steps import Hypothesis
from llmcli.engines.ct2.waiting import wait_for
from llmcli.spec import Decoding

# CTranslate2 stops a search when as many hypotheses as beams have ended, transformers when no open
# one can be better: of 300 translations by opus-mt-en-fr, 274 were the same with a patience of 1,
# 298 with 1.5, and all with 2.
PATIENCE = 2
MOST_STREAMS = 4  # each has its own logits in memory
PART = 2048  # tokens of sources, times beams, up to which a stream is no slower with fewer
LEAST = 4  # rows of a part, each of which has several beams
JOINED = 3  # times the lowest limit of a part that its highest may be


def streams_of(threads: int) -> int:
    """How many batches are translated at the same time, by equally many threads each.

    The layers of a step are short: threads that share them wait for each other much of the time.
    The number is the one that leaves the fewest threads without work.

    >>> [streams_of(threads) for threads in (1, 2, 4, 6, 7, 16)]
    [1, 2, 4, 3, 3, 4]
    """
    counts = range(min(2, threads), min(MOST_STREAMS, threads) + 1)
    return max(counts, key=lambda count: (count * (threads // count), count))


def search(model: Any, streams: int, request: Request, options: Decoding) -> list[list[Hypothesis]]:
    """Beam search with a sequence-to-sequence model, as `Engine.search` describes it.

    model: a Translator of ctranslate2 with so many streams. Rows of one part share a limit, the
    highest of theirs. One whose text became longer than its own limit is searched for again.
    """
    texts: list[list[Hypothesis]] = [[Hypothesis((), 0.0, False)] for _ in request.limits]
    rows = [row for row, limit in enumerate(request.limits) if limit > _forced(request)]
    divided = parts(request, rows, streams, options.beams)
    again = []
    for row, hypotheses, limit in _searched(model, request, options, divided):
        own = request.limits[row]
        longest = max(len(each.tokens) + each.ended for each in hypotheses)
        if longest > own and limit > own:
            again.append(row)
        texts[row] = hypotheses
    for limit in sorted({request.limits[row] for row in again}):
        part = [row for row in again if request.limits[row] == limit]
        for row, hypotheses, _ in _searched(model, request, options, [part]):
            texts[row] = hypotheses
    return texts


def parts(request: Request, rows: Sequence[int], streams: int, beams: int) -> list[list[int]]:
    """The rows that are searched for together, the longest sources first.

    All streams get about as many tokens, and the limits of a part differ by the factor JOINED at
    most: a text that does not end must not hold up much shorter ones.
    """
    sources = request.sources or ()
    ordered = sorted(rows, key=lambda row: (-request.limits[row], -len(sources[row]), row))
    joined: list[list[int]] = []
    for row in ordered:
        if not joined or request.limits[joined[-1][0]] > JOINED * request.limits[row]:
            joined.append([])
        joined[-1].append(row)
    if streams == 1:
        return joined
    sizes = {row: len(sources[row]) * beams for row in rows}
    return [part for group in joined for part in _divided(group, sizes, streams)]


def _divided(rows: Sequence[int], sizes: Mapping[int, int], streams: int) -> Iterator[list[int]]:
    """Rows in parts of about equally many tokens, as many for each stream."""
    tokens = sum(sizes[row] for row in rows)
    rounds = max(1, -(-tokens // (PART * streams)))
    count = max(1, min(rounds * streams, len(rows) // LEAST))
    part: list[int] = []
    passed = made = 0
    for row in rows:
        part.append(row)
        passed += sizes[row]
        if passed * count >= tokens * (made + 1):
            yield part
            part, made = [], made + 1


def _searched(
    model: Any, request: Request, options: Decoding, divided: Sequence[Sequence[int]]
) -> Iterator[tuple[int, list[Hypothesis], int]]:
    """Row, hypotheses, and the limit that it was searched for with, in any order."""
    submitted = []
    for part in divided:
        limit = max(request.limits[row] for row in part)
        submitted.append((part, limit, _submit(model, request, options, part, limit)))
    for part, limit, results in submitted:
        for row, result in zip(part, wait_for(results, model), strict=True):
            yield row, _hypotheses(result, request, limit), limit


def _submit(
    model: Any, request: Request, options: Decoding, rows: Sequence[int], limit: int
) -> Sequence[Any]:
    """Begin to translate some rows, with this many new tokens at most."""
    rules, sources = request.rules, request.sources or ()
    results: Sequence[Any] = model.translate_batch(
        [words(sources[row]) for row in rows],
        beam_size=options.beams,
        num_hypotheses=options.num_return_sequences,
        patience=1 if rules.early_stopping is True else PATIENCE,
        length_penalty=rules.length_penalty,
        no_repeat_ngram_size=options.no_repeat_ngram_size or 0,
        suppress_sequences=excluded(request),
        end_token=sorted(request.end_tokens),
        return_end_token=True,
        return_scores=True,
        max_input_length=0,
        max_decoding_length=limit - _forced(request),
        min_decoding_length=0,
        asynchronous=True,
    )
    return results


def _forced(request: Request) -> int:
    """1 if the last token is forced, and one token less is searched for; else 0."""
    return len(request.rules.forced_last[:1])


def _hypotheses(result: Any, request: Request, limit: int) -> list[Hypothesis]:
    """What a search has found within a limit.

    A token that a text is forced to end with counts as one, and is certain.
    """
    ends, rules = request.end_tokens, request.rules
    scale = ((limit - _forced(request)) / limit) ** rules.length_penalty
    last = tuple(token for token in rules.forced_last[:1] if token not in ends)
    hypotheses = []
    for found, score in zip(result.hypotheses, result.scores, strict=True):
        tokens = tuple(map(int, found))
        if tokens and tokens[-1] in ends:
            hypotheses.append(Hypothesis(tokens[:-1], score, True))
        else:
            hypotheses.append(Hypothesis(tokens + last, score * scale, False))
    return hypotheses


def excluded(request: Request) -> list[list[str]] | None:
    """The sequences of tokens that are never generated."""
    return [words(sequence) for sequence in request.rules.excluded] or None


def words(ids: Sequence[int]) -> list[str]:
    """The tokens of a converted model, which are ids in digits."""
    return [str(token) for token in ids]
