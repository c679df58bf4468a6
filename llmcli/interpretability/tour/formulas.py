"""The formulas of the tour: as plain text for a terminal, as MathML for a page.

Sources: Vaswani et al. 2017 for attention; Chen and Goodman 1998 for the n-grams.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notation:
    """One formula, twice."""

    plain: tuple[str, ...]
    """A line of text each, at most 76 columns wide."""
    mathml: str
    """What stands inside <math>."""


def _sub(base: str, index: str) -> str:
    return f"<msub>{_row(base)}{_row(index)}</msub>"


def _row(content: str) -> str:
    """Markup as it is; text as letters, numbers and signs, one word each."""
    if content.startswith("<"):
        return f"<mrow>{content}</mrow>"
    return f"<mrow>{''.join(map(_atom, content.split()))}</mrow>"


def _atom(word: str) -> str:
    if word.replace(".", "").isdigit():
        return f"<mn>{word}</mn>"
    return f"<mi>{word}</mi>" if word[0].isalpha() else f"<mo>{word}</mo>"


def _fraction(above: str, below: str) -> str:
    return f"<mfrac>{_row(above)}{_row(below)}</mfrac>"


def _joined(*parts: str) -> str:
    return "".join(_row(part) for part in parts)


FORMULAS = {
    "embedding": Notation(
        ("x_i = E[id_i] + P[i]",),
        _joined(_sub("x", "i"), "= E [", _sub("id", "i"), "] + P [ i ]"),
    ),
    "attention": Notation(
        ("Attention(Q, K, V) = softmax(Q K^T / √d) V",),
        _joined(
            "Attention ( Q , K , V ) = softmax",
            "(",
            _fraction(
                _joined("Q", "<msup><mi>K</mi><mi>T</mi></msup>"), "<msqrt><mi>d</mi></msqrt>"
            ),
            ") V",
        ),
    ),
    "multi_head": Notation(
        (
            "MultiHead(Q, K, V) = Concat(head_1, ..., head_h) W^O",
            "head_i = Attention(Q W_i^Q, K W_i^K, V W_i^V)",
        ),
        _joined(
            "MultiHead ( Q , K , V ) = Concat (",
            _sub("head", "1"),
            ", … ,",
            _sub("head", "h"),
            ")",
            "<msup><mi>W</mi><mi>O</mi></msup>",
        ),
    ),
    "layer": Notation(
        ("x = x + MultiHead(norm(x))", "x = x + MLP(norm(x))"),
        _joined(
            "x ← x + MultiHead ( norm ( x ) )",
            '<mo>,</mo><mspace width="1em"></mspace>',
            "x ← x + MLP ( norm ( x ) )",
        ),
    ),
    "softmax": Notation(
        ("p_i = exp(z_i / T) / sum over j of exp(z_j / T)",),
        _joined(
            _sub("p", "i"),
            "=",
            _fraction(
                _joined("exp (", _sub("z", "i"), "/ T )"),
                _joined(_sub("<mo>∑</mo>", "j"), "exp (", _sub("z", "j"), "/ T )"),
            ),
        ),
    ),
    "cross_entropy": Notation(
        (
            "loss = −(1/n) · sum over t of log p(x_t | x_1 ... x_t−1)",
            "perplexity = exp(loss)",
        ),
        _joined(
            "loss = −",
            _fraction("1", "n"),
            _sub("<mo>∑</mo>", "t"),
            "log p (",
            _sub("x", "t"),
            "|",
            _sub("x", "1"),
            ", … ,",
            _sub("x", "t − 1"),
            ")",
            '<mo>,</mo><mspace width="1em"></mspace>',
            "perplexity = exp ( loss )",
        ),
    ),
    "ngram": Notation(
        ("p(w | u v) = max(c(u v w) − D, 0) / c(u v) + λ(u v) · p(w | v)",),
        _joined(
            "p ( w | u v ) =",
            _fraction("max ( c ( u v w ) − D , 0 )", "c ( u v )"),
            "+ λ ( u v ) p ( w | v )",
        ),
    ),
}
"""By the name that blocks use."""
