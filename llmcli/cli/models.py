"""llmcli models: the models on this machine, and how to get more."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from llmcli.cli.command import Command
from llmcli.cli.options.model import offline_option, revision_option
from llmcli.cli.options.output import output_options
from llmcli.cli.output import Output, human_size
from llmcli.cli.tables import show_table
from llmcli.cli.types import INPUT_PATH, OUTPUT_PATH
from llmcli.spec import ModelSpec

if TYPE_CHECKING:
    from llmcli.tasks.models import ModelDetails

model_argument = click.argument("model_id", type=INPUT_PATH, metavar="MODEL")


ALIASES = {"ls": "list", "remove": "rm"}
"""Other names of commands, which --help does not list."""


class Models(click.Group):
    """The group of commands, which also takes the aliases."""

    command_class = Command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        return super().resolve_command(ctx, [ALIASES.get(args[0], args[0]), *args[1:]])


@click.group(cls=Models)
def models() -> None:
    """List, inspect, download, verify and remove models."""


@models.command("list")
@output_options()
def list_(out: Output) -> None:
    """List the starter models, those in the Hub's cache, and converted ones.

    All Hugging Face tools share that cache; HF_HOME says where it is. Models of origin gguf are
    GGUF files that were unpacked, those of origin ct2 copies that were converted for that engine;
    both are in LLMCLI_CACHE. ls is short for list.
    """
    from llmcli.tasks.models import list_models

    entries = list(list_models())
    if out.is_for_reading:
        rows = [
            [
                *(entry.name, f"{entry.origin} {entry.dtype or ''}".strip(), entry.task),
                *(human_size(entry.bytes), (entry.last_used or "")[:10]),
            ]
            for entry in entries
        ]
        show_table(["name", "origin", "task", "size", "last used"], rows, right=frozenset({"size"}))
        return
    with out.records(lambda record: str(record["name"])) as writer:
        for entry in entries:
            writer.write(entry.to_dict())


@models.command()
@model_argument
@revision_option
@offline_option
@output_options()
def show(model_id: str, revision: str | None, offline: bool, out: Output) -> None:
    """Show the architecture, size, context, licence and files of MODEL."""
    from llmcli.tasks.models import show_model

    details = show_model(ModelSpec(model_id, revision, offline=offline))
    if out.format == "text" and out.path is None:
        _show(details, out)
        return
    with out.records(lambda record: str(record["name"])) as writer:
        writer.write(details.to_dict())


def _show(details: "ModelDetails", out: Output) -> None:
    facts = {
        "name": details.name,
        "origin": details.origin,
        "folder": details.folder,
        "revision": details.revision,
        "architecture": details.architecture,
        "task": details.task,
        "adapters for": details.base,
        "parameters": None if details.parameters is None else f"{details.parameters:,}",
        "stored as": details.dtype,
        "context": None if details.context is None else f"{details.context:,} tokens",
        "vocabulary": None if details.vocabulary is None else f"{details.vocabulary:,}",
        "licence": details.licence,
    }
    if details.origin != "hub":
        del facts["revision"]
    if details.base is None:
        del facts["adapters for"]
    for name, value in facts.items():
        out.line(f"{name:<13} {'unknown' if value is None else value}")
    for at, file in enumerate(details.files):
        out.line(f"{'' if at else 'files':<13} {file.name} ({human_size(file.bytes)})")


@models.command()
@model_argument
@revision_option
@output_options()
def pull(model_id: str, revision: str | None, out: Output) -> None:
    """Download MODEL from the Hub into the cache, or update it.

    Files that are complete are not downloaded again. HF_ENDPOINT names a mirror, HF_TOKEN the
    token for gated models.
    """
    from llmcli.tasks.models import pull_model

    _write_path(out, model_id, pull_model(ModelSpec(model_id, revision)))


def _write_path(out: Output, model_id: str, path: Path) -> None:
    with out.records(lambda record: str(record["path"])) as writer:
        writer.write({"name": model_id, "path": str(path)})


@models.command()
@model_argument
@click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")
@output_options()
def rm(model_id: str, yes: bool, out: Output) -> None:
    """Remove MODEL from the Hub's cache, all revisions, and its unpacked and converted copies.

    Of a starter or a local model, only the copies are removed. remove is another name for rm.
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
    """Print the path of MODEL's folder, or of its GGUF file."""
    from llmcli.tasks.models import model_path

    _write_path(out, model_id, model_path(ModelSpec(model_id, revision, offline=offline)))


@models.command()
@model_argument
@revision_option
@output_options()
def verify(model_id: str, revision: str | None, out: Output) -> None:
    """Compare MODEL's files with their published hashes.

    This needs no network: the cache stores each file under its hash, other folders have SHA256SUMS.
    A file without a published hash is `unknown`.
    """
    from llmcli.tasks.models import damaged, verify_model

    checks = verify_model(ModelSpec(model_id, revision, offline=True))
    with out.records(lambda record: f"{record['state']:<8} {record['file']}") as writer:
        for check in checks:
            writer.write(check.to_dict())
    error = damaged(checks, model_id)
    if error is not None:
        raise error


@models.command()
@model_argument
@click.argument("folder", type=OUTPUT_PATH, metavar="FOLDER")
@revision_option
@output_options()
def convert(model_id: str, folder: str, revision: str | None, out: Output) -> None:
    """Convert MODEL's pickled weights (pytorch_model.bin) to safetensors in FOLDER.

    torch's weights-only reader reads the pickle, and runs no code from it. Of a GGUF file, FOLDER
    becomes an ordinary model, whose weights are floats.
    """
    from llmcli.tasks.models import convert_model

    target = Path(folder)
    convert_model(ModelSpec(model_id, revision), target)
    _write_path(out, model_id, target)
