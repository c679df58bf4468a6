"""Labels, answers and ids."""

from tests.inputs.case import Case

CHECK = "-m {tiny_encoder} --train a.jsonl --eval-fraction 0 --check"
TRAIN = f"finetune --task classification {CHECK}"
CSV = TRAIN.replace("a.jsonl", "a.csv")
MANY = " --multi-label"
JUDGE = "evaluate --task classification -m {tiny_classifier} -i a.jsonl --bootstrap 0"
SAVED = "evaluate --task classification --predictions b.jsonl -i a.jsonl --bootstrap 0"
ASK = (
    "finetune --task question-answering -m {tiny_encoder} --train a.jsonl --eval-fraction 0 --check"
)


def rows(*labels: str) -> str:
    """JSON lines of short texts with these labels, as JSON has them."""
    texts = ("the cat", "a dog", "it sat", "who ran", "mats")
    pairs = zip(texts, labels, strict=False)
    return "".join(f'{{"text": "{text}", "label": {label}}}\n' for text, label in pairs)


def table(*labels: str) -> str:
    """CSV of short texts with these labels."""
    texts = ("the cat", "a dog", "it sat", "who ran", "mats")
    return "text,label\n" + "".join(
        f'{text},"{label}"\n' for text, label in zip(texts, labels, strict=False)
    )


def answers(*starts: object) -> str:
    """JSON lines of a question whose answer `cat` occurs at 4 and at 12 of the context."""
    line = (
        '{{"question": "who ?", "context": "the cat sat cat", "answer": "cat", "answer_start": {}}}'
    )
    return "".join(line.format(start) + "\n" for start in starts)


CASES = (
    Case(
        form='one number written in several ways: `1`, `1.0`, `"1"`, `" 1.0 "`',
        files={"a.jsonl": rows("1", "1.0", '"1"', '" 1.0 "', "0")},
        runs=(TRAIN,),
        says="1 4 80.0%",
        remark="one label",
    ),
    Case(
        form='true and false, as JSON or text: `true`, `"true"`, `"FALSE"`',
        files={"a.jsonl": rows("true", '"true"', '"True"', "false", '"FALSE"')},
        runs=(TRAIN,),
        says="True 3 60.0%",
        remark="two labels, `True` and `False`",
    ),
    Case(
        form="digits of other scripts, `①` and `②`",
        files={"a.jsonl": rows('"①"', '"②"')},
        runs=(TRAIN,),
        says="① 1 50.0%",
        remark="labels as they are",
    ),
    Case(
        form="a label that is null or empty",
        files={"a.jsonl": rows("null", '" "', '"a"', '"b"')},
        runs=(TRAIN,),
        code=1,
        says="line 1: None is not a label",
    ),
    Case(
        form="a list of labels without `--multi-label`, in JSON",
        files={"a.jsonl": rows('["it", "urgent"]', '"a"', '"b"')},
        runs=(TRAIN,),
        code=1,
        says="'label' is a list of labels, ['it', 'urgent']: give --multi-label",
    ),
    Case(
        form="a list of labels without `--multi-label`, as text in a cell",
        files={"a.csv": table("['it', 'urgent']", "a", "b")},
        runs=(CSV,),
        code=1,
        says="'label' is a list of labels, ['it', 'urgent']: give --multi-label",
    ),
    *(
        Case(
            form=f"with `--multi-label`, in a cell: `{cell}`",
            files={"a.csv": table(cell, last)},
            runs=(CSV + MANY,),
            says="it 1 33.3% 0 0.0% pay 1 33.3% 0 0.0% urgent 1 33.3%",
            remark="several labels",
        )
        for cell, last in (
            ("['it', 'urgent']", "['pay']"),
            ("['it' 'urgent']", "['pay']"),
            ("it; urgent", "pay"),
            ("it|urgent", "pay"),
            ("it,urgent", "pay"),
        )
    ),
    Case(
        form="with `--multi-label`: lists of 0 and 1, `[0, 1, 1]` or `[0.0, 1.0, 1.0]`",
        files={"a.jsonl": rows("[0, 1, 1]", "[1.0, 0.0, 1.0]", "[0, 0, 0]")},
        runs=(TRAIN + MANY,),
        says="LABEL_2 2 50.0%",
        remark="a place for each class; `--labels` names them",
    ),
    Case(
        form="numbers with decimals, such as `3.5`",
        files={"a.jsonl": rows("3.5", "1.0", "4.5")},
        runs=(TRAIN,),
        code=1,
        says="for their values, use --task regression",
    ),
    Case(
        form="numbers with decimals, for `--task regression`",
        files={"a.jsonl": rows("3.5", '"1"', "4.5")},
        runs=(TRAIN.replace("classification", "regression"),),
        says="no problem was found",
    ),
    Case(
        form="numbers from 0 for a model whose labels are words",
        files={"a.jsonl": rows("0", "1", "2")},
        runs=(JUDGE,),
        says="0 = sad, 1 = glad, 2 = mad",
        remark="places of the model's classes, which is said",
    ),
    Case(
        form="numbers from 1 for a model whose labels are words",
        files={"a.jsonl": rows("1", "2", "3")},
        runs=(JUDGE,),
        code=3,
        says="--label-map, as in 1=sad,2=glad,3=mad",
    ),
    Case(
        form="labels of which the model has none",
        files={"a.jsonl": rows('"good"', '"bad"')},
        runs=(JUDGE,),
        code=3,
        says="the labels 'good', 'bad' are none of the model's",
    ),
    Case(
        form="a list of labels to evaluate",
        files={"a.jsonl": rows('["sad", "mad"]', '"glad"')},
        runs=(JUDGE,),
        code=1,
        says="row 1: 'label' is a list of labels",
    ),
    Case(
        form="labels in another case than the model's",
        files={"a.jsonl": rows('"SAD"', '"Glad"')},
        runs=(
            JUDGE,
            "compare --task classification {tiny_classifier} {tiny_classifier} -i a.jsonl",
        ),
        says="classification: ",
    ),
    Case(
        form="ids that are null, empty or repeated, beside the number of the row",
        files={
            "a.jsonl": '{"id": null, "text": "a", "label": "x"}\n'
            '{"id": "", "text": "b", "label": "y"}\n',
            "b.jsonl": '{"id": null, "row": 1, "label": "x"}\n{"id": "", "row": 2, "label": "y"}\n',
        },
        runs=(SAVED,),
        says="ids are missing, empty or repeated: predictions are matched by the number of the row",
        remark="matched by row, which is said",
    ),
    Case(
        form='ids that are numbers in one file and text in the other: `7` and `"7"`',
        files={
            "a.jsonl": '{"id": 7, "text": "a", "label": "x"}\n'
            '{"id": 8, "text": "b", "label": "y"}\n',
            "b.jsonl": '{"id": "8", "label": "y"}\n{"id": "7.0", "label": "x"}\n',
        },
        runs=(SAVED,),
        says="accuracy 1.000",
        remark="matched by id",
    ),
    Case(
        form="predictions without ids and rows, more or fewer than the rows",
        files={"a.jsonl": rows('"x"', '"y"'), "b.jsonl": '{"label": "x"}\n'},
        runs=(SAVED,),
        code=3,
        says="1 predictions for 2 rows",
    ),
    Case(
        form="an `answer_start` that is off by a few characters",
        files={"a.jsonl": answers(11, 5)},
        runs=(ASK,),
        says="2 answers are not at their answer_start: the nearest occurrence is learnt",
        remark="the nearest occurrence, which is said",
    ),
    Case(
        form="an answer that is nowhere in its context",
        files={"a.jsonl": answers(4).replace('"answer": "cat"', '"answer": "dog"')},
        runs=(ASK,),
        code=1,
        says="1 answers are not in their context",
    ),
)
