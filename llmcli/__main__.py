"""`python -m llmcli` is the same program as `llmcli`."""

from llmcli.cli.main import run_program

if __name__ == "__main__":
    run_program()
