"""The transformers script for llmcli fill."""

from llmcli.errors import UsageError
from llmcli.models.architectures import choose_kind
from llmcli.models.starters import FILL, choose_model
from llmcli.spec import ModelSpec
from llmcli.spec.tasks import FillOptions
from llmcli.tasks.show_code.load import load_lines, local_config

_FILL = """
text = {text}
for spelling in ("[MASK]", "<mask>"):
    text = text.replace(spelling, tokenizer.mask_token)
inputs = tokenizer(text, return_tensors="pt").to(model.device)
gaps = (inputs["input_ids"][0] == tokenizer.mask_token_id).nonzero()[:, 0].tolist()

with torch.no_grad():
    logprobs = model(**inputs).logits[0].log_softmax(-1)  # (T, V)

for gap in gaps:
{show}
"""

_TOP = """\
    for token in logprobs[gap].topk({top}).indices.tolist():
        word = tokenizer.decode([token]).strip()
        print(f"{{word}}\\t{{logprobs[gap, token].exp():.4g}}")"""

_TARGETS = """\
    for word in {targets}:
        spellings = [
            tokenizer(form, add_special_tokens=False)["input_ids"] for form in (" " + word, word)
        ]
        token, = min(spellings, key=len)
        print(f"{{word}}\\t{{logprobs[gap, token].exp():.4g}}")"""

_JOINT = """
# The gaps together, from left to right, each given those before it
beams = [(0.0, inputs["input_ids"])]
for gap in gaps:
    longer = []
    for score, ids in beams:
        with torch.no_grad():
            found = model(**{**inputs, "input_ids": ids}).logits[0, gap].log_softmax(-1)
        for token in found.topk(10).indices.tolist():
            filled = ids.clone()
            filled[0, gap] = token
            longer.append((score + found[token].item(), filled))
    beams = sorted(longer, key=lambda beam: beam[0], reverse=True)[:10]
print(tokenizer.decode(beams[0][1][0], skip_special_tokens=True))
"""


def fill_code(model: ModelSpec, options: FillOptions, text: str) -> str:
    """A script that prints candidate words for each mask in a text, and the filled text.

    Raises ModelUnsuitable where the command would, UsageError for targets with several masks and
    for targets of several tokens.
    """
    model = choose_model(model, FILL)
    config = local_config(model)
    if config is not None:
        choose_kind(model.model_id, config, ("masked",))
    show = (
        _TARGETS.format(targets=list(options.targets))
        if options.targets
        else _TOP.format(top=options.top)
    )
    has_several_masks = sum(text.count(spelling) for spelling in ("[MASK]", "<mask>")) > 1
    if has_several_masks and options.targets:
        raise UsageError("`show_code` with `targets` takes a text with one gap")
    _require_single_tokens(model, options)
    body = _FILL.format(text=repr(text), show=show)
    return load_lines(model, "AutoModelForMaskedLM") + body + (_JOINT if has_several_masks else "")


def _require_single_tokens(model: ModelSpec, options: FillOptions) -> None:
    """Raise UsageError for a target of several tokens, if the model is on this machine."""
    if not options.targets or local_config(model) is None:
        return
    from llmcli.engines.pytorch.loading import load_tokenizer
    from llmcli.inference.gaps import target_tokens

    tokenizer = load_tokenizer(model)
    for word in options.targets:
        if len(target_tokens(tokenizer, word)) > 1:
            raise UsageError(f"`show_code` takes `targets` of one token; {word!r} has more")
