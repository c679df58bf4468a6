"""Pictures of attention and alignment: all parts are drawn, with names that stay text."""

from functools import partial

from llmcli.interpretability.pictures import drawing
from llmcli.interpretability.pictures.figure import Picture, picture_bytes
from llmcli.interpretability.sections import section
from llmcli.interpretability.words import words
from tests.interpretability.studies import study_of


def test_attention_and_alignment_are_drawn_with_their_words(family_folder):
    study = study_of(family_folder("bart"), "seq2seq")
    pictures = []
    for name in ("attention", "alignment"):
        result = section(name).build(study, study.options)
        say = partial(lambda texts, key, **values: texts[key].format(**values), words(name)["en"])
        draw = partial(drawing(name).draw, result, say=say)
        pictures.append(Picture(name, drawing(name).height(result), draw))
    svg = picture_bytes(pictures, "svg", note=lambda line: None).decode()
    for text in ("Cross-attention: decoder to encoder", ">chat<", ">tapis<", ">layer<"):
        assert text in svg
