"""Texts to find an answer in."""

from tests.inputs.case import Case

ASK = "answer 'the cat ?' -m {tiny_reader} --json "

CASES = (
    Case(
        form="a folder with .txt and .md files, in folders of it too",
        files={"a/b.txt": "the cat sat", "a/c/d.md": "the dog ran", "a/e.png": b"\x89PNG"},
        runs=(ASK + "--context-file a",),
        says="2 passages of 2 texts",
    ),
    Case(
        form="several files",
        files={"a.txt": "the cat sat", "b.log": "the dog ran"},
        runs=(ASK + "--context-file a.txt --context-file b.log",),
        says="2 passages of 2 texts",
    ),
    Case(
        form="a file with a text in each row",
        files={"a.jsonl": '{"text": "the cat sat"}\n{"text": "the dog ran"}\n'},
        runs=(ASK + "--context-file a.jsonl",),
        says="2 passages of 2 texts",
    ),
    Case(
        form="a folder without text files",
        files={"a/b.png": b"\x89PNG"},
        runs=(ASK + "--context-file a",),
        says="a holds no .txt or .md file",
        code=3,
    ),
)
