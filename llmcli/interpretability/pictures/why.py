"""The picture of one word: what layers, heads and tokens add to its lead over another."""

from typing import Any

from llmcli.interpretability.pictures.style import HeatMap, bars, heat_map
from llmcli.interpretability.pictures.token_bars import draw_tokens, inches
from llmcli.interpretability.sections.why import PartAttribution, WhyResult


def height(result: WhyResult) -> float:
    """Inches: parts, heads, and a bar for each token."""
    return sum(_heights(result))


def draw(result: WhyResult, figure: Any, say: Any) -> None:
    """Draw the parts as bars, the heads as a map, the tokens as bars."""
    strips = figure.subfigures(len(_heights(result)), 1, height_ratios=_heights(result))
    last = strips
    if result.parts is not None:
        last = strips[-1]
        _draw_parts(strips[0].subplots(), result.parts, say)
        if result.parts.heads.size:
            layers, heads = result.parts.heads.shape
            rows = [say("layer_at", layer=layer) for layer in range(layers)]
            columns = [str(head) for head in range(heads)]
            label = say("toward", target=repr(result.target.name))
            heat = HeatMap(
                values=result.parts.heads, rows=rows, columns=columns, changes=True, label=label
            )
            axes = strips[1].subplots()
            heat_map(axes, heat)
            axes.set_xlabel(say("heads_axis"))
    target, foil = repr(result.target.name), repr(result.foil.name)
    toward, against = say("toward", target=target), say("against", foil=foil)
    draw_tokens(last.subplots(), result.tokens, f"{against}  ←  0  →  {toward}")


def _heights(result: WhyResult) -> list[float]:
    tokens = inches(result.tokens)
    if result.parts is None:
        return [tokens]
    heads = [0.9 + 0.22 * len(result.parts.heads)] if result.parts.heads.size else []
    return [2.0, *heads, tokens]


def _draw_parts(axes: Any, parts: PartAttribution, say: Any) -> None:
    values = [("embedding", parts.embedding), ("attention", float(parts.attention.sum()))]
    values += [("cross", float(parts.cross.sum()))] if parts.cross.size else []
    values += [("mlp", float(parts.mlp.sum())), ("bias", parts.bias), ("sum", parts.sum)]
    bars(axes, [say(key) for key, _ in values], [value for _, value in values], "")
