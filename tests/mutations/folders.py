"""Sound model folders of each kind, the command that uses one, and what its answer is."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.tiny_models import (
    GPT2,
    MORE_WORDS,
    STORY,
    WORDS,
    make_adapters,
    make_bert,
    make_causal,
    make_marian,
)

PROMPT, GAPS, FRENCH = "Once upon a", "the [MASK] sat", "the cat sat"
NEW_TOKENS = 6
TRAINING = ("--max-steps", "4", "--save-steps", "3", "--block-size", "16", "--batch-size", "2")


@dataclass(frozen=True)
class Kind:
    """A kind of folder.

    folder: below the root that `make_all` filled; a case changes a copy of it. arguments: of
    llmcli, for a copy. answer: from the standard output and the copy. share: of its cases that
    the campaign runs, where each takes seconds or has many siblings.
    """

    name: str
    folder: str
    arguments: Callable[[Path], list[str]]
    answer: Callable[[str, Path], Any]
    share: float = 1.0


def make_all(root: Path) -> None:
    """Make one sound folder of each kind below `root`, which does not exist yet."""
    from llmcli.training.new_tokenizers import train_tokenizer

    root.mkdir(parents=True)
    bpe = train_tokenizer([STORY] * 3, vocab_size=300, max_length=64)
    make_causal(bpe, root / "causal", **GPT2)
    make_bert(root / "masked", "MaskedLM", WORDS + MORE_WORDS)
    make_marian(root / "marian", source_lang="en", target_lang="fr")
    for name in ("text", "source.vocab", "target.vocab"):
        (root / "marian" / name).unlink()
    _make_sentence_model(root / "sentence")
    make_adapters(root / "causal", root / "adapter", "CAUSAL_LM", "AutoModelForCausalLM")
    _train(root)


def _make_sentence_model(folder: Path) -> None:
    import torch
    from safetensors.torch import save_file

    make_bert(folder, "", WORDS + MORE_WORDS)
    package = "sentence_transformers.models"
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Dense", "Dense")]
    listed = [
        {"idx": at, "name": str(at), "path": path, "type": f"{package}.{name}"}
        for at, (path, name) in enumerate(modules)
    ]
    write_json(folder / "modules.json", listed)
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": 12, "do_lower_case": False})
    prompts = {"prompts": {"query": "who ", "document": "this is "}, "default_prompt_name": None}
    names = {"similarity_fn_name": "cosine", "__version__": {"sentence_transformers": "6.2.0"}}
    write_json(folder / "config_sentence_transformers.json", {**prompts, **names})
    pooling = {"word_embedding_dimension": 8, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling").mkdir()
    write_json(folder / "1_Pooling" / "config.json", {**pooling, "include_prompt": True})
    dense = {"in_features": 8, "out_features": 4, "bias": True}
    (folder / "2_Dense").mkdir()
    write_json(
        folder / "2_Dense" / "config.json",
        {**dense, "activation_function": "torch.nn.modules.activation.Tanh"},
    )
    torch.manual_seed(2)
    weights = {"linear.weight": torch.randn(4, 8) / 4, "linear.bias": torch.randn(4)}
    save_file(weights, folder / "2_Dense" / "model.safetensors")


def _train(root: Path) -> None:
    """A trained folder, and one whose training was cut off after its third step of four."""
    from click.testing import CliRunner

    from llmcli.cli.main import main

    (root / "rows.txt").write_text(STORY * 20, "utf-8")
    result = CliRunner().invoke(main, _finetune(root, root / "trained"))
    assert result.exit_code == 0, result.output
    shutil.copytree(root / "trained", root / "cut-off")
    shutil.rmtree(root / "trained" / "checkpoints")
    for path in (root / "cut-off").iterdir():
        if path.name not in ("checkpoints", "training.json", "metrics.jsonl"):
            path.unlink()
    shutil.rmtree(root / "cut-off" / "checkpoints" / "checkpoint-4")


def _finetune(root: Path, output: Path, *more: str) -> list[str]:
    places = ["-m", str(root / "causal"), "--train", str(root / "rows.txt"), "-o", str(output)]
    return ["finetune", "-q", *places, *TRAINING, "--device", "cpu", *more]


def write_json(path: Path, value: object) -> None:
    """Write a file of JSON, indented."""
    path.write_text(json.dumps(value, indent=1) + "\n", "utf-8")


def _generate(folder: Path, engine: str = "torch") -> list[str]:
    settings = ["-n", str(NEW_TOKENS), "--temperature", "0", "--engine", engine, "--json"]
    return ["generate", "-q", "-m", str(folder), PROMPT, *settings]


def _fill(folder: Path) -> list[str]:
    return ["fill", "-q", "-m", str(folder), GAPS, "--json"]


def _translate(folder: Path) -> list[str]:
    settings = ["-n", str(NEW_TOKENS), "--num-beams", "1", "--json"]
    return ["translate", "-q", "-m", str(folder), "-f", "en", "-t", "fr", FRENCH, *settings]


def _embed(folder: Path) -> list[str]:
    return ["embed", "-q", "-m", str(folder), PROMPT, "--json"]


def _resume(folder: Path) -> list[str]:
    root = (folder.parent.parent / "sound").resolve()  # as it was when the training began
    return _finetune(root, folder, "--resume")


def _record(stdout: str) -> Any:
    """The one record that a command printed, as a list or by itself."""
    value = json.loads(stdout)
    return value[0] if isinstance(value, list) else value


def _text(stdout: str, folder: Path) -> str:
    record = _record(stdout)
    return str(record["translation"] if "translation" in record else record["text"])


def _words(stdout: str, folder: Path) -> list[tuple[str, float]]:
    (gap,) = _record(stdout)["gaps"]
    return [(choice["word"], choice["probability"]) for choice in gap["candidates"]]


def _vector(stdout: str, folder: Path) -> list[float]:
    return list(_record(stdout)["embedding"])


def _weights(stdout: str, folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


KINDS = (
    Kind("causal", "causal", _generate, _text),
    Kind("causal on ct2", "causal", lambda folder: _generate(folder, "ct2"), _text, 0.15),
    Kind("masked", "masked", _fill, _words),
    Kind("encoder-decoder", "marian", _translate, _text),
    Kind("sentence-transformers", "sentence", _embed, _vector),
    Kind("adapter", "adapter", _generate, _text),
    Kind("trained", "trained", _generate, _text, 0.3),
    Kind("checkpoint", "cut-off", _resume, _weights, 0.1),
)
