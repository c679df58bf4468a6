"""The transformers script for llmcli embed."""

from llmcli.errors import UsageError
from llmcli.inference.sentence_modules import Pooling, read_pooling
from llmcli.models import hub
from llmcli.models.architectures import kind_of
from llmcli.models.starters import EMBED, choose_model
from llmcli.spec import ModelSpec
from llmcli.spec.tasks import EmbedOptions
from llmcli.tasks.show_code.load import load_lines, local_config

_EMBED = """
text = {text}
inputs = tokenizer(text, return_tensors="pt").to(model.device)

with torch.no_grad():
    hidden = model(**inputs).last_hidden_state  # (1, T, D)

mask = inputs["attention_mask"][:, :, None]  # (1, T, 1)
vector = {pooled}  # (1, D)
{normalize}print(*(round(value, 8) for value in vector[0].tolist()))
"""

_POOLED = {
    "mean": "(hidden * mask).sum(1) / mask.sum(1)",
    "cls": "hidden[:, 0]",
    "last": "hidden[:, -1]",
    "max": "hidden.amax(1)",
}


def embed_code(model: ModelSpec, options: EmbedOptions, text: str) -> str:
    """A script that prints the embedding of a text.

    Raises UsageError for a checkpoint with steps that the script does not cover. A model that is
    not on this machine is assumed to use mean pooling.
    """
    model = choose_model(model, EMBED)
    checkpoint = hub.resolve_local(model) or hub.cached_checkpoint(model)
    pooling = Pooling() if checkpoint is None else read_pooling(checkpoint)
    modes = pooling.modes if options.pooling is None else (options.pooling,)
    own = pooling.prompt("document", "passage", "corpus")
    prompt = own if options.prompt is None else options.prompt
    is_plain = not pooling.normalized(False).steps and not pooling.token_steps
    is_plain &= pooling.include_prompt or not prompt
    if not is_plain or len(modes) > 1 or modes[0] not in _POOLED:
        raise UsageError(f"`show_code` does not cover all steps of {model.model_id}")
    normalize = pooling.normalize if options.normalize is None else options.normalize
    prompted = prompt + text
    config = local_config(model)
    if config is not None and kind_of(config) == "seq2seq":
        loading = load_lines(model, "AutoModelForSeq2SeqLM", ".get_encoder()")
    else:
        loading = load_lines(model, "AutoModel")
    return loading + _EMBED.format(
        text=repr(prompted.lower() if pooling.lowercase else prompted),
        pooled=_POOLED[modes[0]],
        normalize="vector = torch.nn.functional.normalize(vector)\n" if normalize else "",
    )
