"""The transformers script for llmcli classify."""

from typing import Any

from llmcli.models.architectures import Kind, choose_kind
from llmcli.models.starters import CLASSIFY, ENTAILMENT, choose_model
from llmcli.spec import ModelSpec
from llmcli.spec.tasks import ClassifyOptions
from llmcli.tasks.classify import check_options
from llmcli.tasks.show_code.load import load_lines, local_config

_CLASSIFY = """
text = {text}
inputs = tokenizer({texts}, return_tensors="pt").to(model.device)

with torch.no_grad():
    logits = model(**inputs).logits[0]

scores = {scores}
labels = [model.config.id2label[at] for at in range(len(scores))]
"""

_ENTAILMENT = """
text = {text}
labels = {labels}
hypotheses = [{template}.replace("{{}}", label) for label in labels]
inputs = tokenizer([text] * len(labels), hypotheses, padding=True, return_tensors="pt")

with torch.no_grad():
    logits = model(**inputs.to(model.device)).logits

names = [model.config.id2label[at].lower() for at in range(logits.shape[1])]
entails = next(at for at, name in enumerate(names) if name.startswith("entail"))
{scores}
"""

_MULTI_LABEL = """\
against = next(
    at for at, name in enumerate(names) if name.startswith(("contra", "not_entail"))
)
scores = logits[:, [against, entails]].softmax(-1)[:, 1]"""

_LIKELIHOOD = """
text = {text}
labels = {labels}
endings = [
    tokenizer("\\n" + {template}.replace("{{}}", label), add_special_tokens=False)["input_ids"]
    for label in labels
]
before = tokenizer(text)["input_ids"]
shared = 0  # tokens that all endings begin with
while len({{ending[shared] for ending in endings}}) == 1 and shared < min(map(len, endings)) - 1:
    shared += 1

sums = []
for ending in endings:
    ids = torch.tensor([before + ending], device=model.device)
    with torch.no_grad():
        logprobs = model(ids).logits[0, :-1].log_softmax(-1)
    came = ids[0, 1:, None]
    sums.append(logprobs.gather(-1, came)[len(before) + shared - 1:].sum())
scores = torch.stack(sums).softmax(-1)
"""

_SHOW = """
for at in scores.argsort(descending=True){top}:
    print(f"{{labels[at]}}\\t{{scores[at]:.4g}}")
"""


def classify_code(model: ModelSpec, options: ClassifyOptions, text: str, pair: str | None) -> str:
    """A script that prints the labels of a text with their scores, best first.

    Raises UsageError where the command would; ModelUnsuitable too, if the model is on this
    machine.
    """
    check_options(options)
    model = choose_model(model, ENTAILMENT if options.labels else CLASSIFY)
    config = local_config(model)
    kinds: tuple[Kind, ...] = ("classifier", "causal") if options.labels else ("classifier",)
    kind = "classifier" if config is None else choose_kind(model.model_id, config, kinds)
    top = "" if options.top is None else f"[:{options.top}]"
    if kind == "causal":
        body = _LIKELIHOOD.format(
            text=repr(text), labels=list(options.labels), template=repr(options.hypothesis_template)
        )
        return load_lines(model, "AutoModelForCausalLM") + body + _SHOW.format(top=top)
    if options.labels:
        body = _ENTAILMENT.format(
            text=repr(text),
            labels=list(options.labels),
            template=repr(options.hypothesis_template),
            scores=_MULTI_LABEL
            if options.multi_label
            else "scores = logits[:, entails].softmax(-1)",
        )
    else:
        texts = "text" if pair is None else f"text, {pair!r}"
        body = _CLASSIFY.format(
            text=repr(text), texts=texts, scores=_scores(config, options.multi_label)
        )
    return load_lines(model, "AutoModelForSequenceClassification") + body + _SHOW.format(top=top)


def _scores(config: dict[str, Any] | None, multi_label: bool) -> str:
    """The expression that turns logits into scores, which depends on the configuration."""
    config = config or {}
    problem = config.get("problem_type")
    outputs = len(config.get("id2label") or (0, 0))
    if multi_label or problem == "multi_label_classification":
        return "logits.sigmoid()"
    if problem == "regression":
        return "logits"
    return "logits.sigmoid()" if outputs == 1 else "logits.softmax(-1)"
