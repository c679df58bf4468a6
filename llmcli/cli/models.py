"""llmcli models: what is on this machine, and what is to be."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llmcli.cli.options import offline_option, output_options, revision_option
from llmcli.cli.output import Output, human_size
from llmcli.cli.tables import show_table
from llmcli.errors import UsageError
from llmcli.spec import ModelSpec

if TYPE_CHECKING:
    from llmcli.tasks.models import ModelDetails

model_argument = click.argument("model_id", metavar="MODEL")


@click.group()
def models() -> None:
    """List, inspect, fetch, check and remove models."""


@models.command("list")
@output_options()
def list_(out: Output) -> None:
    """List the models that come along, those in the hub's cache, and converted ones.

    The cache is the one that all Hugging Face tools share; HF_HOME says where it is. Of
    origin ct2 are copies that were converted for that engine, in LLMCLI_CACHE.
    """
    from llmcli.tasks.models import list_models

    entries = list(list_models())
    if out.is_for_reading:
        rows = [
            [
                *(one.name, f"{one.origin} {one.dtype or ''}".strip(), one.task),
                *(human_size(one.bytes), (one.last_used or "")[:10]),
            ]
            for one in entries
        ]
        show_table(["name", "origin", "task", "size", "last used"], rows, right=frozenset({"size"}))
        return
    with out.records(lambda record: str(record["name"])) as writer:
        for one in entries:
            writer.write(asdict(one))


@models.command()
@model_argument
@revision_option
@offline_option
@output_options()
def show(model_id: str, revision: str | None, offline: bool, out: Output) -> None:
    """Show what MODEL is: architecture, size, context, licence, files."""
    from llmcli.tasks.models import show_model

    details = show_model(ModelSpec(model_id, revision, offline=offline))
    if out.format == "text" and out.path is None:
        _show(details, out)
        return
    with out.records(lambda record: str(record["name"])) as writer:
        writer.write(asdict(details))


def _show(details: "ModelDetails", out: Output) -> None:
    facts = {
        "name": details.name,
        "origin": details.origin,
        "folder": details.folder,
        "revision": details.revision,
        "architecture": details.architecture,
        "task": details.task,
        "parameters": None if details.parameters is None else f"{details.parameters:,}",
        "stored as": details.dtype,
        "context": None if details.context is None else f"{details.context:,} tokens",
        "vocabulary": None if details.vocabulary is None else f"{details.vocabulary:,}",
        "licence": details.licence,
    }
    if details.origin != "hub":
        del facts["revision"]
    for name, value in facts.items():
        out.line(f"{name:<13} {'unknown' if value is None else value}")
    for at, file in enumerate(details.files):
        out.line(f"{'' if at else 'files':<13} {file.name} ({human_size(file.bytes)})")


@models.command()
@model_argument
@revision_option
@output_options()
def pull(model_id: str, revision: str | None, out: Output) -> None:
    """Fetch MODEL from the hub into the cache, or what is new of it.

    Files that are whole are not fetched again. HF_ENDPOINT names a mirror, HF_TOKEN the key to
    gated models.
    """
    from llmcli.models import hub

    spec = ModelSpec(model_id, revision)
    if hub.resolve_local(spec) is not None:
        raise UsageError(f"{model_id} is on this machine already: there is nothing to pull")
    _write_path(out, model_id, hub.pull_any(spec).path)


def _write_path(out: Output, model_id: str, path: Path) -> None:
    with out.records(lambda record: str(record["path"])) as writer:
        writer.write({"name": model_id, "path": str(path)})


@models.command()
@model_argument
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@output_options()
def rm(model_id: str, yes: bool, out: Output) -> None:
    """Remove MODEL from the hub's cache, all revisions, and its copies for the ct2 engine.

    Of a starter or a local model, only the copies are removed.
    """
    from llmcli.tasks.models import removable, remove_model

    size = human_size(removable(model_id))
    if not yes:
        click.confirm(f"Remove {model_id} ({size})?", abort=True, err=True)
    freed = remove_model(model_id)
    with out.records(lambda record: f"removed {model_id}, {size}") as writer:
        writer.write({"name": model_id, "bytes": freed})


@models.command()
@model_argument
@revision_option
@offline_option
@output_options()
def path(model_id: str, revision: str | None, offline: bool, out: Output) -> None:
    """Print the folder that holds MODEL, or its GGUF file."""
    from llmcli.models import hub

    _write_path(out, model_id, hub.resolve(ModelSpec(model_id, revision, offline=offline)).path)


@models.command()
@model_argument
@revision_option
@output_options()
def verify(model_id: str, revision: str | None, out: Output) -> None:
    """Compare MODEL's files with the hashes they were published with.

    Uses no network: the cache keeps each file under its hash, other folders have SHA256SUMS.
    `unknown` is a file without a published hash.
    """
    from llmcli.tasks.models import damaged, verify_model

    checks = verify_model(ModelSpec(model_id, revision, offline=True))
    with out.records(lambda record: f"{record['state']:<8} {record['file']}") as writer:
        for one in checks:
            writer.write(asdict(one))
    error = damaged(checks, model_id)
    if error is not None:
        raise error


@models.command()
@model_argument
@click.argument("folder", metavar="FOLDER")
@revision_option
@output_options()
def convert(model_id: str, folder: str, revision: str | None, out: Output) -> None:
    """Rewrite MODEL's pickled weights (pytorch_model.bin) as safetensors in FOLDER.

    The pickle is read by torch's weights-only reader, which runs no code.
    """
    target = Path(folder)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} is not empty: give a new folder")
    from llmcli.engines.pytorch.saving import convert_pickle

    convert_pickle(ModelSpec(model_id, revision), target)
    _write_path(out, model_id, target)
