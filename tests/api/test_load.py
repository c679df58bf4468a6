"""A model that is kept: loaded when a task needs it, once, until it is closed."""

import threading

import pytest

import llmcli
from llmcli.engines import choose

SHORT = llmcli.Decoding(max_new_tokens=4)


@pytest.fixture
def loads(monkeypatch):
    """The purposes that models were loaded for."""
    purposes = []
    original = choose.load

    def load(spec, purpose, note):
        purposes.append(purpose.kinds)
        return original(spec, purpose, note)

    monkeypatch.setattr(choose, "load", load)
    return purposes


def test_a_head_is_loaded_at_the_first_call_that_needs_it_and_kept(loads):
    with llmcli.load("bert-en") as model:
        assert loads == []
        for _ in range(2):
            llmcli.classify("good", model=model)
        assert loads == [("classifier",)]
        llmcli.fill("A [MASK].", model=model)
        llmcli.classify("bad", model=model)
        assert loads == [("classifier",), ("masked",)]


def test_with_a_task_the_head_is_loaded_at_once(loads):
    model = llmcli.load("bert-en", task="classify")
    assert loads == [("classifier",)]
    llmcli.classify("good", model=model)
    assert len(loads) == 1


@pytest.mark.parametrize(
    ("name", "tasks"),
    [
        ("bert-en", ("answer", "classify", "embed", "fill")),
        ("gpt2-stories", ("forward", "generate", "score", "tokenize")),
        ("marian-en-fr-zh", ("translate",)),
    ],
)
def test_every_task_can_be_loaded_at_once(name, tasks):
    for task in tasks:
        assert "1 parts loaded" in repr(llmcli.load(name, task=task))


def test_what_only_torch_does_is_loaded_beside(loads):
    model = llmcli.load("gpt2-stories")
    llmcli.generate("Once", model=model, options=SHORT)
    for _ in range(2):
        llmcli.generate("Once", model=model, options=llmcli.Decoding(4, num_beams=2))
    assert len(loads) == 2
    llmcli.generate("Once", model=model, options=SHORT)
    assert len(loads) == 2


def test_four_threads_that_ask_at_once_load_it_once(loads):
    model = llmcli.load("gpt2-stories")
    together = threading.Barrier(4)
    texts = []

    def run():
        together.wait()
        texts.append(llmcli.generate("Once upon", model=model, options=SHORT).text)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(texts) == 4
    assert len(set(texts)) == 1
    assert len(loads) == 1


def test_a_closed_model_is_used_no_more():
    model = llmcli.load("gpt2-stories")
    llmcli.tokenize("Once", model=model)
    model.close()
    assert repr(model) == "<llmcli.Model 'gpt2-stories', closed>"
    for call in (
        lambda: llmcli.tokenize("Once", model=model),
        lambda: llmcli.generate("Once", model=model),
    ):
        with pytest.raises(llmcli.UsageError, match="gpt2-stories is closed: load it again"):
            call()


def test_a_smaller_model_that_assists_is_kept_too(monkeypatch):
    from llmcli.tasks import generate

    drafts = []
    original = generate.load_on_torch
    monkeypatch.setattr(
        generate, "load_on_torch", lambda *args: drafts.append(args) or original(*args)
    )
    model = llmcli.load("gpt2-stories")
    options = llmcli.Decoding(max_new_tokens=4, assist="gpt2-stories")
    texts = {llmcli.generate("Once", model=model, options=options).text for _ in range(2)}
    assert texts == {llmcli.generate("Once", model=model, options=SHORT).text}
    assert len(drafts) == 1


def test_names_and_tasks_that_there_are_not():
    with pytest.raises(llmcli.UsageError, match="`name` is empty"):
        llmcli.load("")
    with pytest.raises(llmcli.UsageError, match="`task` 'sing' is not one of answer, classify"):
        llmcli.load("bert-en", task="sing")  # type: ignore[arg-type]
    with pytest.raises(llmcli.ModelUnsuitable, match="bert-en"):
        llmcli.load("bert-en", task="generate")
    with pytest.raises(llmcli.ModelNotFound):
        llmcli.load("/nowhere/model", task="classify")


def test_settings_of_a_model_by_name_or_as_a_specification():
    model = llmcli.load("bert-en", device="cpu", engine="torch")
    assert model.spec == llmcli.ModelSpec("bert-en", device="cpu", engine="torch")
    spec = llmcli.ModelSpec("bert-en", offline=True)
    assert llmcli.load(spec).spec is spec
