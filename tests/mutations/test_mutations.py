"""A sample of the campaign: benchmarks/mutations.py runs all cases."""

import random

import pytest

from tests.mutations.folders import KINDS, make_all
from tests.mutations.judge import GOOD, judge, sound_answer
from tests.mutations.mutate import mutations

CASES = {"checkpoint": 6, "causal on ct2": 10}
OTHERS = 24


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mutations")
    make_all(folder / "sound")
    return folder


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_changed_folder_gives_a_sound_answer_or_one_line(kind, work):
    root = work / "sound"
    sound = sound_answer(kind, root, work)
    cases = list(mutations(root / kind.folder))
    for case in random.Random(5).sample(cases, CASES.get(kind.name, OTHERS)):
        verdict, why = judge(kind, case, sound, root, work)
        assert verdict in GOOD, (str(case), verdict, why)
