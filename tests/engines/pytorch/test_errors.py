import pytest

from llmcli.engines.pytorch.errors import errors_explained
from llmcli.errors import ModelUnsuitable
from llmcli.models.checkpoint import Checkpoint


@pytest.mark.parametrize(
    ("message", "telling"),
    [
        (
            "You need to install sacremoses to use XLMTokenizer.",
            "x needs the sacremoses package: pip install 'llmcli[tokenizers]'",
        ),
        (
            "T5Tokenizer requires the protobuf library but it was not found.\nInstall it.",
            "x needs the protobuf package: pip install 'llmcli[tokenizers]'",
        ),
        (
            "Loading needs `optimum`.\npip install optimum",
            "x needs a package that is not installed: Loading needs `optimum`",
        ),
    ],
)
def test_a_package_that_transformers_lacks_is_named_in_one_line(tmp_path, message, telling):
    with (
        pytest.raises(ModelUnsuitable) as caught,
        errors_explained(Checkpoint("x", tmp_path, "local")),
    ):
        raise ImportError(message)
    assert str(caught.value) == telling
