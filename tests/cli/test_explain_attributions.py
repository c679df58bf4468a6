"""What a terminal shows of layers, words, labels and answers."""

import pytest
from click.testing import CliRunner

from llmcli.cli.explain_views.attributions import bar, signed
from llmcli.cli.main import main
from llmcli.cli.wrapping import cell_width
from tests.tiny_models import MORE_WORDS, WORDS, make_bert

TEXT = "the cat sat on mats"


def shown(*arguments):
    result = CliRunner().invoke(main, ["explain", TEXT, "-q", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    assert max(cell_width(line) for line in result.output.splitlines()) <= 90
    return result.output


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("en", ["Layer by layer", "embedding", "By the parts of the model", "the model's own:"]),
        ("zh", ["逐层观察", "嵌入层", "按模型的各部分", "积分梯度之和", "通过"]),
    ],
)
def test_layers_and_a_word_of_a_causal_model(language, texts, tiny_gpt2):
    output = shown("-m", tiny_gpt2, "--section", "layers,why", "--lang", language)
    for text in texts:
        assert text in output


def test_the_labels_of_a_tagger_stand_beside_its_tokens(tmp_path):
    folder = make_bert(tmp_path / "m", "TokenClassification", WORDS + MORE_WORDS)
    output = shown("-m", folder, "--section", "layers,labels", "--position", 2)
    assert "Explained is the label of 'cat'" in output
    rows = [line.split() for line in output.splitlines()]
    assert [row[1] for row in rows if row[:1] and row[0] in "12345" and len(row) == 4] == [
        f"'{word}'" for word in TEXT.split()
    ]
    assert "int. gradients" in output and "difference to the baseline" in output


def test_an_answer_has_both_of_its_edges(tmp_path):
    folder = make_bert(tmp_path / "m", "QuestionAnswering", WORDS + MORE_WORDS)
    output = shown("-m", folder, "--section", "answer-scores", "--question", "who sat ?")
    assert "p first" in output and "as the last token" in " ".join(output.split())
    assert "'who'" in output and "'mats'" in output


def test_bars_and_numbers_have_a_side_and_a_sign():
    assert (bar(0.5), bar(-1.0)) == ("      │███   ", "██████│      ")
    assert (signed(1.0), signed(-0.5)) == ("+1.000", "\u22120.500")
