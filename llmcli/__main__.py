"""The program `llmcli`, which `python -m llmcli` is as well."""

from llmcli.system import signals

signals.leave_at_once()  # at Ctrl-C during the imports below

from llmcli.cli.main import run_program  # noqa: E402

if __name__ == "__main__":
    run_program()
