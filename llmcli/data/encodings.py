"""The encoding of a text file: as it was given, by its byte order mark, or UTF-8.

Nothing else is taken without a word: where the first bytes are not UTF-8, the error names the
encoding that they are most likely in.
"""

import codecs
import re
from collections.abc import Callable

from llmcli.errors import InputError, UsageError

MARKS = {  # the longer first: that of UTF-32 begins with that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
OTHER_FILES = {
    b"PK\x03\x04": "a zip archive or a spreadsheet (.xlsx): unpack it, or save it as CSV (UTF-8)",
    b"\x1f\x8b": "compressed with gzip: add .gz to its name",
    b"\xfd7zXZ\x00": "compressed with xz: add .xz to its name",
    b"BZh": "compressed with bzip2: add .bz2 to its name",
    b"\x28\xb5\x2f\xfd": "compressed with zstd: unpack it first",
    b"PAR1": "Parquet: give `input_format`=parquet",
    b"%PDF-": "a PDF: save it as plain text (.txt)",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file: save it as CSV (UTF-8) or plain text",
    b"SQLite format 3": "a database: save the table as CSV (UTF-8)",
    b"\x80\x04\x95": "pickled, which is unsafe to read: save it as .parquet",
}
"""First bytes of files that are no text: what they are, and the cure."""


def known_encoding(name: str) -> str:
    """An encoding as Python names it. Raises UsageError for one that is unknown, or no text's.

    >>> known_encoding("GBK"), known_encoding("UTF8")
    ('gbk', 'utf-8-sig')
    """
    try:
        codec = codecs.lookup(name)
        "".encode(name)  # rot13 and base64 are codecs too, but no encodings of text
    except (LookupError, ValueError):
        raise UsageError(
            f"`encoding` {name!r} is unknown: use a name such as utf-16, gbk, big5, shift_jis or "
            "windows-1252"
        ) from None
    return "utf-8-sig" if codec.name == "utf-8" else codec.name


def encoding_of(path: str, head: bytes, given: str | None = None) -> str:
    """The encoding of a file that begins with these bytes.

    given: what the user says. Raises InputError where the bytes are no text, or text in an
    encoding that has to be named; UsageError for one that is unknown.
    """
    if given is not None:
        return known_encoding(given)
    for mark, name in MARKS.items():
        if head.startswith(mark):
            return name
    for start, cause in OTHER_FILES.items():
        if head.startswith(start):
            raise InputError(f"{path} is not text but {cause}")
    if b"\0" in head:
        wide = _wide_encoding(head)
        if wide is not None:
            raise InputError(
                f"{path} is probably {wide.upper()} without a byte order mark: give "
                f"`encoding`={wide}"
            )
        if head.count(b"\0") * 20 > len(head):
            raise InputError(f"{path} is not text: it has bytes that are 0")
    likely = None if _has_utf8(head) else likely_encoding(head)
    if likely is not None:
        raise InputError(f"{path} is not UTF-8 text, probably {likely}: give `encoding`={likely}")
    return "utf-8-sig"


def decode(path: str, data: bytes, given: str | None = None) -> str:
    """The text of a whole file. Raises InputError if it is in another encoding."""
    name = encoding_of(path, data, given)
    try:
        text = data.decode(name)
    except UnicodeDecodeError as error:
        raise not_decoded(path, error, given) from None
    return text.removeprefix("\ufeff")


def not_decoded(path: str, error: UnicodeDecodeError, given: str | None = None) -> InputError:
    """The error for bytes that an encoding does not have."""
    byte = f"byte {error.start} is {error.object[error.start]:#x}"
    if given is not None:
        return InputError(f"{path} is not in the `encoding` {given}: {byte}")
    return InputError(f"{path} is not UTF-8 text: {byte}; if it is in another one, give `encoding`")


def _wide_encoding(head: bytes) -> str | None:
    """UTF-16 or UTF-32 of some byte order, if the zeros are where ASCII characters have them."""
    quads = [head[at : len(head) // 4 * 4 : 4] for at in range(4)]
    if any(quads[0]) and not any(quads[2]) and not any(quads[3]):
        return "utf-32-le"
    if any(quads[3]) and not any(quads[0]) and not any(quads[1]):
        return "utf-32-be"
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd and not even:
        return "utf-16-le"
    return "utf-16-be" if even and not odd else None


def _has_utf8(head: bytes) -> bool:
    """True if all bytes, or most of those beyond ASCII, are UTF-8."""
    beyond = sum(byte > 0x7F for byte in head)
    valid = head.decode("utf-8", "ignore")
    return 5 * (len(valid.encode()) - sum(map(str.isascii, valid))) >= 4 * beyond


SAMPLE = 1 << 14  # bytes that are examined
RUN = re.compile(rb"[\x80-\xff]+")
PAIR = re.compile(rb"[A-Za-z][\x80-\xff]{2}(?![\x80-\xff])|(?<![\x80-\xff])[\x80-\xff]{2}[A-Za-z]")


def likely_encoding(data: bytes) -> str | None:
    """The encoding that bytes which are not UTF-8 are most likely in; None if none is likely.

    A heuristic for messages: the common characters of GB 2312, Big5, Shift-JIS, EUC-JP and EUC-KR
    have bytes in ranges of their own, accented letters in Western text stand beside other ones.

    >>> likely_encoding("今天天气很好，我们去公园。".encode("gbk"))
    'gbk'
    >>> likely_encoding("Le café était fermé.".encode("windows-1252"))
    'windows-1252'
    """
    data = data[:SAMPLE]
    data = data[: data.rfind(b"\n") + 1] or data  # no character that is cut in two
    runs = RUN.findall(data)
    if not runs:
        return None
    for name, is_likely in _EAST_ASIAN.items():
        text = _decoded(data, name)
        if text is not None and is_likely([character for character in text if character > "\x7f"]):
            return name
    lone = sum(len(run) == 1 for run in runs)
    if (lone + len(PAIR.findall(data))) * 2 > len(runs):
        return "windows-1252"
    lengths = sum(map(len, runs))
    letters = sum(byte >= 0xC0 for run in runs for byte in run)
    if max(map(len, runs)) < 3 or letters * 10 < lengths * 8:
        return None
    small = sum(byte >= 0xE0 for run in runs for byte in run)  # KOI8-R has capitals there
    return "windows-1251" if small * 2 > letters else "koi8-r"


def _decoded(data: bytes, name: str) -> str | None:
    try:
        return data.decode(name)
    except UnicodeDecodeError:
        return None


def _share(characters: list[str], *ranges: tuple[str, str]) -> float:
    inside = sum(any(low <= each <= high for low, high in ranges) for each in characters)
    return inside / max(1, len(characters))


KANA = ("\u3041", "\u30fc")
SYLLABLES = "이다는을의가에하고은를한지도서기로사어"
"""The most common ones of Korean. Their bytes are rare characters in GBK, which shares them."""
MARKS_OF_EAST_ASIA = (("\u3000", "\u303f"), ("\uff01", "\uff5e"), ("\u2014", "\u2026"))


def _is_japanese(characters: list[str]) -> bool:
    common = _share(characters, KANA, ("\u4e00", "\u9fff"), *MARKS_OF_EAST_ASIA)
    return common > 0.95 and _share(characters, KANA) > 0.2


def _is_korean(characters: list[str]) -> bool:
    syllables = _share(characters, ("\uac00", "\ud7a3"), *MARKS_OF_EAST_ASIA)
    return syllables > 0.9 and sum(map(characters.count, SYLLABLES)) * 12 > len(characters)


def _is_common(characters: list[str], encoding: str, first: int, last: int) -> bool:
    """True if most characters are of the more common level of a Chinese character set."""
    common = 0
    for character in characters:
        lead, *trail = character.encode(encoding)
        is_in_level = first <= lead <= last and (encoding != "gbk" or trail[:1] >= [0xA1])
        common += is_in_level or _share([character], *MARKS_OF_EAST_ASIA) > 0
    return common > 0.9 * len(characters)


def _is_simplified(characters: list[str]) -> bool:
    return _is_common(characters, "gbk", 0xB0, 0xD7)


def _is_traditional(characters: list[str]) -> bool:
    return _is_common(characters, "big5", 0xA4, 0xC6)


_EAST_ASIAN: dict[str, Callable[[list[str]], bool]] = {
    "shift_jis": _is_japanese,
    "euc_jp": _is_japanese,
    "euc_kr": _is_korean,
    "gbk": _is_simplified,
    "big5": _is_traditional,
}
