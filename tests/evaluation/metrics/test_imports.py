"""What the metrics import."""

import subprocess
import sys


def test_the_metrics_import_numpy_alone():
    code = (
        "import importlib, pkgutil, sys, llmcli.evaluation.metrics as metrics\n"
        "for module in pkgutil.iter_modules(metrics.__path__, 'llmcli.evaluation.metrics.'):\n"
        "    importlib.import_module(module.name)\n"
        "assert 'llmcli.evaluation.metrics.bleu' in sys.modules\n"
        "print(sys.modules.keys() & {'torch', 'sacrebleu', 'transformers', 'nltk'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr
