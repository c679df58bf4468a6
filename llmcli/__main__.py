"""The program `llmcli`, which `python -m llmcli` is as well."""

import sys

from llmcli.system import signals
from llmcli.system.resource_errors import scarce_resource


def run_program() -> None:
    """Run llmcli: what happens before the command line can tell of it is one line, too."""
    signals.leave_at_once()  # during the imports
    try:
        from llmcli.cli import main
    except (OSError, ImportError, MemoryError) as error:
        scarce = scarce_resource(error)
        if scarce is None:
            raise
        sys.stderr.write(f"Error: {scarce}\n")
        sys.exit(scarce.exit_code)
    main.run_program()


if __name__ == "__main__":
    run_program()
