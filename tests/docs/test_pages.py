"""The pages say what is so: commands, flags, rooms; what is generated in them is current."""

import re

import pytest

from llmcli.cli.aliases import speller
from llmcli.cli.main import COMMANDS as SUMMARIES
from tests.docs.pages import DOCS, PAGES, ROOT, by_id, page_id, without_code
from tests.docs.reference import MARKED, renew
from tests.docs.sessions import BLOCK, run_sessions
from tests.docs.transcripts import steps
from tests.test_architecture import ALLOWED, COMMANDS

IDS = [page_id(page) for page in PAGES]
README_LINES = 250
OTHERS_FLAGS = {  # of pip, pipx, uv, and those that docs/coming-from.md answers
    "--adapter-path",
    "--bf16",
    "--data",
    "--fp16",
    "--num-predict",
    "--threads",
    "--constraints",
    "--extra-index-url",
    "--maxprocesses",
    "--find-links",
    "--no-index",
    "--pip-args",
    "--torch-backend",
}
EXAMPLES = re.compile(r"/(test_)?count\.(py|md)|NAME")  # what the reader of CONTRIBUTING.md makes


def text_of(name):
    return by_id(name).read_text("utf-8")


def test_the_readmes_are_short():
    for name in ("README.md", "README.zh-CN.md"):
        assert len(text_of(name).splitlines()) <= README_LINES


@pytest.mark.parametrize("command", SUMMARIES)
def test_every_command_has_a_page_with_a_transcript_and_its_reference(command):
    text = text_of(f"docs/commands/{command}.md")
    assert any(f"llmcli {command}" in step.command for step in steps(text))
    assert f"<!-- reference: llmcli {command} -->" in text


def test_every_command_and_subcommand_has_a_transcript():
    shown = " ".join(step.command for name in IDS for step in steps(text_of(name)))
    assert [name for name in COMMANDS if f"llmcli {name}" not in shown] == []


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md", "docs/zh/commands.md"])
def test_a_table_of_commands_is_complete(name):
    assert [command for command in SUMMARIES if f"[`{command}`]" not in text_of(name)] == []


@pytest.mark.parametrize("name", [name for name in IDS if MARKED.search(text_of(name))])
def test_the_reference_is_that_of_the_program(name):
    """python -m tests.docs writes it."""
    assert renew(text_of(name)) == text_of(name)


@pytest.mark.parametrize("name", [name for name in IDS if BLOCK.search(text_of(name))])
def test_sessions_of_python_hold(name):
    written = MARKED.sub("", text_of(name))  # docstrings are run elsewhere
    assert run_sessions(written, name) == ""


@pytest.mark.parametrize("name", IDS)
def test_every_flag_that_a_page_names_exists(name):
    known = {
        flag
        for command in COMMANDS.values()
        for option in command.params
        for flag in (*option.opts, *option.secondary_opts)
    }
    flags = re.findall(r"(?<![\w-])--([a-z][a-z0-9_-]+)", text_of(name))
    spelled = speller(flag.removeprefix("--") for flag in known)
    named = {f"--{spelled(flag)}" for flag in flags}
    assert named - known - OTHERS_FLAGS - {"--help", "--version"} == set()


def test_the_architecture_names_every_room():
    text = text_of("docs/architecture.md")
    assert [room for room in ALLOWED if not re.search(rf"`{room}(/|\.py)`", text)] == []
    folders = {path.parent for path in (ROOT / "llmcli").rglob("__init__.py")}
    inner = {folder.relative_to(ROOT / "llmcli").as_posix() for folder in folders} - {"."}
    assert [folder for folder in sorted(inner) if f"`{folder}/`" not in text] == []


def test_files_that_the_pages_name_are_there():
    pattern = r"`((?:benchmarks|recipes|tests|llmcli|docs|examples)/[\w./-]+)`"
    missing = {
        (name, path)
        for name in [*IDS, "CONTRIBUTING.md"]
        for path in re.findall(pattern, text_of(name))
        if not (ROOT / path).exists() and not EXAMPLES.search(path)
    }
    assert missing == set()


CHINESE = "[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]"


@pytest.mark.parametrize("name", ["README.zh-CN.md", *[n for n in IDS if n.startswith("docs/zh")]])
def test_no_paragraph_of_chinese_has_a_line_break_which_would_show_as_a_space(name):
    text = without_code(text_of(name))
    assert re.findall(rf"{CHINESE}\n{CHINESE}.*", text) == []


def test_the_example_of_the_article_is_in_the_tutorials():
    for name in ("docs/tutorial.md", "docs/zh/tutorial.md"):
        assert '"我明天要去看电影。"' in text_of(name)


def test_every_page_is_in_the_site():
    site = (ROOT / "zensical.toml").read_text("utf-8")
    pages = [page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")]
    assert [page for page in pages if f'"{page}"' not in site] == []


ARCHAIC = re.compile(
    r"\b(heed\w*|lest|whence|whither|thereof|therein|anew|afresh|hitherto|forgo|forthwith"
    r"|(told|tell|tells) apart|nothing but|save for|(come|comes|bring|brings) along)\b",
    re.IGNORECASE,
)
PROSE = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "llmcli").rglob("*.py")]


def test_pages_help_and_docstrings_are_in_present_day_english():
    found = [
        f"{page_id(path)}:{number}: {match[0]}"
        for path in PROSE
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        for match in ARCHAIC.finditer(line)
    ]
    assert found == []
