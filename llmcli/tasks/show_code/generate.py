"""The transformers script for llmcli generate."""

from pathlib import Path
from typing import Any

from llmcli.decoding.validation import DEFAULT_NEW_TOKENS, check_decoding
from llmcli.models.architectures import choose_kind, context_length
from llmcli.models.starters import GENERATE, choose_model
from llmcli.spec import Chat, Decoding, ModelSpec
from llmcli.tasks.show_code.load import load_lines, local_config

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
    cut = "".join(f"    text = text.split({stop!r})[0]\n" for stop in decoding.stop)
    return load_lines(model, "AutoModelForCausalLM") + _GENERATE.format(
        prompt=repr(prompt),
        encode=_encode(chat, prompt),
        seed=_SEED.format(seed=decoding.seed)
        if decoding.samples and decoding.seed is not None
        else "",
        arguments="\n".join(f"        {line}," for line in _arguments(decoding, config)),
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


def _arguments(decoding: Decoding, config: dict[str, Any] | None) -> list[str]:
    """The arguments of model.generate, one per line."""
    wanted = decoding.max_new_tokens
    length: int | str = wanted or DEFAULT_NEW_TOKENS
    context = None if config is None else context_length(config)
    if context is not None:
        rest = f'{context} - inputs["input_ids"].shape[1]'
        if wanted == -1:
            length = rest
        elif wanted is None or wanted >= context:
            length = f"min({length}, {rest})"
    lines = [
        f"max_new_tokens={length}",
        f"do_sample={decoding.samples}",
        f"repetition_penalty={decoding.repetition_penalty}",
        "pad_token_id=tokenizer.eos_token_id",
    ]
    if decoding.samples:
        lines += [
            f"temperature={decoding.temperature or 1.0}",
            f"top_k={decoding.top_k or 0}",
            f"top_p={1.0 if decoding.top_p is None else decoding.top_p}",
        ]
    if decoding.samples and decoding.min_p is not None:
        lines.append(f"min_p={decoding.min_p}")
    for name, default in (("num_beams", 1), ("no_repeat_ngram_size", 0)):
        if getattr(decoding, name) != default:
            lines.append(f"{name}={getattr(decoding, name)}")
    if decoding.num_return_sequences > 1:
        lines.append(f"num_return_sequences={decoding.num_return_sequences}")
    if decoding.stop:
        lines += [f"stop_strings={list(decoding.stop)!r}", "tokenizer=tokenizer"]
    return lines
