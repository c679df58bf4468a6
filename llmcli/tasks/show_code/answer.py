"""The transformers script for llmcli answer."""

from llmcli.inference.generated_answers import DECODING
from llmcli.inference.prompts import CHAT, PLAIN, SEQ2SEQ
from llmcli.models.architectures import Kind, choose_kind
from llmcli.models.starters import ANSWER, choose_model
from llmcli.spec import ModelSpec
from llmcli.spec.tasks import AnswerOptions
from llmcli.tasks.show_code.load import (
    load_lines,
    local_config,
    local_settings,
    unset_arguments,
)

_EXTRACT = """
question = {question}
context = {context}
inputs = tokenizer(
    question, context, truncation="only_second", return_offsets_mapping=True, return_tensors="pt"
)
offsets = inputs.pop("offset_mapping")[0].tolist()
in_context = torch.tensor([part == 1 for part in inputs.sequence_ids(0)])

with torch.no_grad():
    out = model(**inputs.to(model.device))

# Start and end are scored together; the end is not before the start, and not far behind it
scores = out.start_logits[0][:, None] + out.end_logits[0][None, :]  # (T, T)
valid = (in_context[:, None] & in_context[None, :]).triu().tril({longest})
scores = scores.cpu().masked_fill(~valid, float("-inf"))

for index in scores.flatten().topk({top}).indices.tolist():
    start, end = divmod(index, len(scores))
    print(context[offsets[start][0]:offsets[end][1]].strip())
"""

_GENERATE = """
question = {question}
context = {context}
prompt = {form}
{inputs}
with torch.no_grad():
    output = model.generate(**inputs, max_new_tokens={longest}, do_sample=False{greedy})
{show}"""

_CHAT_INPUTS = """\
inputs = tokenizer.apply_chat_template(
    [{"role": "user", "content": prompt}],
    add_generation_prompt=True, return_tensors="pt", return_dict=True,
).to(model.device)
"""
_PLAIN_INPUTS = 'inputs = tokenizer(prompt, return_tensors="pt").to(model.device)\n'

_SHOW_NEW = """\
new = output[0, inputs["input_ids"].shape[1]:]
text = tokenizer.decode(new, skip_special_tokens=True).rstrip("\ufffd")
print(text.strip(){line})
"""
_SHOW_ALL = "print(tokenizer.decode(output[0], skip_special_tokens=True).strip())\n"


def answer_code(model: ModelSpec, options: AnswerOptions, question: str, context: str) -> str:
    """A script that prints the answers to a question about a text, best first.

    Raises ModelUnsuitable where the command would. A model that is not on this machine is assumed
    to be extractive.
    """
    model = choose_model(model, ANSWER)
    config = local_config(model)
    kinds: tuple[Kind, ...] = ("reader", "causal", "seq2seq")
    kind = "reader" if config is None else choose_kind(model.model_id, config, kinds)
    texts = {"question": repr(question), "context": repr(context)}
    if kind == "reader":
        body = _EXTRACT.format(**texts, longest=options.max_answer_tokens - 1, top=options.top)
        return load_lines(model, "AutoModelForQuestionAnswering") + body
    unset = unset_arguments(local_settings(model), DECODING)
    greedy = "".join(f", {argument}" for argument in ("num_beams=1", *unset))
    if kind == "seq2seq":
        parts = {
            "form": _f_string(SEQ2SEQ),
            "inputs": _PLAIN_INPUTS,
            "show": _SHOW_ALL,
            "greedy": greedy,
        }
        auto_class = "AutoModelForSeq2SeqLM"
    else:
        auto_class = "AutoModelForCausalLM"
        chat = _has_chat_template(model)
        parts = {
            "greedy": greedy,
            "form": _f_string(CHAT if chat else PLAIN),
            "inputs": _CHAT_INPUTS if chat else _PLAIN_INPUTS,
            "show": _SHOW_NEW.format(line="" if chat else '.split("\\n")[0]'),
        }
    body = _GENERATE.format(**texts, **parts, longest=options.max_answer_tokens)
    return load_lines(model, auto_class) + body


def _f_string(template: str) -> str:
    """A format template as the source code of an f-string."""
    return f"f{template!r}"


def _has_chat_template(model: ModelSpec) -> bool:
    from llmcli.engines.pytorch.loading import load_tokenizer

    return bool(load_tokenizer(model).chat_template)
