"""The page and the picture that score writes beside its results."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from llmcli.cli.output import Output
from llmcli.cli.output_path import is_stream, require_writable
from llmcli.cli.row_command import RowCommand
from llmcli.data.write_errors import whole_file
from llmcli.errors import InputError

if TYPE_CHECKING:
    from llmcli.engines.base import Loaded


class ScoreFiles:
    """Collects the results of a run for --html and --png."""

    def __init__(self, html: str | None, png: str | None) -> None:
        """Raises InputError for a file that cannot be written, before any work."""
        self._paths = {"html": html, "png": png}
        self._page: Any = None
        self._picture: Any = None
        for path in filter(None, self._paths.values()):
            require_writable(Path(path), "text")
            if is_stream(Path(path)):
                raise InputError(f"cannot write {path}: it is not a regular file")

    def require_whole_run(self, command: RowCommand) -> None:
        """Raise click.UsageError for a run that has no results of earlier rows, or several texts.

        A picture shows one text.
        """
        for name, path in self._paths.items():
            if path is not None and command.out.resume:
                raise click.UsageError(f"--{name} shows the rows of one run: leave out --resume")
        source = command.source
        if self._paths["png"] and (source.input is not None or len(source.texts) > 1):
            raise click.UsageError("--png draws one TEXT; --html shows those of a file")

    def open(self, loaded: "Loaded", beside: "Loaded | None") -> None:
        """Prepare what is written, once the models are loaded."""
        if self._paths["html"]:
            from llmcli.interpretability.score_page import ScorePage

            self._page = ScorePage(loaded, beside)
        if self._paths["png"]:
            from llmcli.interpretability.score_picture import ScorePicture

            self._picture = ScorePicture(loaded, beside)

    def add(self, result: Any) -> None:
        """Add a result."""
        for shown in (self._page, self._picture):
            if shown is not None:
                shown.add(result)

    def write(self, out: Output) -> None:
        """Write the files, each whole or not at all. Raises InputError, DiskFull."""
        if self._page is not None:
            self._write("html", self._page.html().encode(), self._page.note(), out)
        if self._picture is not None:
            self._write("png", self._picture.png(out.note), "", out)

    def _write(self, name: str, content: bytes, note: str, out: Output) -> None:
        path = Path(str(self._paths[name]))
        with whole_file(path) as file:
            file.write(content)
        out.say(f"wrote {path}")
        if note:
            out.note(note)
