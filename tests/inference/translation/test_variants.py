"""Scripts and regions of languages that a model may not distinguish."""

import sys

import pytest

from llmcli.errors import InputError
from llmcli.inference.translation.variants import variant_of


@pytest.mark.parametrize(
    ("requested", "written", "opencc"),
    [
        ("zh", "zh", None),
        ("zh-TW", "zh", "s2twp"),
        ("zh-Hant", "zh", "s2t"),
        ("zh-HK", "zh_CN", "s2hk"),
        ("zh-Hans", "zh", "t2s"),
        ("zh-CN", "zh", "t2s"),
        ("zh-CN", "zh_CN", None),
        ("zh-TW", "zho_Hant", None),
        ("zh-Hant", "cmn_Hant", None),
        ("zh-Hans", "zho_Hans", None),
    ],
)
def test_chinese_in_another_script_is_converted(requested, written, opencc):
    variant = variant_of("m", requested, written)
    assert variant.opencc == opencc and bool(variant.notes) is (opencc is not None)


def test_what_opencc_writes():
    assert variant_of("m", "zh-TW", "zh").of("这是一个软件。") == "這是一個軟體。"
    assert variant_of("m", "zh-Hant", "zh").of("这是一个软件。") == "這是一個軟件。"
    assert variant_of("m", "zh-Hans", "zh").of("這是一隻貓。") == "这是一只猫。"
    assert variant_of("m", "zh", "zh").of("這是") == "這是"


@pytest.mark.parametrize(
    ("requested", "written", "is_said"),
    [
        ("pt-BR", "pt", True),
        ("pt-BR", "pt_BR", False),
        ("pt", "pt_XX", False),
        ("en-US", "en", True),
        ("sr-Latn", "srp_Cyrl", True),
        ("sr-Latn", "srp_Latn", False),
        ("sr", "srp_Cyrl", False),
        ("fr", "fra_Latn", False),
        ("nb", "no", False),
        ("bs", "hr", True),
        ("arz", "ar", True),
    ],
)
def test_what_a_model_does_not_distinguish_is_said(requested, written, is_said):
    notes = variant_of("m", requested, written).notes
    expected = f"m does not distinguish {requested}: the translation is in {written}"
    assert notes == ((expected,) if is_said else ())


def test_opencc_is_named_where_it_is_missing(monkeypatch):
    from llmcli.inference.translation import variants

    variants._converter.cache_clear()
    monkeypatch.setitem(sys.modules, "opencc", None)
    with pytest.raises(
        InputError, match=r"needs the opencc package: pip install 'llmcli\[chinese\]"
    ):
        variant_of("m", "zh-TW", "zh")
