"""The shapes that a configuration gives the weights of a converted model.

CTranslate2 checks none: it would read beyond a table with too few rows, or multiply what does not
fit.
"""

import re
from typing import Any

from llmcli.engines.ct2.support import HEADS, WIDTHS
from llmcli.errors import ModelUnsuitable

Sizes = dict[str, int | None]
"""Sizes by the names that RULES uses; None: not stated, and what the first weight of it has."""

# Ends of the names of CTranslate2's variables, and what the axes are.
RULES = (
    (r"embeddings(_0)?/weight", ("rows", "embedding")),
    (r"embeddings_1/weight", ("types", "width")),
    (r"position_encodings/encodings", ("positions", "width")),
    (r"projection/weight", ("rows", "embedding")),
    (r"projection/bias", ("rows",)),
    (r"project_in/weight", ("width", "embedding")),
    (r"project_out/weight", ("embedding", "width")),
    (r"self_attention/linear_0/weight", ("all heads", "width")),
    (r"self_attention/linear_0/bias", ("all heads",)),
    (r"/attention/linear_0/weight", ("heads", "width")),
    (r"/attention/linear_0/bias", ("heads",)),
    (r"/attention/linear_1/weight", ("two heads", "width")),
    (r"/attention/linear_1/bias", ("two heads",)),
    (r"self_attention/linear_1/weight|/attention/linear_2/weight", ("width", "heads")),
    (r"self_attention/linear_1/bias|/attention/linear_2/bias", ("width",)),
    (r"relative_attention_bias", ("buckets", "head count")),
    (r"ffn/linear_0(_noact)?/weight", ("inner", "width")),
    (r"ffn/linear_0(_noact)?/bias", ("inner",)),
    (r"ffn/linear_1/weight", ("width", "inner")),
    (r"ffn/linear_1/bias", ("width",)),
    (r"pooler_dense/weight", ("width", "width")),
    (r"pooler_dense/bias", ("width",)),
    (r"[qk]_norm/gamma", ("head",)),
    (r"gamma|beta", ("width",)),
)


def require_shapes(model_id: str, spec: Any, full: dict[str, Any]) -> None:
    """Raise ModelUnsuitable for a weight whose shape is not that which the configuration gives it.

    spec: of CTranslate2, filled. full: the contents of config.json with the defaults.
    """
    sizes = {side: _sizes(full, side) for side in ("encoder", "decoder")}
    for name, value in spec.variables().items():
        shape = getattr(value, "shape", ())
        axes = next((axes for end, axes in RULES if re.search(f"(?:{end})$", name)), None)
        if axes is None or not shape:
            continue
        stated = sizes["decoder" if name.startswith("decoder") else "encoder"]
        expected = tuple(_size(stated, axis, at, shape) for at, axis in enumerate(axes))
        if shape != expected:
            raise ModelUnsuitable(
                f"{model_id} has weights of the shape {shape} for {name}, and its config.json "
                f"states {expected}: it is damaged, or the two are of different models"
            )


def _size(sizes: Sizes, axis: str, at: int, shape: tuple[int, ...]) -> int | None:
    if sizes.get(axis) is None and at < len(shape):
        sizes[axis] = shape[at]
    return sizes[axis]


def _sizes(full: dict[str, Any], side: str) -> Sizes:
    """The sizes of the encoder or the decoder, as far as the configuration states them."""
    width = _first(full, *WIDTHS)
    count = _first(full, f"{side}_attention_heads", "num_heads", *HEADS)
    sizes: Sizes = {
        "rows": _first(full, "vocab_size"),
        "types": full.get("type_vocab_size"),
        "positions": _positions(full),
        "width": width,
        "embedding": full.get("word_embed_proj_dim") or width,
        "inner": _first(
            full, f"{side}_ffn_dim", "intermediate_size", "hidden_dim", "ffn_dim", "d_ff", "n_inner"
        ),
        "head count": count,
        "buckets": full.get("relative_attention_num_buckets"),
    }
    if width is None or count is None:
        return sizes
    head = _first(full, "head_dim", "d_kv") or width // count
    keys = _first(full, "num_key_value_heads") or count
    return {
        **sizes,
        "head": head,
        "heads": count * head,
        "two heads": 2 * keys * head,
        "all heads": (count + 2 * keys) * head,
    }


def _first(full: dict[str, Any], *names: str) -> int | None:
    return next((full[name] for name in names if full.get(name) is not None), None)


def _positions(full: dict[str, Any]) -> int | None:
    """The rows of the table of positions."""
    count = _first(full, "n_positions", "max_position_embeddings")
    if count is None or full["model_type"] not in ("roberta", "xlm-roberta", "camembert"):
        return count
    return count - (full["pad_token_id"] or 0) - 1  # which start after the padding token's id
