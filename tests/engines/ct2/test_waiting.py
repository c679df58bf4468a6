"""Waiting for native code that cannot be interrupted."""

import gc
import signal
import threading
import time
import weakref

import pytest

from llmcli.engines.ct2.waiting import call_apart, wait_for


class Result:
    """A result that comes when it is told to."""

    def __init__(self, value):
        self.value, self.came = value, threading.Event()

    def done(self):
        return self.came.is_set()

    def result(self):
        self.came.wait()
        return self.value


class Model:
    """Something that can be freed."""


def interrupt_soon():
    threading.Timer(0.1, signal.raise_signal, (signal.SIGINT,)).start()


def gone(reference):
    deadline = time.monotonic() + 5
    while reference() is not None and time.monotonic() < deadline:
        time.sleep(0.01)
        gc.collect()
    return reference() is None


def test_ctrl_c_ends_the_wait_and_the_model_is_freed_after_its_batch():
    model, results = Model(), [Result(1), Result(2)]
    freed = weakref.ref(model)
    interrupt_soon()
    with pytest.raises(KeyboardInterrupt):
        wait_for(results, model)
    del model
    gc.collect()
    assert freed() is not None
    for result in results:
        result.came.set()
    assert gone(freed)


def test_ctrl_c_ends_the_wait_for_a_call():
    came = threading.Event()
    interrupt_soon()
    with pytest.raises(KeyboardInterrupt):
        call_apart(came.wait)
    came.set()


def test_values_and_errors_are_those_of_the_call():
    results = [Result("a"), Result("b")]
    for result in results:
        result.came.set()
    assert wait_for(results, None) == ["a", "b"]
    assert call_apart(lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        call_apart(lambda: 1 / 0)
