"""What only a real process shows: pipes, signals, start-up."""

import os
import platform
import pty
import signal
import subprocess
import sys

import pytest

LLMCLI = [sys.executable, "-m", "llmcli"]


def shell(command, **more):
    command = command.replace("llmcli", f"{sys.executable} -m llmcli")
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, **more
    )


def test_a_pipe_gets_text_and_nothing_else():
    result = shell("llmcli generate hi -q -n 8 --temperature 1 --seed 1 | cat -v")
    assert result.stderr == ""
    assert result.stdout.startswith("hi")
    assert "^[" not in result.stdout and "^M" not in result.stdout


def test_a_closed_pipe_ends_quietly():
    result = shell("set +o pipefail; llmcli tokenize 'a long text' --format jsonl | head -c 1")
    assert (result.returncode, result.stderr.count("\n")) == (0, 1)  # the note on the starter
    assert result.stdout == "{"
    result = shell("llmcli generate hi -q -n 100 --temperature 1 --seed 1 | true")
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("words", ["tokenize --ids hi -q", "--help", "--version", "models list"])
def test_results_that_cannot_be_written_are_an_error_in_one_line(words):
    result = shell(f"llmcli {words} > /dev/full")
    assert result.returncode == 7
    assert result.stderr == "Error: cannot write to <stdout>: No space left on device\n"
    result = shell(f"llmcli {words} >&-")
    assert result.returncode == 3
    assert result.stderr == "Error: cannot write to <stdout>: it is closed\n"


def test_help_into_a_closed_pipe_ends_quietly():
    result = shell("set +o pipefail; llmcli --help | true; exit ${PIPESTATUS[0]}")
    assert (result.returncode, result.stderr) == (0, "")


def test_messages_that_cannot_be_written_are_dropped(tmp_path):
    for closed in ("2>&-", "2>/dev/full"):
        result = shell(f"llmcli tokenize --ids hi {closed}")
        assert (result.returncode, result.stdout) == (0, "72 73\n")
        assert shell(f"llmcli tokenize --nonsense {closed}").returncode == 2


def test_a_file_does_not_take_the_place_of_a_closed_stream(tmp_path):
    target = tmp_path / "out.jsonl"
    command = f"llmcli tokenize hi --format jsonl -o {target} <&- >&- 2>&-"
    assert shell(command).returncode == 0
    assert target.read_text().startswith("{") and target.read_text().endswith("}\n")


def test_dev_stdout_is_written_and_not_replaced(tmp_path):
    target = tmp_path / "out.jsonl"
    command = f"llmcli tokenize -q hi -o /dev/stdout --format jsonl > {target}"
    assert shell(command).returncode == 0
    assert os.path.islink("/dev/stdout") and target.read_text().startswith("{")


def test_a_closed_stdin_is_an_error_in_one_line():
    result = shell("llmcli tokenize --ids -q - <&-")
    assert (result.returncode, result.stderr.count("\n")) == (3, 1)


def test_output_is_utf8_whatever_the_locale():
    result = shell("PYTHONIOENCODING=latin-1 llmcli tokenize -q 月 --json")
    assert result.returncode == 0 and "月" in result.stdout


def test_text_appears_while_it_is_generated_and_ctrl_c_keeps_it(tiny_gpt2):
    words = ["generate", "Once upon", "-m", str(tiny_gpt2), "-q", "--temperature", "2"]
    with subprocess.Popen(
        [*LLMCLI, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        first = os.read(process.stdout.fileno(), 9)
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)
    assert first == b"Once upon"
    assert b"Traceback" not in errors
    assert process.returncode in (0, 130)  # 0: it was done before the signal came
    assert rest.endswith(b"\n")


def test_on_a_terminal_the_prompt_is_dimmed(tiny_gpt2):
    master, slave = pty.openpty()
    words = ["generate", "Once", "-m", str(tiny_gpt2), "-q", "-n", "2"]
    with subprocess.Popen([*LLMCLI, *words], stdin=slave, stdout=slave, stderr=slave) as process:
        process.wait(timeout=60)
    os.close(slave)
    shown = os.read(master, 1000)
    os.close(master)
    assert shown.startswith(b"\x1b[2mOnce\x1b[0m")


HEAVY = {"torch", "transformers", "tokenizers", "huggingface_hub", "rich", "numpy", "yaml"}


def loaded_by(*words):
    code = "import sys\nfrom llmcli.cli import process\nprocess.set_up()\n"
    code += (
        f"from llmcli.cli.main import main\nmain({list(words)!r}, standalone_mode=False)\n"
        if not words or words[0] != "usage"
        else "from click.testing import CliRunner\n"
        "from llmcli.cli.main import main\n"
        "assert CliRunner().invoke(main, ['generate', '--nonsense']).exit_code == 2\n"
    )
    code += f"print(*sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return set(result.stderr.splitlines()[-1].split())


def test_help_loads_no_heavy_library():
    assert loaded_by("--help") == set()
    assert loaded_by("generate", "--help") == set()


def test_a_usage_error_loads_no_heavy_library():
    assert loaded_by("usage") == set()


@pytest.mark.parametrize("name", ["gpt2-stories", "bert-en", "marian-en-fr-zh"])
def test_tokenizing_with_a_starter_loads_neither_torch_nor_transformers_nor_numpy(name):
    words = ("tokenize", "-m", name, "--count", "hi", "-q")
    assert not loaded_by(*words) & {"torch", "transformers", "numpy"}


def test_generating_with_a_starter_loads_no_numpy():
    words = ("generate", "-m", "gpt2-stories", "-n", "2", "hi", "-q", "--engine", "ct2")
    loaded_by(*words)  # converts it
    assert not loaded_by(*words) & {"torch", "transformers", "numpy", "huggingface_hub", "yaml"}


def test_showing_a_script_loads_no_model():
    assert "torch" not in loaded_by("models", "path", "gpt2-stories")


only_glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="other systems keep freed memory or have no setting"
)


@only_glibc
def test_memory_that_a_layer_frees_is_kept_for_the_next():
    code = (
        "import resource; import numpy as np; {}"
        "pages = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "np.ones(2**24, np.uint8); before = pages()\n"
        "for _ in range(10): np.ones(2**24, np.uint8)\n"
        "print(pages() - before)"
    )

    def faults(first):
        done = subprocess.run(
            [sys.executable, "-c", code.format(first)], capture_output=True, check=True
        )
        return int(done.stdout)

    kept = faults("from llmcli.cli.process import set_up; set_up();")
    assert kept * 10 < faults("")


@only_glibc
@pytest.mark.skipif(
    tuple(map(int, platform.release().split(".")[:2])) < (5, 14),
    reason="Linux has no such call before",
)
def test_memory_for_weights_is_cleared_ahead():
    code = (
        "import resource, threading; import numpy as np\n"
        "from llmcli.cli.process import set_up; from llmcli.system.memory import make_ready\n"
        "set_up(); {}\n"
        "for thread in threading.enumerate()[1:]:\n"
        "    if thread.name != 'signals': thread.join()\n"
        "pages = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "before = pages(); held = [np.ones(2**21, np.uint8) for _ in range(30)]\n"
        "print(pages() - before)"
    )

    def faults(first):
        command = [sys.executable, "-c", code.format(first)]
        return int(subprocess.run(command, capture_output=True, check=True).stdout)

    assert faults("make_ready(2**26)") * 5 < faults("")


@pytest.mark.parametrize("status", [0, 3])
def test_the_program_ends_at_once_after_its_exit_functions(status):
    code = (
        "import atexit, sys; from llmcli.cli import process\n"
        "class Slow:\n"
        "    def __del__(self): print('taken apart')\n"
        "slow = Slow()\n"
        "atexit.register(print, 'registered')\n"
        "print('text')\n"
        f"process.leave({status})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (status, "text\nregistered\n", "")


def test_the_program_waits_for_threads_and_prints_its_last_message():
    code = (
        "import threading, time; from llmcli.cli import process\n"
        "def late(): time.sleep(0.2); print('late')\n"
        "threading.Thread(target=late).start()\n"
        "process.leave('a message')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, "late\n", "a message\n")


def test_the_start_looks_for_reference_cycles_only_when_all_is_imported():
    code = (
        "import gc, os, runpy, sys\n"
        "starts, leave = [], os._exit\n"
        "gc.callbacks.append(lambda phase, about: starts.append(phase))\n"
        "def end(status):\n"
        "    os.write(2, f'{starts.count(\"start\")} {gc.isenabled()}'.encode())\n"
        "    leave(status)\n"
        "os._exit = end\n"
        "sys.argv = ['llmcli', 'generate', '--nonsense']\n"
        "runpy.run_module('llmcli', run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    count, is_enabled = done.stderr.splitlines()[-1].split()
    assert (done.returncode, is_enabled) == (2, "True")
    assert int(count) <= 4  # 16 if Python looked as often as it does by itself


@pytest.mark.parametrize(
    ("setting", "spins"),
    [
        ({}, "1000"),
        ({"GOMP_SPINCOUNT": "5"}, "5"),
        ({"OMP_WAIT_POLICY": "active"}, ""),
        ({"OMP_PROC_BIND": "true"}, ""),
        ({"GOMP_CPU_AFFINITY": "0"}, ""),
    ],
)
def test_threads_of_openmp_spin_for_a_moment_unless_the_user_says_how_they_wait(setting, spins):
    code = "import os\nfrom llmcli.cli import process\nprocess.set_up()\n"
    code += "print(os.environ.get('GOMP_SPINCOUNT', ''))"
    kept = {name: value for name, value in os.environ.items() if "OMP" not in name}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env={**kept, **setting})
    assert done.stdout.strip() == spins
