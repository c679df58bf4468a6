"""Languages and symbols in texts to be translated."""

from tests.inputs.case import Case

TRANSLATE = "translate -m {tiny_marian} --num-beams 1 -n 4"
SHORT = "On. The cat sat.\nOh. They sat. On.\n"
CODE = ">>> print(1 << 3)\n>>xyz<< the cat\nstd::cin >> a; std::cout << b;\n"
JAPANESE = '{"translation": "私は本を買った。", "target": "私は本を買いました。"}\n'

CASES = (
    Case(
        form="short sentences on a line",
        files={"a.txt": SHORT},
        runs=(f"{TRANSLATE} -f en -t fr -i a.txt --json",),
        texts=SHORT.splitlines(),
        says='"source": "On."',
        remark="Each sentence is translated.",
    ),
    Case(
        form="code and language codes that the model does not know",
        files={"a.txt": CODE},
        runs=(f"{TRANSLATE} -f en -t fr -i a.txt --json",),
        texts=CODE.splitlines(),
        says='"translation": ">>> print(1 << 3)"',
        remark="It stays as it is.",
    ),
    Case(
        form="emoji, arrows, addresses, placeholders",
        files={"a.txt": "😀 the cat → the dog\nthe cat https://a.org/x {name}\n"},
        runs=(f"{TRANSLATE} -f en -t fr -i a.txt --json",),
        says=" https://a.org/x {name}",
        remark="They stay in their places.",
    ),
    Case(
        form="a text in another language than the model reads, without `-f`",
        files={"a.txt": "the cat\nIch habe heute leider keine Zeit.\n"},
        runs=(f"{TRANSLATE} -i a.txt",),
        says="the text seems to be in German",
        code=1,
    ),
    Case(
        form="a text in another script than that of `-f`",
        files={"a.txt": "the cat\nПривет всем\n我明天要去看电影。\n"},
        runs=(f"{TRANSLATE} -f en -t fr -i a.txt",),
        says="the text is in Cyrillic script, but --from-lang is en",
        code=1,
    ),
    Case(
        form="a pair of languages that the model does not translate",
        files={},
        runs=(f"{TRANSLATE} -f en -t de 'the cat'", f"{TRANSLATE} -f zh -t fr 看电影"),
        says="translates from en to fr: not from or to",
        code=5,
    ),
    Case(
        form="translations into Japanese, to be scored",
        files={
            "a.jsonl": '{"translation": "私は本を買った。", "target": "私は本を買いました。"}\n'
        },
        runs=("evaluate --task translation --predictions a.jsonl",),
        says="tok:ja-mecab",
        remark="BLEU is tokenized for the language, and the result says how.",
    ),
)
