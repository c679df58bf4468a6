"""The progress bar of downloads, whose text comes from the hub: names of files."""

from typing import Any

from llmcli.system.terminal import ProgressChannel


def progress_bar() -> Any:
    """The bar of huggingface_hub, on a stream that escapes its text but lets it move the cursor."""
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]

    class Bar(tqdm):
        def __init__(self, *args: Any, **settings: Any) -> None:
            channel = {"file": ProgressChannel()}
            super().__init__(*args, **channel, **settings)  # type: ignore[no-untyped-call]

    return Bar
