"""The transformers script for llmcli tag."""

from llmcli.errors import UsageError
from llmcli.inference.tag_schemes import scheme_of
from llmcli.inference.words import given_words, running_words
from llmcli.models.starters import TAG, choose_model
from llmcli.spec import ModelSpec
from llmcli.spec.tasks import TagOptions
from llmcli.tasks.show_code.load import load_lines, local_config

_WORDS = """
text = {text}
words = {words}  # start and end of each
inputs = tokenizer(text, return_offsets_mapping=True, split_special_tokens=True, \
return_tensors="pt")
offsets = inputs.pop("offset_mapping")[0].tolist()

with torch.no_grad():
    scores = model(**inputs.to(model.device)).logits[0].softmax(-1)  # (T, L)

entities, label = [], "O"
for start, end in words:
    first = next(
        at
        for at, (a, b) in enumerate(offsets)
        if a < b and start <= a + len(text[a:b]) - len(text[a:b].lstrip()) < end
    )
    score, best = scores[first].max(-1)
    before, tag = label, model.config.id2label[int(best)]
    label = tag[2:] if tag[:2] in ("B-", "I-") else tag
    if label == before != "O" and {continues}:
        entities[-1][2] = end
        entities[-1][3].append(float(score))
    elif label != "O":
        entities.append([label, start, end, [float(score)]])

for label, start, end, scores in entities:
    score = sum(scores) / len(scores)
    print(f"{{text[start:end]}}\\t{{label}}\\t{{score:.4f}}\\t{{start}}-{{end}}")
"""

_PIPELINE = """
from transformers import pipeline

text = {text}
tagger = pipeline(
    "token-classification", model=model, tokenizer=tokenizer, aggregation_strategy={strategy}
)
for entity in tagger(text):
    label = entity.get("entity_group", entity.get("entity"))
    start, end = entity["start"], entity["end"]
    print(f"{{text[start:end]}}\\t{{label}}\\t{{entity['score']:.4f}}\\t{{start}}-{{end}}")
"""


def tag_code(model: ModelSpec, options: TagOptions, text: str) -> str:
    """A script that prints the entities of a text that the model can read whole.

    Raises UsageError without a model, and for tags that mark the end of an entity.
    """
    model = choose_model(model, TAG)
    loading = load_lines(model, "AutoModelForTokenClassification")
    if options.aggregation != "word":
        return loading + _PIPELINE.format(text=repr(text), strategy=repr(options.aggregation))
    config = local_config(model) or {}
    scheme = scheme_of(set((config.get("id2label") or {}).values()))
    if scheme.name == "BIOES" or scheme.is_suffix:
        raise UsageError("`show_code` covers BIO and bare tags: try `aggregation`=none")
    words = (given_words(text) if options.words else None) or running_words(text)
    return loading + _WORDS.format(
        text=repr(text),
        words=list(words.spans),
        continues='tag[:2] != "B-"' if scheme.marks_entities else "False",
    )
