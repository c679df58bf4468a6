"""Every transcript of the documentation is what its commands print."""

import doctest

import pytest

from tests.docs import markup, transcripts
from tests.docs.pages import PAGES, by_id, page_id
from tests.docs.preloaded import preloaded
from tests.docs.transcripts import Step, environment, rewrite, run, steps

WITH_TRANSCRIPTS = [page_id(page) for page in PAGES if steps(page.read_text("utf-8"))]


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """A folder with an `llmcli` that starts at once."""
    folder = tmp_path_factory.mktemp("preloaded")
    with preloaded(folder, environment(folder, folder)) as programs:
        yield programs


@pytest.mark.parametrize("name", WITH_TRANSCRIPTS)
def test_the_transcripts_of_a_page_are_what_its_commands_print(name, programs):
    shown = steps(by_id(name).read_text("utf-8"))
    for step, printed in zip(shown, run((step.command for step in shown), programs), strict=True):
        assert step.matches(printed), f"$ {step.command}\n{printed}\nnot\n{step.output}"


def test_worked_examples_hold():
    assert doctest.testmod(transcripts).failed == doctest.testmod(markup).failed == 0


def test_fractions_may_differ_a_little_and_words_may_not():
    step = Step("x", "perplexity 3.967 of 9 rows\n")
    assert step.matches("perplexity  3.969 of 9 rows\n")
    assert not step.matches("perplexity 4.967 of 9 rows\n")
    assert not step.matches("perplexity 3.967 of 8 rows\n")
    assert not step.matches("perplexity 3.967 of 9 rows: 1.5\n")


PAGE = """# A page

```console
$ echo 1.50; \\
>   echo two
1.501
two
$ cat file
nothing
```

```text
$ echo untouched
```
"""


def test_rewriting_renews_what_changed_and_leaves_the_rest():
    text = PAGE.replace("cat file", "echo three")
    assert rewrite(text) == (text.replace("nothing", "three"), [])


def test_rewriting_does_not_take_over_a_new_failure():
    text = PAGE.replace("cat file", "echo Error: no such model")
    assert rewrite(text) == (text, ["$ echo Error: no such model\nError: no such model\n"])


def test_commands_of_a_page_share_a_folder_and_see_no_settings(monkeypatch):
    monkeypatch.setenv("LLMCLI_MODEL", "gpt2")
    printed = list(run(["echo hello > file", "cat file; ls", "echo $LLMCLI_MODEL$HF_HUB_OFFLINE"]))
    assert printed == ["", "hello\nfile\n", "1\n"]


def test_errors_of_rounding_are_small_whatever_their_exponent():
    step = Step("llmcli explain", "against the model: 5.7e-08, holds (error 3e-08)\n")
    assert step.matches("against the model: 1.2e-07, holds (error 9e-09)\n")
    assert not step.matches("against the model: 5.7e-01, holds (error 3e-08)\n")
    assert not step.matches("against the model: 5.7e-08, FAILS (error 3e-08)\n")
