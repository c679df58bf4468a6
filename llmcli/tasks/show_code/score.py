"""The transformers script for llmcli score."""

from llmcli.errors import UsageError
from llmcli.models.architectures import choose_kind
from llmcli.models.starters import GENERATE, choose_model
from llmcli.spec import ModelSpec
from llmcli.spec.tasks import ScoreOptions
from llmcli.tasks.show_code.load import load_lines, local_config

LONG = 500  # characters; a longer text may be longer than a model's context

_CAUSAL = """
ids = tokenizer({text}, add_special_tokens=False)["input_ids"]
{start}
with torch.no_grad():
    logits = model(torch.tensor([ids], device=model.device)).logits[0]
logprobs = logits.log_softmax(-1)  # (T, V); row t predicts token t + 1
surprisals = [-logprobs[at, token].item(){unit} for at, token in enumerate(ids[1:])]
ids = ids[1:]
"""

_BLOCKS = """
ids = tokenizer({text}, add_special_tokens=False)["input_ids"]
{start}
block = {block}
stride = {stride}
surprisals = []
begin, first = 0, 1
while True:
    part = ids[begin : begin + block]
    with torch.no_grad():
        logits = model(torch.tensor([part], device=model.device)).logits[0]
    logprobs = logits.log_softmax(-1)  # (T, V); row t predicts token t + 1
    surprisals += [-logprobs[at - 1, part[at]].item(){unit} for at in range(first, len(part))]
    if begin + len(part) == len(ids):
        break
    begin, first = begin + len(part) + stride - block, block - stride
ids = ids[1:]
"""

_START = """\
if tokenizer.bos_token_id is not None and ids[:1] != [tokenizer.bos_token_id]:
    ids = [tokenizer.bos_token_id, *ids]  # so that the first token is predicted, too"""

_MASKED = """
inputs = tokenizer({text}, return_tensors="pt", return_special_tokens_mask=True)
special = inputs.pop("special_tokens_mask")[0]
inputs = inputs.to(model.device)
ids, surprisals = [], []
for at in (special == 0).nonzero()[:, 0].tolist():
    masked = inputs["input_ids"].clone()
    token = masked[0, at].item()
    masked[0, at] = tokenizer.mask_token_id
    with torch.no_grad():
        logits = model(**{{**inputs, "input_ids": masked}}).logits[0, at]
    ids.append(token)
    surprisals.append(-logits.log_softmax(-1)[token].item(){unit})
"""

_TARGET = """{language}
inputs = tokenizer({source}, text_target={text}, return_tensors="pt").to(model.device)
with torch.no_grad():
    logits = model(**inputs).logits[0]
logprobs = logits.log_softmax(-1)  # (T, V); row t predicts token t
ids = inputs["labels"][0].tolist()
surprisals = [-logprobs[at, token].item(){unit} for at, token in enumerate(ids)]
"""

_SHOW = """
for token, surprisal in zip(ids, surprisals):
    print(f"{{tokenizer.decode([token])!r}}\\t{{surprisal:.4f}}")
total, mean = sum(surprisals), sum(surprisals) / len(surprisals)
print(f"{{total:.4f}}\\t{{mean:.4f}}\\t{{{base} ** mean:.4f}}")
"""
CLASSES = {
    "causal": "AutoModelForCausalLM",
    "masked": "AutoModelForMaskedLM",
    "seq2seq": "AutoModelForSeq2SeqLM",
}


def score_code(model: ModelSpec, options: ScoreOptions, text: str, source: str | None) -> str:
    """A script that prints each token's surprisal, then their sum, their mean and the perplexity.

    Raises ModelUnsuitable where the command would; UsageError for a source that is missing or not
    read, and for blocks of a masked model. A model that is not on this machine is assumed to be
    causal, or with a source an encoder-decoder.
    """
    model = choose_model(model, GENERATE)
    config = local_config(model)
    kind = "causal" if source is None else "seq2seq"
    if config is not None:
        kind = choose_kind(model.model_id, config, ("causal", "masked", "seq2seq"))
    if (kind == "seq2seq") != (source is not None):
        raise UsageError("`pair` goes with an encoder-decoder model, and these models need it")
    unit, base = (" / math.log(2)", "2") if options.unit == "bits" else ("", "math.e")
    body = _body(kind, model, options, text, source).replace("{unit}", unit)
    return "import math\n\n" + load_lines(model, CLASSES[kind]) + body + _SHOW.format(base=base)


def _body(kind: str, model: ModelSpec, options: ScoreOptions, text: str, source: str | None) -> str:
    """The lines that compute the surprisals, with `{unit}` where a unit is chosen."""
    blocks = options.block_size is not None or options.stride is not None
    if kind == "seq2seq":
        return _target(model, options, text, source or "")
    if kind == "masked":
        if blocks:
            raise UsageError(
                "`show_code` scores a masked model's text in one block: leave out `block_size` and "
                "`stride`"
            )
        return _MASKED.format(text=repr(text), unit="{unit}")
    start = "" if options.bos is False else _START
    if not blocks and len(text) <= LONG:
        return _CAUSAL.format(text=repr(text), start=start, unit="{unit}")
    limit = 'getattr(model.config, "max_position_embeddings", None) or 1024'
    return _BLOCKS.format(
        text=repr(text),
        start=start,
        block=options.block_size or f"min({limit}, 1024)",
        stride=options.stride or "block // 2",
        unit="{unit}",
    )


def _target(model: ModelSpec, options: ScoreOptions, text: str, source: str) -> str:
    from llmcli.inference.translation.directions import Direction
    from llmcli.inference.translation.translator import with_tags
    from llmcli.spec.tasks import TranslateOptions
    from llmcli.tasks.show_code.directions import local_direction, source_language_line

    direction, language = Direction(None, None), ""
    if options.from_lang is not None or options.to_lang is not None:
        tags = with_tags(TranslateOptions(options.from_lang, options.to_lang))
        _, direction = local_direction(model, tags.from_lang, tags.to_lang)
        language = source_language_line(direction)
        if direction.target_code is not None and direction.source_code is not None:
            language += f"\ntokenizer.tgt_lang = {direction.target_code!r}"
    return _TARGET.format(
        language=language, source=repr(direction.prefix + source), text=repr(text), unit="{unit}"
    )
