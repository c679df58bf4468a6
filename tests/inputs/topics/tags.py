"""Words and tags, and special tokens in texts."""

import json

from tests.inputs.case import Case

CHECK = "finetune --task token-classification -m {tiny_encoder} --train a.jsonl --check --json -q"
MEASURE = "evaluate --task token-classification --predictions a.jsonl --bootstrap 0"


def learnt(form: str, rows: int = 12, **fields: object) -> Case:
    """A layout of a row that is read."""
    text = "".join(f"{json.dumps(fields)}\n" for _ in range(rows))
    return Case(form=form, files={"a.jsonl": text}, runs=(CHECK,), texts=[""] * rows)


def measured(form: str, tags: str, predicted: str, says: str, code: int = 0) -> Case:
    """Tags with those that were predicted."""
    row = json.dumps({"text": "x", "tags": tags, "predicted_tags": predicted})
    return Case(form=form, files={"a.jsonl": f"{row}\n"}, runs=(MEASURE,), says=says, code=code)


CASES = (
    learnt("`tokens` and `ner_tags`: lists", tokens=["the", "cat"], ner_tags=["O", "B-PET"]),
    learnt("`text` and `tags`: words with spaces between them", text="the cat", tags="O B-PET"),
    learnt("lists as JSON in a text", words='["the", "cat"]', labels='["O", "B-PET"]'),
    learnt("lists as Python writes them", words="['the', 'cat']", labels="['O', 'B-PET']"),
    learnt("tags that are numbers", tokens=["the", "cat"], ner_tags=[0, 1.0]),
    learnt("a no-break space in a word", tokens="the\u00a0cat sat", tags="B-PET O"),
    measured("BIO tags", "B-X I-X O B-X", "B-X I-X O O", "recall 0.5000"),
    measured("BIOES tags", "B-X E-X O S-X", "B-X E-X O O", "recall 0.5000"),
    measured("BILOU tags", "B-X L-X O U-X", "B-X L-X O O", "recall 0.5000"),
    measured("BMES tags without types", "B E S B E", "B E S S S", "recall 0.6667"),
    measured("bare types beside `O`: equal neighbors are one", "X X O Y", "X O O Y", "f1 0.5000"),
    measured("bare tags without `O`: each word by itself", "N V N V", "N V V V", "f1 0.7500"),
    measured("tags of two schemes", "B-X O", "X O", "several schemes, 'B-X' beside 'X'", 3),
    measured("fewer tags than words", "B-X O", "B-X", "1 tags were predicted for 2", 3),
    Case(
        form="special tokens typed in a text: text",
        files={"a.txt": "a<|endoftext|>b\n"},
        runs=("tokenize -m {tiny_gpt2} -i a.txt --json",),
        says='"count": 1',
        remark="`--allow-special` reads them as tokens",
    ),
)
