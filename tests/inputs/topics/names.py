"""Names of files, and what other programs write."""

import bz2
import gzip
import lzma

from tests.inputs.case import Case, every_command, some_commands, with_file

TEXT = "the [MASK]\nit sat [MASK]\n"
TEXTS = ("the [MASK]", "it sat [MASK]")
XLSX = b"PK\x03\x04" + bytes(30)


def refused(form: str, name: str, says: str, content: bytes = b"x") -> Case:
    """A file that is refused by its name."""
    return Case(form=form, files={name: content}, runs=some_commands(name)[:2], code=3, says=says)


CASES = (
    Case(
        form="`.txt`: a text a line",
        files={"a.txt": TEXT},
        runs=tuple(
            run for run in every_command("a.txt") if run.split()[0] in "classify embed fill"
        ),
        texts=TEXTS,
    ),
    Case(
        form="`.md`, `.markdown`, `.text`, `.log`: as `.txt`",
        files={"a.md": TEXT, "a.markdown": TEXT, "a.text": TEXT, "a.LOG": TEXT},
        runs=tuple(
            with_file("tokenize", name) for name in ("a.md", "a.markdown", "a.text", "a.LOG")
        ),
        texts=TEXTS,
    ),
    Case(
        form="`.md` as one document, to train on and to evaluate",
        files={"a.md": TEXT * 9},
        runs=("finetune -m {tiny_gpt2} --check --block-size 8 --json -q --train a.md",),
        texts=("all of it",),
    ),
    Case(
        form="`.tab` and `.psv`: as `.tsv`, and as `.csv` with vertical bars",
        files={"a.tab": "id\ttext\n1\tthe\n", "a.psv": "id|text\n1|the\n"},
        runs=(with_file("tokenize", "a.tab"), with_file("tokenize", "a.psv")),
        texts=("the",),
    ),
    Case(
        form="compressed: `.gz`, `.xz`, `.bz2`",
        files={
            "a.csv.gz": gzip.compress(b"text\nthe\n"),
            "a.jsonl.xz": lzma.compress(b'{"text": "the"}\n'),
            "a.txt.bz2": bz2.compress(b"the\n"),
        },
        runs=tuple(with_file("tokenize", name) for name in ("a.csv.gz", "a.jsonl.xz", "a.txt.bz2")),
        texts=("the",),
    ),
    Case(
        form="compressed, but damaged",
        files={"a.txt.bz2": bz2.compress(b"the cat\n" * 99)[:-9]},
        runs=(with_file("classify", "a.txt.bz2", "-o out.jsonl"),),
        code=3,
        says="a.txt.bz2 is damaged",
    ),
    refused("`.xlsx`, `.ods`", "a.xlsx", "a spreadsheet: save it as CSV (UTF-8)", XLSX),
    refused("a spreadsheet named `.csv`", "a.csv", "a.csv is not text but a zip archive", XLSX),
    refused("`.zip`", "a.csv.zip", "an archive: unpack it first"),
    refused("`.pdf`, `.docx`", "a.pdf", "a formatted document: save it as plain text (.txt)"),
    refused("`.html`", "a.html", "marked up: save its text as .txt, .csv or .jsonl"),
    refused("`.pkl`", "a.pkl", "pickled, which is unsafe to read: save it as .parquet"),
    refused("a compressed file without `.gz`", "a.csv", "add .gz to its name", gzip.compress(b"a")),
    refused(
        "Parquet named `.csv`", "a.csv", "Parquet: give --input-format parquet", b"PAR1" + bytes(9)
    ),
    refused("a name that says nothing", "data", "or give --input-format"),
)
