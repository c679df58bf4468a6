"""The transformers script that does what a command does."""

from llmcli.core import hub
from llmcli.core.checkpoint import Checkpoint
from llmcli.spec import ChatSpec, DecodingSpec, ModelSpec
from llmcli.tasks.generate import DEFAULT_NEW_TOKENS

_LOAD = """\
import torch
from transformers import {auto_class}, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained({source})
model = {auto_class}.from_pretrained({source}, dtype={dtype}).eval()
"""

_GENERATE = """
prompt = {prompt}
{encode}
with torch.no_grad():
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

_FORWARD = """
# Input
input_text = {text}
input_ids = tokenizer(input_text, return_tensors="pt")["input_ids"]

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
    """
    script = _load(spec, "AutoModelForCausalLM")
    cut = "".join(f"    text = text.split({stop!r})[0]\n" for stop in decoding.stop)
    script += _GENERATE.format(
        prompt=repr(prompt),
        encode=_encode(chat) if chat.is_on else _ENCODE_PLAIN,
        arguments="\n".join(f"        {line}," for line in _arguments(decoding)),
        show=(_SHOW_CHAT if chat.is_on else _SHOW_PLAIN).format(cut=cut),
    )
    return script


def forward_code(spec: ModelSpec, text: str, *, masked: bool) -> str:
    """A script of the article's lines: one forward pass, argmax, decode."""
    auto_class = "AutoModelForMaskedLM" if masked else "AutoModelForCausalLM"
    return _load(spec, auto_class) + _FORWARD.format(
        text=repr(text), cut="" if masked else "[:, :-1]"
    )


_ENCODE_PLAIN = 'inputs = tokenizer(prompt, return_tensors="pt")'


def _encode(chat: ChatSpec) -> str:
    system = "" if chat.system is None else f'{{"role": "system", "content": {chat.system!r}}}, '
    return (
        f'messages = [{system}{{"role": "user", "content": prompt}}]\n'
        "inputs = tokenizer.apply_chat_template(\n"
        '    messages, add_generation_prompt=True, return_tensors="pt", return_dict=True\n'
        ")"
    )


def _load(spec: ModelSpec, auto_class: str) -> str:
    dtype = "float32" if spec.dtype == "auto" else spec.dtype
    source = _source(spec)
    return _LOAD.format(auto_class=auto_class, source=source, dtype=f"torch.{dtype}")


def _source(spec: ModelSpec) -> str:
    """The arguments of from_pretrained; a hub id stays as it is, and nothing is downloaded."""
    checkpoint: Checkpoint | None = hub.resolve_local(spec)
    if checkpoint is None:
        pinned = f", revision={spec.revision!r}" if spec.revision else ""
        return repr(spec.model_id) + pinned
    gguf = f", gguf_file={checkpoint.gguf_file!r}" if checkpoint.gguf_file else ""
    return repr(str(checkpoint.folder)) + gguf


def _arguments(decoding: DecodingSpec) -> list[str]:
    length: int | str = decoding.max_new_tokens or (
        f"min({DEFAULT_NEW_TOKENS}, model.config.max_position_embeddings"
        ' - inputs["input_ids"].shape[1])'
    )
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
