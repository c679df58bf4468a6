"""Settings in messages are flags on the command line."""

from llmcli.cli.flags import with_flags
from llmcli.cli.main import main


def test_a_setting_of_any_command_becomes_its_longest_flag_and_the_model_m():
    generate = main.get_command(None, "generate")
    message = "`max_new_tokens` 9 is too many; set `model`, or `on_overflow`=truncate"
    assert with_flags(message, generate) == (
        "--max-new-tokens 9 is too many; set -m, or --on-overflow truncate"
    )


def test_the_group_models_names_the_flags_of_its_commands():
    assert with_flags("leave out `revision`", main.get_command(None, "models")) == (
        "leave out --revision"
    )


def test_names_that_are_no_setting_are_kept():
    tokenize = main.get_command(None, "tokenize")
    assert with_flags("`lookup` and `num_beams`", tokenize) == "`lookup` and `num_beams`"


def test_debugging_prints_the_traceback_before_the_line(run, monkeypatch):
    monkeypatch.setenv("LLMCLI_DEBUG", "1")
    result = run("generate", "-q", "-m", "/nowhere/model", "Hi")
    assert result.exit_code == 4
    assert "Traceback" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("Error: ")
    monkeypatch.delenv("LLMCLI_DEBUG")
    assert "Traceback" not in run("generate", "-q", "-m", "/nowhere/model", "Hi").stderr
