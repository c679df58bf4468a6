"""Keeps the files that a command reads: refuses to write over them."""

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from llmcli.cli.config import CONFIG
from llmcli.cli.flags import flag_of
from llmcli.cli.types import InputPath, OutputPath
from llmcli.errors import UsageError

BESIDE = ("", ".part", ".part.journal", ".jsonl")
"""Endings of the files that are written, or replaced, for one output."""
MODEL_FILES = (
    *("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"),
    *("special_tokens_map.json", "added_tokens.json", "vocab.json", "vocab.txt", "merges.txt"),
    *("modules.json", "adapter_config.json", "model.safetensors.index.json", "training.json"),
)

File = tuple[str, os.stat_result]
"""How messages name a file, and what the system says of it."""


def keep_inputs(params: Sequence[click.Parameter], ctx: click.Context) -> None:
    """Raise UsageError if an output of a command is one of its inputs, or another output.

    Two paths are the same file if the file system says so: relative or not, through links, and
    in another case where the file system does not tell them apart.
    """
    outputs = list(_outputs(params, ctx))
    if not outputs:
        return
    inputs = list(_inputs(params, ctx))
    for flag, path in outputs:
        for name, written in _existing(flag, path):
            for source, read in inputs:
                if os.path.samestat(written, read):
                    raise UsageError(f"{name} is the same file as {source}: choose another name")
    _refuse_equal_outputs(outputs)


def _outputs(params: Sequence[click.Parameter], ctx: click.Context) -> Iterator[tuple[str, str]]:
    """Each output: its flag and its path; stdout has an empty path."""
    for param in params:
        value = ctx.params.get(str(param.name))
        if isinstance(param.type, OutputPath) and value not in (None, "", "-"):
            yield _name(param), str(value)
    if any(isinstance(param.type, InputPath) for param in params):
        yield "stdout", ""


def _existing(flag: str, path: str) -> Iterator[File]:
    """The files that an output would replace or change; devices are written to as they are."""
    if not path:
        status = _status(1)
        if status is not None and stat.S_ISREG(status.st_mode):
            yield flag, status
        return
    for ending in BESIDE:
        status = _status(path + ending)
        if status is not None and (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            yield (f"{flag} {path}" if not ending else f"{path}{ending}, beside {flag},"), status


def _inputs(params: Sequence[click.Parameter], ctx: click.Context) -> Iterator[File]:
    """Each file or folder that the command reads."""
    if CONFIG in ctx.meta:
        yield from _read("--config", ctx.meta[CONFIG])
    for param in params:
        if not isinstance(param.type, InputPath):
            continue
        value = ctx.params.get(str(param.name))
        for path in value if isinstance(value, tuple) else (value,):
            yield from _read(_name(param), path)
    if "texts" in ctx.params and not ctx.params["texts"] and ctx.params.get("input") is None:
        yield from _read("stdin", "-")


def _name(param: click.Parameter) -> str:
    """What messages call a parameter: its flag, or the argument as --help shows it."""
    is_flag = isinstance(param, click.Option)
    return flag_of(param) if is_flag else str(param.metavar or param.name).upper()


def _read(flag: str, path: Any) -> Iterator[File]:
    """A file, or a folder and those files in it that are read; nothing if there is none."""
    status = _status(0 if path == "-" else path)
    if not path or status is None:
        return
    if stat.S_ISREG(status.st_mode):
        yield (flag if flag == "stdin" else f"{flag} {path}"), status
    elif stat.S_ISDIR(status.st_mode):
        yield f"{flag} {path}", status
        is_model = flag != "--context-file"
        inner = map(Path(path).joinpath, MODEL_FILES) if is_model else Path(path).rglob("*")
        for status in map(_status, inner):
            if status is not None:
                yield f"{flag} {path}", status


def _refuse_equal_outputs(outputs: list[tuple[str, str]]) -> None:
    paths: dict[str, str] = {}
    for flag, path in outputs:
        if path:
            real = os.path.realpath(path)
            if real in paths:
                raise UsageError(f"{flag} and {paths[real]} both name {path}: choose another name")
            paths[real] = flag


def _status(path: Any) -> os.stat_result | None:
    """What the system says of a path or of an open file; None where there is none."""
    if path == 0 and sys.stdin is None or path == 1 and sys.stdout is None:
        return None
    try:
        return os.stat(path)
    except (OSError, ValueError, TypeError):
        return None
