"""What is changed in a text or inside a model."""

from tests.inputs.case import Case

WHAT_IF = "explain -m {tiny_gpt2} --section what-if -q "

CASES = (
    Case(
        form="a swapped word that stands in the text, alone or inside others",
        files={},
        runs=(WHAT_IF + "'the cat saw a catfish' --swap cat=dog --json",),
        says="the dog saw a catfish",
        remark="Whole words are replaced, everywhere; of Chinese any piece of text.",
    ),
    Case(
        form="a swapped word that the text does not have",
        files={},
        runs=(WHAT_IF + "'the cat sat' --swap Cat=dog",),
        says="--swap: 'Cat' is no word of the text: give one as it is written there",
        code=3,
    ),
    Case(
        form="a swap without `=`, or with nothing on one side",
        files={},
        runs=(WHAT_IF + "'the cat sat' --swap cat", WHAT_IF + "'the cat sat' --swap cat="),
        says="write it as cat=dog",
        code=2,
    ),
    Case(
        form="a text to patch from that has another number of tokens",
        files={},
        runs=(WHAT_IF + "'the cat sat' --patch-from 'the cat sat on the mat'",),
        says="activations go from position to position, so give a text with as many",
        code=3,
    ),
    Case(
        form="a target that is several tokens",
        files={},
        runs=(WHAT_IF + "'the cat sat' --target 'zebra crossing'",),
        says="give one of them",
        code=3,
    ),
    Case(
        form="a foil that is the target",
        files={},
        runs=(
            WHAT_IF + "'the cat sat' --target cat --foil cat --patch-from 'the dog sat'",
            "explain -m {tiny_classifier} --section what-if -q 'the cat' --target sad --foil sad "
            "--patch-from 'the mats'",
        ),
        says="--foil",
        code=3,
    ),
    Case(
        form="a layer or a head that the model does not have",
        files={},
        runs=(WHAT_IF + "'the cat sat' --layers 7", WHAT_IF + "'the cat sat' --heads 7"),
        says="7 is not in the model, which has 0 to 1",
        code=3,
    ),
)
