"""What users of other programs type first: each line runs, or is answered with the line to type.

docs/coming-from.md has the same table: `python -m tests.cli.test_coming_from` writes it there.
"""

import re
import shlex
from pathlib import Path

import pytest

PAGES = [
    Path(__file__).parent.parent.parent / "docs" / name
    for name in ("coming-from.md", "zh/coming-from.md")
]
MARKED = re.compile(r"(<!-- table -->\n\n.*?\n\|---.*?\n).*(\n<!-- end of table -->)", re.S)
RUNS = ""
"""In place of an answer: the line does what it does there."""

LINES = [
    ("llm", 'llmcli "Once upon a time"', "llmcli generate 'Once upon a time'"),
    ("llm", 'llmcli -m gpt2 "Hello there"', "llmcli generate -m gpt2 'Hello there'"),
    ("llm", 'llmcli prompt -m gpt2-stories "Once" -n 2', RUNS),
    ("llm", "llmcli chat -m gpt2-stories", RUNS),
    ("llm", "llmcli generate Once -o temperature 0.5", "--temperature sets that option"),
    ("llm", 'llmcli similar "my login"', "llmcli embed -i FILE --query 'my login'"),
    ("ollama", 'llmcli run gpt2 "Why is the sky blue?"', "generate -m gpt2 'Why is the sky blue?'"),
    ("ollama", "llmcli list", RUNS),
    ("ollama", "llmcli show gpt2-stories", RUNS),
    ("ollama", "llmcli pull llama3.2:1b", "ollama's names are not the Hub's"),
    ("ollama", "llmcli serve", "there is no server; -i FILE runs many texts"),
    (
        "llama.cpp",
        "llmcli -m a.gguf -p Once -n 2 -ngl 99",
        "llmcli generate -m a.gguf -p Once -n 2",
    ),
    ("llama.cpp", "llmcli generate -p Once --threads 4", "OMP_NUM_THREADS=N"),
    ("mlx-lm", "llmcli generate --model gpt2-stories --prompt Once --max-tokens 2 --temp 0", RUNS),
    ("mlx-lm", "llmcli lora --model gpt2 --data data", "llmcli finetune --lora --model gpt2"),
    ("mlx-lm", "llmcli generate Once --adapter-path out", "-m DIR, the folder with the adapters"),
    ("mlx-lm", "llmcli fuse --model gpt2", "--merge saves a whole model"),
    ("transformers", "llmcli version", RUNS),
    ("transformers", "llmcli env", "llmcli --version"),
    ("transformers", "llmcli chat gpt2", "llmcli chat -m gpt2"),
    ("transformers", 'llmcli fill-mask "The cat [MASK]." --top_k 2', RUNS),
    (
        "transformers",
        "llmcli train --model_name_or_path bert-en --train_file a.csv --output_dir out "
        "--num_train_epochs 1 --per_device_train_batch_size 4 --max_seq_length 16",
        RUNS,
    ),
    ("transformers", "llmcli finetune --train_file a.csv --bf16", "--dtype bfloat16"),
    ("spaCy", "llmcli train config.cfg --output out", "--config FILE"),
    ("spaCy", "llmcli evaluate bert-en a.csv", "llmcli evaluate -m bert-en -i a.csv"),
    ("spaCy", "llmcli debug data config.cfg", "llmcli finetune --train FILE --check"),
    ("spaCy", "llmcli info", "llmcli models show MODEL"),
    ("all", "llmcli help generate", RUNS),
]


@pytest.mark.parametrize(("tool", "line", "answer"), LINES)
def test_a_line_runs_or_names_the_right_one(run, tmp_path, monkeypatch, tool, line, answer):
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"a good film {at},positive\na bad film {at},negative\n" for at in range(6))
    (tmp_path / "a.csv").write_text("text,label\n" + rows)
    (tmp_path / "config.cfg").write_text("[nlp]\n")
    result = run(*shlex.split(line)[1:])
    assert "Traceback" not in result.output
    if answer == RUNS:
        assert result.exit_code == 0, result.output
    else:
        assert result.exit_code in (2, 4)
        assert answer in " ".join(result.stderr.split()), result.stderr
    assert [path.name for path in tmp_path.glob("temperature*")] == []


def table(runs="runs"):
    """The table of the page: what is typed, and what happens."""
    rows = [
        f"| {tool} | `{line}` | {runs if answer == RUNS else f'`{answer}`'} |"
        for tool, line, answer in LINES
    ]
    return "\n".join(rows)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_the_page_has_the_same_table(page):
    runs = "runs" if page.parent.name == "docs" else "可以运行"
    assert table(runs) in page.read_text("utf-8")


def write(page):
    """Write the table into a page."""
    rows = table("runs" if page.parent.name == "docs" else "可以运行")
    text = page.read_text("utf-8")
    page.write_text(MARKED.sub(lambda found: f"{found[1]}{rows}\n{found[2]}", text), "utf-8")


if __name__ == "__main__":
    for path in PAGES:
        write(path)
