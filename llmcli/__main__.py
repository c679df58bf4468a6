"""The program `llmcli`, which `python -m llmcli` is as well."""

import gc
import os
import signal
import sys

for _name in ("SIGINT", "SIGTERM", "SIGHUP"):  # before anything else: an import can take a second
    _number = getattr(signal, _name, None)
    if _number is not None and signal.getsignal(_number) is not signal.SIG_IGN:
        signal.signal(_number, lambda number, frame: os._exit(128 + number))


def run_program() -> None:
    """Run llmcli: what happens before the command line can tell of it is one line, too."""
    from llmcli.system.resource_errors import scarce_resource

    try:
        from llmcli.cli import root_help

        if root_help.is_asked_for(sys.argv[1:]):
            os._exit(root_help.write_help())
        gc.disable()  # until `process.set_up`: imports make many objects and drop none
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
