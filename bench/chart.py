"""Draws bar charts as SVG. GitHub displays such charts, and their changes are readable in a diff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _LEFT, _BAR, _GAP, _TOP = 860, 20, 14, 34, 48
_FONT = 'font-family="sans-serif" font-size="12"'
_COLOURS = ("#9aa7b5", "#2f6fab")


@dataclass(frozen=True)
class Bars:
    """One group of bars in a bar chart, such as the runs of one benchmark. Each entry of `values` is one bar, from top
    to bottom. The first bar has a paler colour than the other bars.
    """

    label: str
    values: Sequence[float]


def draw(title: str, groups: Sequence[Bars]) -> str:
    """Returns an SVG chart of horizontal bars, each with its value. All bars use one scale that starts at zero."""
    scale = (_WIDTH - _LEFT - 80) / max(value for group in groups for value in group.values)
    lines: list[str] = []
    y = _TOP
    for group in groups:
        lines.append(_text(_LEFT, y, group.label))
        for number, value in enumerate(group.values):
            y += _BAR + 2
            colour = _COLOURS[min(number, 1)]
            lines.append(f'<rect x="{_LEFT}" y="{y - 8}" width="{value * scale:.1f}" height="{_BAR}" fill="{colour}"/>')
            lines.append(_text(_LEFT + value * scale + 6, y + 3, f"{value:.1f}"))
        y += _GAP
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y}" {_FONT}>',
            f'<rect width="{_WIDTH}" height="{y}" fill="white"/>',
            f'<text x="{_LEFT}" y="22" font-size="15" font-weight="bold">{escape(title)}</text>',
            *lines,
            "</svg>\n",
        ]
    )


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'
