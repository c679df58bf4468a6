"""The transformers script for llmcli explain."""

from llmcli.errors import UsageError
from llmcli.interpretability.load import DEFAULTS, wanted_kinds
from llmcli.models.architectures import Kind, choose_kind
from llmcli.models.starters import choose_model
from llmcli.spec import ModelSpec
from llmcli.spec.explain import ExplainOptions
from llmcli.tasks.show_code.load import load_lines, local_config

_PASS = """
# Attention functions other than "eager" keep their weights to themselves.
model.set_attn_implementation("eager")
inputs = tokenizer({arguments}, return_tensors="pt").to(model.device)
with torch.no_grad():
    outputs = model(**inputs, output_attentions=True, output_hidden_states=True)
tokens = tokenizer.convert_ids_to_tokens(inputs["input_ids"][0])
print(tokens)

# softmax(QK^T / sqrt(d)) of one head: a row for each token, which says where it looks
layer, head = {layer}, {head}
print(outputs.attentions[layer][0, head])

# The length of each token's state, layer by layer
for number, hidden in enumerate(outputs.hidden_states):
    print(number, hidden[0].norm(dim=-1))
"""
_ENDS: dict[Kind, str] = {
    "causal": """
# Surprisal in nats: -log p of each token, given those before it
logprobs = outputs.logits[0].log_softmax(-1)
for at, token in enumerate(inputs["input_ids"][0, 1:]):
    print(tokens[at + 1], -logprobs[at, token].item())

# The next token
probabilities, candidates = logprobs[-1].exp().topk(10)
print(list(zip(tokenizer.convert_ids_to_tokens(candidates), probabilities.tolist())))
""",
    "masked": """
# What the model puts at each position
best = outputs.logits[0].softmax(-1).max(-1)
for at, token in enumerate(tokenizer.convert_ids_to_tokens(best.indices)):
    print(tokens[at], token, best.values[at].item())
""",
    "classifier": """
# The labels
for label, probability in enumerate(outputs.logits[0].softmax(-1).tolist()):
    print(model.config.id2label[label], probability)
""",
    "tagger": """
# The tag of each token
for token, label in zip(tokens, outputs.logits[0].argmax(-1).tolist()):
    print(token, model.config.id2label[label])
""",
    "reader": """
# Where the answer begins and ends: a score for each token
for token, start, end in zip(tokens, outputs.start_logits[0], outputs.end_logits[0]):
    print(token, start.item(), end.item())
""",
}
_CLASSES: dict[Kind, str] = {
    "causal": "AutoModelForCausalLM",
    "masked": "AutoModelForMaskedLM",
    "classifier": "AutoModelForSequenceClassification",
    "tagger": "AutoModelForTokenClassification",
    "reader": "AutoModelForQuestionAnswering",
}


def explain_code(model: ModelSpec, text: str, options: ExplainOptions) -> str:
    """A script that records attention and states in one pass, and prints the predictions.

    Raises UsageError for an encoder-decoder, or where a question is missing; ModelUnsuitable where
    the command would. A model that is not on this machine is taken for one of the first kind that
    the settings allow.
    """
    kinds = wanted_kinds(options)
    model = choose_model(model, DEFAULTS[kinds[0]])
    config = local_config(model)
    kind = kinds[0] if config is None else choose_kind(model.model_id, config, kinds)
    if kind not in _ENDS:
        raise UsageError(
            "`show_code` of explain is for models without a decoder of their own: translate has it "
            "for encoder-decoders"
        )
    if kind == "reader" and options.question is None:
        raise UsageError("an answer model reads a question about the text: give `question`")
    arguments = repr(text) if options.question is None else f"{options.question!r}, {text!r}"
    layer, head = (*options.layers, 0)[0], (*options.heads, 0)[0]
    steps = _PASS.format(arguments=arguments, layer=layer, head=head)
    return load_lines(model, _CLASSES[kind]) + steps + _ENDS[kind]
