"""Tables: delimiters and quotation marks."""

from tests.inputs.case import Case, every_command, some_commands, with_file

TWO = ("the [MASK]", "the cat, [MASK]")
MERGED = 'text\tlabel\nfirst\ta\n"Go away, she said\tb\nin it\ta\nand close the door"\tb\nlast\ta\n'
QUOTED = 'id\ttext\n1\t"say ""hi"" now"\n2\tplain\n'

CASES = (
    Case(
        form="`.csv`: a header, then a row a line, fields separated by commas",
        files={"a.csv": 'id,text\n1,the [MASK]\n2,"the cat, [MASK]"\n'},
        runs=every_command("a.csv"),
        texts=TWO,
    ),
    Case(
        form="`.csv` with semicolons, as spreadsheets write it in much of Europe",
        files={"a.csv": "id;text\n1;the [MASK]\n2;the cat, [MASK]\n"},
        runs=every_command("a.csv"),
        texts=TWO,
    ),
    Case(
        form="`.csv` with vertical bars",
        files={"a.csv": "id|text\n1|the [MASK]\n2|the cat, [MASK]\n"},
        runs=some_commands("a.csv"),
        texts=TWO,
    ),
    Case(
        form="`.csv` with tabs",
        files={"a.csv": "id\ttext\n1\tthe [MASK]\n2\tthe cat, [MASK]\n"},
        runs=some_commands("a.csv"),
        texts=TWO,
    ),
    Case(
        form="`.csv` whose first line is `sep=;`, for Excel",
        files={"a.csv": "\ufeffsep=;\r\nid;text\r\n1;the [MASK]\r\n2;the cat, [MASK]\r\n"},
        runs=some_commands("a.csv"),
        texts=TWO,
    ),
    Case(
        form="`.csv` with another delimiter, named by `--delimiter`",
        files={"a.csv": "id:text\n1:the [MASK]\n2:the cat, [MASK]\n"},
        runs=some_commands("a.csv", "--delimiter :"),
        texts=TWO,
    ),
    Case(
        form="a delimiter of several characters",
        files={"a.csv": "id::text\n1::the\n"},
        runs=(with_file("tokenize", "a.csv", "--delimiter ::"),),
        code=2,
        says="--delimiter '::' is not a single character",
    ),
    Case(
        form="`--delimiter` for a file without fields",
        files={"a.txt": "the cat\n"},
        runs=some_commands("a.txt", "--delimiter ,")[:2],
        code=2,
        says="--delimiter is for .csv and .tsv, not for .txt",
    ),
    Case(
        form="`.tsv`: a quotation mark is part of the text, by the standard",
        files={"a.tsv": MERGED},
        runs=some_commands("a.tsv"),
        texts=("first", '"Go away, she said', "in it", 'and close the door"', "last"),
    ),
    Case(
        form="`.tsv` whose fields look quoted, as pandas writes cells with quotation marks",
        files={"a.tsv": QUOTED},
        runs=(with_file("tokenize", "a.tsv"),),
        code=1,
        says="give --quoting csv",
    ),
    Case(
        form="`.tsv` that is quoted, with `--quoting csv`",
        files={"a.tsv": QUOTED},
        runs=some_commands("a.tsv", "--quoting csv"),
        texts=('say "hi" now', "plain"),
    ),
    Case(
        form="`.tsv` whose header is in quotation marks",
        files={"a.tsv": '"id"\t"text"\n"1"\t"the cat"\n'},
        runs=(with_file("tokenize", "a.tsv"),),
        code=3,
        says="line 1: the header is in quotation marks",
    ),
    Case(
        form="`.tsv` with commas",
        files={"a.tsv": "id,text\n1,the cat\n"},
        runs=some_commands("a.tsv")[:2],
        code=3,
        says="the fields are separated by commas, not by tabs",
    ),
    Case(
        form="`.csv`: a quotation mark that is never closed; the line where it opens is named",
        files={"a.csv": 'id,text\n1,the cat\n2,"it sat\n3,on\n4,mats\n'},
        runs=(with_file("tokenize", "a.csv"),),
        code=1,
        says="the quotation mark that opens a field on line 3 is not closed, so lines 3 to 5",
    ),
    Case(
        form="`.csv`: a quotation mark that a later row closes",
        files={"a.csv": 'id,text\n1,"it sat\n2,on\n3,"mats"\n4,the cat\n'},
        runs=(with_file("tokenize", "a.csv"),),
        code=1,
        says="opens a field on line 2 is not closed, so lines 2 to 4 are not read",
    ),
    Case(
        form="`.csv`: quotation marks that are part of the text, with `--quoting none`",
        files={"a.csv": 'id,text\n1,"it sat\n2,on\n'},
        runs=some_commands("a.csv", "--quoting none"),
        texts=('"it sat', "on"),
    ),
    Case(
        form="`.csv`: line breaks inside a quoted field",
        files={"a.csv": 'id,text\n1,"the\r\ncat"\n2,sat\n'},
        runs=some_commands("a.csv"),
        texts=("the\r\ncat", "sat"),
    ),
    Case(
        form="`.csv`: a row with more or fewer fields than the header",
        files={"a.csv": "id,text\n1,the cat\n2,it sat, on mats\n3\n"},
        runs=(with_file("tokenize", "a.csv"),),
        code=1,
        says="not as many fields as the header: 3 with the delimiter ','",
    ),
    Case(
        form="`.csv`: blank lines, old Mac line ends, a byte order mark before the header",
        files={"a.csv": "\ufefftext,id\rthe cat,1\r\rit sat,2\r"},
        runs=some_commands("a.csv"),
        texts=("the cat", "it sat"),
    ),
    Case(
        form="`.csv`: two columns of the same name; the second becomes `id_2`",
        files={"a.csv": "id,id,text\n7,8,the cat\n"},
        runs=(with_file("tokenize", "a.csv"),),
        says='"id": "7", "id_2": "8"',
    ),
    Case(
        form="`.csv`: two columns `text`",
        files={"a.csv": "text,text\nthe,cat\n"},
        runs=some_commands("a.csv")[:2],
        code=3,
        says="several columns 'text'",
    ),
    Case(
        form="`.csv` without the column that is asked for",
        files={"a.csv": "id,review\n1,good\n"},
        runs=some_commands("a.csv")[:2],
        code=3,
        says="no column 'text'; it has 'id', 'review': choose one with --column",
    ),
    Case(
        form="`.csv` that is empty",
        files={"a.csv": ""},
        runs=some_commands("a.csv")[:2],
        code=3,
        says="a.csv is empty: it has no header",
    ),
)
