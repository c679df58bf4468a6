"""`python -m llmcli` is the same program as `llmcli`."""

from llmcli.cli.main import main

if __name__ == "__main__":
    main(prog_name="llmcli")
