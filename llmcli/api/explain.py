"""llmcli.explain: what happens inside a model when it reads a text."""

from llmcli.api.call import Call
from llmcli.api.inputs import ModelLike, Text, model_of
from llmcli.interpretability.explanation import Explanation
from llmcli.spec.explain import ExplainOptions
from llmcli.tasks import explain as task


def explain(
    text: Text, *, model: ModelLike = None, options: ExplainOptions | None = None
) -> Explanation:
    """Explain what happens inside a model when it reads a text.

    options: which sections, of which position, and what is changed. `sections` of the result holds
    what each of them found, as arrays and dataclasses; `arrays()` gives all arrays by name;
    `checks` how far the numbers are from the model's own.
    Raises UsageError, ModelNotFound, ModelUnsuitable; InputError for a text that fails.

    >>> import llmcli
    >>> explanation = llmcli.explain("Once upon a time")
    >>> [token.name for token in explanation.sides[0].tokens]
    ['Once', ' upon', ' a', ' time']
    >>> all(check.holds for check in explanation.checks)
    True
    """
    call, options = Call(text), options or ExplainOptions()
    loaded = task.load(model_of(model), options, note=call.notes.add)
    (result,) = call.followed(task.explain(loaded, call.rows, options, note=call.notes.add))
    assert isinstance(result, Explanation)  # a failure is raised
    return result
