"""Waiting for CTranslate2 in a way that Ctrl-C can end at once.

Native code cannot be interrupted. So it runs in a thread, and the main thread waits in Python.
After a KeyboardInterrupt the thread alone holds the model, which cannot be freed before its batch
is done.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Any, TypeVar

PAUSE = 0.002  # seconds between two checks for a result from another thread
LOOK = 0.1  # seconds between two checks for Ctrl-C
T = TypeVar("T")


def wait_for(results: Sequence[Any], model: Any) -> list[Any]:
    """The values of asynchronous results of a model."""
    try:
        while not all(result.done() for result in results):
            time.sleep(PAUSE)
    except KeyboardInterrupt:
        _start(_hold, results, model)
        raise
    return [result.result() for result in results]


def _hold(results: Sequence[Any], model: Any) -> None:
    """Keep a model until its results are there; freed earlier, it would hold up its thread."""
    with suppress(RuntimeError):
        results[-1].result()


def call_apart(call: Callable[[], T]) -> T:
    """Call a function in a thread, and wait for it; in a thread that gets no Ctrl-C, just call."""
    if threading.current_thread() is not threading.main_thread():
        return call()
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    _start(run)
    while not future.done():  # a signal may have come to another thread
        wait([future], timeout=LOOK)
    return future.result()


def _start(function: Callable[..., None], *arguments: Any) -> None:
    threading.Thread(target=function, args=arguments, daemon=True).start()
