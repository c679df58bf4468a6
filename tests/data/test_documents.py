"""Whole documents, for training."""

import pytest

from llmcli.data.documents import read_documents
from llmcli.errors import InputError
from tests.data.files import write


def test_a_txt_file_is_one_document_however_long(tmp_path):
    text = "".join(f"line {n} is here\n" for n in range(150_000))
    pieces = list(read_documents(write(tmp_path, "a.txt", text)))
    assert "".join(piece.text for piece in pieces) == text
    assert len(pieces) > 1
    assert [piece.last for piece in pieces] == [False] * (len(pieces) - 1) + [True]


def test_each_row_of_other_files_is_a_document(tmp_path):
    path = write(tmp_path, "a.jsonl", '{"text": "a"}\n{"text": "b"}\n')
    assert [(piece.text, piece.last) for piece in read_documents(path)] == [
        ("a", True),
        ("b", True),
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", b"ok\n\xff"),
        ("a.jsonl", b'{"text": "a"}\n{"no": 1}'),
        ("a.txt.gz", b"not packed"),
    ],
)
def test_training_text_with_a_bad_row_is_refused(tmp_path, name, content):
    with pytest.raises(InputError):
        list(read_documents(write(tmp_path, name, content)))
