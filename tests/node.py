"""Runs the modules of pages under Node."""

import json
import shutil
import subprocess
from typing import Any

import pytest

from llmcli.interpretability.write_page import SOURCES


def run_module(script: str) -> Any:
    """What a script writes by `give(value)`. It imports modules of page/js from "js:NAME.js".

    Skips the test where there is no Node.
    """
    if shutil.which("node") is None:
        pytest.skip("no Node on this machine")
    script = script.replace("js:", f"{(SOURCES / 'js').as_uri()}/")
    script += "\nfunction give(value) { console.log(JSON.stringify(value)); }"
    command = ["node", "--input-type=module", "-"]
    done = subprocess.run(command, input=script, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
