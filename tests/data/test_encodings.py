"""Which encoding a file is in, or is likely to be in."""

import pytest

from llmcli.data.encodings import encoding_of, likely_encoding
from llmcli.errors import InputError, UsageError


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("gbk", "我明天要去看电影。"),
        ("gbk", "id,text\n1,很好看\n2,不好\n"),
        ("big5", "好電影，我很喜歡。"),
        ("shift_jis", "映画はとてもよかった"),
        ("euc_jp", "映画はとてもよかった"),
        ("euc_kr", "이 영화는 정말 좋았습니다"),
        ("windows-1252", "Le café était fermé."),
        ("windows-1252", "it’s “fine” – 5 €\n"),
        ("windows-1251", "Хороший фильм"),
        ("koi8-r", "Хороший фильм"),
    ],
)
def test_the_likely_encoding_is_named(encoding, text):
    data = text.encode(encoding)
    assert likely_encoding(data) == encoding
    with pytest.raises(InputError, match=f"probably {encoding}: give `encoding`={encoding}"):
        encoding_of("a.txt", data)
    assert encoding_of("a.txt", data, encoding) is not None


@pytest.mark.parametrize("data", [b"", b"plain", "很好".encode(), "é".encode() * 9 + b"\xff"])
def test_utf8_needs_no_name(data):
    assert encoding_of("a.txt", data) == "utf-8-sig"


@pytest.mark.parametrize("name", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_zeros_name_the_wide_encoding(name):
    with pytest.raises(InputError, match=f"give `encoding`={name}"):
        encoding_of("a.txt", "the cat\n很好\n".encode(name))


@pytest.mark.parametrize("name", ["utf-9", "rot13", "base64", ""])
def test_what_is_no_encoding_of_text_is_refused(name):
    with pytest.raises(UsageError, match="is unknown"):
        encoding_of("a.txt", b"x", name)
