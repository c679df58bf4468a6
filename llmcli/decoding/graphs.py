"""Recording the work of a GPU once, and replaying it."""

from collections.abc import Callable

import torch

EAGER_CALLS = 2  # the libraries allocate their workspaces in the first one


class GraphedStep:
    """A function whose tensors never move, recorded as a CUDA graph at its third call.

    Launching the kernels of a decoding step takes a processor longer than a GPU needs to run
    them; a graph is launched as a whole. On other devices, and where the function does something
    that cannot be recorded, such as waiting for a result, it is called each time.
    """

    def __init__(self, function: Callable[[], None], device: torch.device) -> None:
        """function: its work is the same at each call, and repeating a call changes nothing."""
        self._function = function
        self._graph: torch.cuda.CUDAGraph | None = None
        self._calls_left = EAGER_CALLS
        self._is_recordable = device.type == "cuda"

    def __call__(self) -> None:
        """Do the work, or start it where a GPU does it."""
        if self._is_recordable and self._graph is None:
            if self._calls_left:
                self._calls_left -= 1
            else:
                self._graph = _recorded(self._function)
                self._is_recordable = self._graph is not None
        if self._graph is None:
            self._function()
        else:
            self._graph.replay()


def _recorded(function: Callable[[], None]) -> torch.cuda.CUDAGraph | None:
    """The graph of a function, which is recorded and not run; None if that is not possible."""
    graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    try:
        with torch.cuda.stream(stream):
            graph.capture_begin(capture_error_mode="thread_local")
            try:
                function()
            finally:
                graph.capture_end()
    except RuntimeError:
        return None
    torch.cuda.current_stream().wait_stream(stream)
    return graph
