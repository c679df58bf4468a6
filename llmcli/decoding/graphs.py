"""Recording the work of a GPU once, and replaying it."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

EAGER_CALLS = 1  # the libraries allocate their workspaces in it


class StepGraph:
    """The recording of a function whose tensors never move, as a CUDA graph.

    Launching the kernels of a decoding step takes a processor longer than a GPU needs to run
    them; a graph is launched as a whole.
    """

    def __init__(self, device: torch.device) -> None:
        self._graph: torch.cuda.CUDAGraph | None = None
        self._calls_left = EAGER_CALLS
        self._is_recordable = device.type == "cuda"

    def run(self, function: Callable[[], None]) -> None:
        """Do the work of a function, or start it where a GPU does it.

        function: its work is the same at each call, and repeating it changes nothing. It is called
        each time on other devices, and where it does something that cannot be recorded, such as
        waiting for a result. It is not kept.
        """
        if self._is_recordable and self._graph is None:
            if self._calls_left:
                self._calls_left -= 1
            else:
                self._graph = _recorded(function)
                self._is_recordable = self._graph is not None
        if self._graph is None:
            function()
        else:
            self._graph.replay()


def _recorded(function: Callable[[], None]) -> torch.cuda.CUDAGraph | None:
    """The graph of a function, which is recorded and not run; None if that is not possible."""
    graph = torch.cuda.CUDAGraph()
    stream: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    try:
        with _no_collection(), torch.cuda.stream(stream):
            graph.capture_begin(capture_error_mode="thread_local")
            try:
                function()
            finally:
                graph.capture_end()
    except RuntimeError:
        return None
    torch.cuda.current_stream().wait_stream(stream)
    return graph


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python from freeing another graph meanwhile, which would spoil the recording."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
