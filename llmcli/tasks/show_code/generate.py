"""The transformers script for llmcli generate."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from llmcli.decoding.generation_config import with_config
from llmcli.decoding.validation import DEFAULT_NEW_TOKENS, check_decoding
from llmcli.models.architectures import choose_kind, context_length
from llmcli.models.starters import GENERATE, choose_model
from llmcli.spec import Chat, Decoding, ModelSpec
from llmcli.tasks.show_code.load import (
    load_lines,
    local_config,
    local_settings,
    unset_arguments,
)

_GENERATE = """
prompt = {prompt}
{encode}
{seed}with torch.no_grad():
    output = model.generate(
        **inputs,
{arguments}
    )
{show}"""

_SHOW_PLAIN = """\
start = len(tokenizer.decode(inputs["input_ids"][0], skip_special_tokens=True))
for ids in output:
    text = tokenizer.decode(ids, skip_special_tokens=True)[start:].rstrip("\ufffd")
{cut}    print(prompt + text)
"""

_SHOW_CHAT = """\
for ids in output[:, inputs["input_ids"].shape[1]:]:
    text = tokenizer.decode(ids, skip_special_tokens=True).rstrip("\ufffd")
{cut}    print(text)
"""

_SEED = """\
torch.manual_seed({seed})  # repeatable; llmcli draws other numbers from its seed
"""


def generate_code(model: ModelSpec, decoding: Decoding, chat: Chat, prompt: str) -> str:
    """A script that prints what `llmcli generate` prints for one prompt.

    With sampling, the text differs: transformers uses another sequence of random numbers.
    Raises UsageError and ModelUnsuitable where the command would, except for errors that cannot be
    detected without downloading the model.
    """
    model = choose_model(model, GENERATE)
    check_decoding(decoding)
    config = local_config(model)
    if config is not None:
        choose_kind(model.model_id, config, ("causal",))
    own = local_settings(model)
    settled = with_config(decoding, SimpleNamespace(**own))
    cut = "".join(f"    text = text.split({stop!r})[0]\n" for stop in settled.stop)
    return load_lines(model, "AutoModelForCausalLM") + _GENERATE.format(
        prompt=repr(prompt),
        encode=_encode(chat, prompt),
        seed=_SEED.format(seed=decoding.seed)
        if decoding.samples and decoding.seed is not None
        else "",
        arguments="\n".join(
            f"        {line}," for line in _arguments(decoding, config, own, settled)
        ),
        show=(_SHOW_CHAT if chat.is_on else _SHOW_PLAIN).format(cut=cut),
    )


def _encode(chat: Chat, prompt: str) -> str:
    """The lines that tokenize the prompt, through the chat template if it is used."""
    if not chat.is_on:
        text = "prompt" if prompt else "tokenizer.bos_token"
        return f'inputs = tokenizer({text}, return_tensors="pt").to(model.device)'
    system = "" if chat.system is None else f'{{"role": "system", "content": {chat.system!r}}}, '
    template = ""
    if chat.chat_template is not None:
        path = Path(chat.chat_template)
        source = path.read_text(encoding="utf-8") if path.is_file() else chat.chat_template
        template = f"    chat_template={source!r},\n"
    return (
        f'messages = [{system}{{"role": "user", "content": prompt}}]\n'
        f"inputs = tokenizer.apply_chat_template(\n{template}"
        '    messages, add_generation_prompt=True, return_tensors="pt", return_dict=True\n'
        ").to(model.device)"
    )


def _arguments(
    decoding: Decoding, config: dict[str, Any] | None, own: dict[str, Any], settled: Decoding
) -> list[str]:
    """The arguments of model.generate, one per line.

    own: the model's generation_config.json. settled: the decoding with it.
    """
    lines = [
        f"max_new_tokens={_length(decoding, config, own)}",
        f"do_sample={settled.samples}",
        f"repetition_penalty={settled.penalty}",
        "pad_token_id=tokenizer.eos_token_id",
    ]
    if config is not None and own.get("eos_token_id", config.get("eos_token_id")) is None:
        lines.append("eos_token_id=tokenizer.eos_token_id")
    if settled.samples:
        lines += [
            f"temperature={settled.temperature or 1.0}",
            f"top_k={settled.top_k or 0}",
            f"top_p={1.0 if settled.top_p is None else settled.top_p}",
        ]
    if settled.samples and settled.min_p is not None:
        lines.append(f"min_p={settled.min_p}")
    if settled.beams != (own.get("num_beams") or 1):
        lines.append(f"num_beams={settled.beams}")
    if (settled.no_repeat_ngram_size or 0) != (own.get("no_repeat_ngram_size") or 0):
        lines.append(f"no_repeat_ngram_size={settled.no_repeat_ngram_size}")
    if settled.num_return_sequences != (own.get("num_return_sequences") or 1):
        lines.append(f"num_return_sequences={settled.num_return_sequences}")
    if settled.stop:
        lines += [f"stop_strings={list(settled.stop)!r}", "tokenizer=tokenizer"]
    return lines + unset_arguments(own, decoding, stops=True)


def _length(decoding: Decoding, config: dict[str, Any] | None, own: dict[str, Any]) -> int | str:
    """The value of max_new_tokens, in Python."""
    wanted = decoding.max_new_tokens
    prompt = 'inputs["input_ids"].shape[1]'
    length: int | str = wanted or own.get("max_new_tokens") or DEFAULT_NEW_TOKENS
    if not wanted and not own.get("max_new_tokens") and own.get("max_length"):
        length = f"{own['max_length']} - {prompt}"
    context = None if config is None else context_length(config)
    if context is None:
        return length
    rest = f"{context} - {prompt}"
    if wanted == -1:
        return rest
    is_small = wanted is not None and wanted < context
    return length if is_small else f"min({length}, {rest})"
