"""Encodings."""

from tests.inputs.case import Case, every_command, refusing_commands, some_commands, with_file

TEXT = "the [MASK]\nit sat [MASK]\n"
TEXTS = ("the [MASK]", "it sat [MASK]")
CHINESE = "id,text\n1,很好看的电影\n2,不好\n"
TAIWAN = "id,text\n1,很好看的電影\n2,不好\n"
JAPANESE = "text\n映画はとてもよかったです\n"
KOREAN = "text\n이 영화는 정말 좋았습니다\n"
FRENCH = "text\nUn café très agréable\nplain\n"
RUSSIAN = "text\nХороший фильм\n"


def named(form: str, content: str, encoding: str) -> tuple[Case, Case]:
    """A file that is refused, with the likely encoding, and read where it is given."""
    data = content.encode(encoding)
    rows = [line.rpartition(",")[2] for line in content.splitlines()[1:]]
    refused = Case(
        form=f"{form}, without `--encoding`",
        files={"a.csv": data},
        runs=some_commands("a.csv")[:2],
        code=3,
        says=f"a.csv is not UTF-8 text, probably {encoding}: give --encoding {encoding}",
    )
    read = Case(
        form=f"{form}, with `--encoding {encoding}`",
        files={"a.csv": data},
        runs=some_commands("a.csv", f"--encoding {encoding}"),
        texts=rows,
    )
    return refused, read


CASES = (
    Case(form="UTF-8", files={"a.txt": TEXT}, runs=(with_file("tokenize", "a.txt"),), texts=TEXTS),
    Case(
        form="UTF-8 with a byte order mark",
        files={"a.txt": "\ufeff" + TEXT},
        runs=(with_file("tokenize", "a.txt"),),
        texts=TEXTS,
    ),
    Case(
        form="UTF-16 with a byte order mark, as Windows calls Unicode",
        files={"a.csv": ("\ufefftext\n" + TEXT).encode("utf-16-le")},
        runs=every_command("a.csv"),
        texts=TEXTS,
    ),
    Case(
        form="UTF-16 with a byte order mark, big-endian",
        files={"a.txt": ("\ufeff" + TEXT).encode("utf-16-be")},
        runs=(with_file("tokenize", "a.txt"), with_file("tokenize", "a.txt", "--encoding utf-16")),
        texts=TEXTS,
    ),
    Case(
        form="UTF-32 with a byte order mark",
        files={"a.jsonl": '\ufeff{"text": "the cat"}\n'.encode("utf-32-le")},
        runs=some_commands("a.jsonl"),
        texts=("the cat",),
    ),
    Case(
        form="UTF-16 without a byte order mark",
        files={"a.csv": ("text\n" + TEXT).encode("utf-16-le")},
        runs=refusing_commands("a.csv"),
        code=3,
        says="probably UTF-16-LE without a byte order mark: give --encoding utf-16-le",
    ),
    Case(
        form="UTF-16 without a byte order mark, with `--encoding utf-16-le`",
        files={"a.csv": ("text\n" + TEXT).encode("utf-16-le")},
        runs=some_commands("a.csv", "--encoding utf-16-le"),
        texts=TEXTS,
    ),
    *named("simplified Chinese in GBK", CHINESE, "gbk"),
    *named("traditional Chinese in Big5", TAIWAN, "big5"),
    *named("Japanese in Shift-JIS", JAPANESE, "shift_jis"),
    *named("Korean in EUC-KR", KOREAN, "euc_kr"),
    *named("Western text in Windows-1252", FRENCH, "windows-1252"),
    *named("Russian in Windows-1251", RUSSIAN, "windows-1251"),
    Case(
        form="a text on stdin in GBK",
        files={},
        stdin="今天天气很好".encode("gbk"),
        runs=("tokenize -m {tiny_bert}", "tokenize -m {tiny_bert} -i -"),
        code=3,
        says="stdin is not UTF-8 text, probably gbk: give --encoding gbk",
    ),
    Case(
        form="a text on stdin in GBK, with `--encoding gbk`",
        files={},
        stdin="今天天气很好".encode("gbk"),
        runs=("tokenize -m {tiny_bert} --encoding gbk --json",),
        texts=("今天天气很好",),
    ),
    Case(
        form="the context of `answer` in Windows-1252",
        files={"a.txt": "Le café était fermé.".encode("windows-1252")},
        runs=("answer -m {tiny_reader} who --context-file a.txt",),
        code=3,
        says="a.txt is not UTF-8 text, probably windows-1252",
    ),
    Case(
        form="an encoding that does not exist",
        files={"a.txt": TEXT},
        runs=some_commands("a.txt", "--encoding utf-9"),
        code=2,
        says="--encoding 'utf-9' is unknown",
    ),
    Case(
        form="a few bytes that are not UTF-8 in a file that is",
        files={"a.txt": "很好\n".encode() * 3 + b"\xff\xfe\n" + "不好\n".encode()},
        runs=(with_file("tokenize", "a.txt"),),
        code=1,
        says="not valid UTF-8",
    ),
    Case(
        form="a character with the code 0",
        files={"a.jsonl": '{"text": "the\\u0000cat"}\n{"text": "the cat"}\n'},
        runs=(with_file("tokenize", "a.jsonl"),),
        code=1,
        says="the text has a character with the code 0",
    ),
)
