"""The transformers script that does what a command does."""

from typing import Any

from llmcli.core import hub
from llmcli.core.checkpoint import context_length, kind_of, read_config, require_kind
from llmcli.core.plan import DEFAULT_NEW_TOKENS, check_decoding
from llmcli.spec import ChatSpec, DecodingSpec, ModelSpec

_LOAD = """\
import torch
from transformers import {auto_class}, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained({source})
model = {auto_class}.from_pretrained({source}, dtype={dtype}).eval(){device}
"""

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
    text = tokenizer.decode(ids, skip_special_tokens=True)[start:]
{cut}    print(prompt + text)
"""

_SHOW_CHAT = """\
for ids in output[:, inputs["input_ids"].shape[1]:]:
    text = tokenizer.decode(ids, skip_special_tokens=True)
{cut}    print(text)
"""

_SEED = """\
torch.manual_seed({seed})  # repeatable; llmcli draws other numbers from its seed
"""

_FORWARD = """
# Input
input_text = {text}
input_ids = tokenizer(input_text, return_tensors="pt")["input_ids"].to(model.device)

# Forward pass
with torch.no_grad():
    outputs = model(input_ids)

# Decoding
predicted_ids = outputs.logits.argmax(-1)
predicted_text = tokenizer.decode(predicted_ids{cut}[0])

print(predicted_text)
"""


def generate_code(spec: ModelSpec, decoding: DecodingSpec, chat: ChatSpec, prompt: str) -> str:
    """A script that prints what `llmcli generate` prints for one prompt.

    Where it samples, its text is another one: transformers draws its random numbers otherwise.
    Raises UsageError and ModelUnsuitable as the command would, as far as can be told without
    fetching the model.
    """
    check_decoding(decoding)
    config = _config(spec)
    if config is not None:
        require_kind(spec.model_id, kind_of(config), ("causal",))
    cut = "".join(f"    text = text.split({stop!r})[0]\n" for stop in decoding.stop)
    return _load(spec, "AutoModelForCausalLM") + _GENERATE.format(
        prompt=repr(prompt),
        encode=_encode(chat, prompt),
        seed=_SEED.format(seed=decoding.seed)
        if decoding.samples and decoding.seed is not None
        else "",
        arguments="\n".join(f"        {line}," for line in _arguments(decoding, config)),
        show=(_SHOW_CHAT if chat.is_on else _SHOW_PLAIN).format(cut=cut),
    )


def forward_code(spec: ModelSpec, text: str) -> str:
    """A script of the article's lines: one forward pass, argmax, decode.

    Raises ModelUnsuitable as the command would. A model that is not on this machine is taken
    to be causal.
    """
    config = _config(spec)
    kind = "causal" if config is None else kind_of(config)
    require_kind(spec.model_id, kind, ("causal", "masked"))
    masked = kind == "masked"
    auto_class = "AutoModelForMaskedLM" if masked else "AutoModelForCausalLM"
    return _load(spec, auto_class) + _FORWARD.format(
        text=repr(text), cut="" if masked else "[:, :-1]"
    )


def _encode(chat: ChatSpec, prompt: str) -> str:
    if not chat.is_on:
        text = "prompt" if prompt else "tokenizer.bos_token"
        return f'inputs = tokenizer({text}, return_tensors="pt").to(model.device)'
    system = "" if chat.system is None else f'{{"role": "system", "content": {chat.system!r}}}, '
    return (
        f'messages = [{system}{{"role": "user", "content": prompt}}]\n'
        "inputs = tokenizer.apply_chat_template(\n"
        '    messages, add_generation_prompt=True, return_tensors="pt", return_dict=True\n'
        ").to(model.device)"
    )


def _load(spec: ModelSpec, auto_class: str) -> str:
    dtype = "float32" if spec.dtype == "auto" else spec.dtype
    return _LOAD.format(
        auto_class=auto_class,
        source=_source(spec),
        dtype=f"torch.{dtype}",
        device="" if spec.device == "auto" else f".to({spec.device!r})",
    )


def _source(spec: ModelSpec) -> str:
    """The arguments of from_pretrained; a hub id stays as it is."""
    checkpoint = hub.resolve_local(spec)
    source = repr(spec.model_id) if checkpoint is None else repr(str(checkpoint.folder))
    if checkpoint is not None and checkpoint.gguf_file:
        source += f", gguf_file={checkpoint.gguf_file!r}"
    if spec.revision:
        source += f", revision={spec.revision!r}"
    if spec.trust_remote_code:
        source += ", trust_remote_code=True"
    return source


def _config(spec: ModelSpec) -> dict[str, Any] | None:
    """The configuration of a model that is on this machine; nothing is fetched."""
    checkpoint = hub.resolve_local(spec) or hub.cached_checkpoint(spec)
    if checkpoint is None or checkpoint.gguf_file:
        return None
    return read_config(checkpoint)


def _arguments(decoding: DecodingSpec, config: dict[str, Any] | None) -> list[str]:
    length: int | str = decoding.max_new_tokens or DEFAULT_NEW_TOKENS
    context = None if config is None else context_length(config)
    if decoding.max_new_tokens is None and context is not None:
        length = f'min({length}, {context} - inputs["input_ids"].shape[1])'
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
