"""The card's two pictures as SVG files that need nothing else and read on light and dark pages alike."""

from collections import Counter
from collections.abc import Sequence
from html import escape
from statistics import median

from .coverage import THIRDS, position
from .records import ErrorType, Pair

_WIDTH = 720
_STYLE = (
    "<style>text{font:13px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#24292f}"
    ".soft{fill:#57606a}.title{font-weight:600;font-size:15px}.axis{stroke:#afb8c1}"
    ".zero{stroke:#24292f;stroke-dasharray:3 3}</style>"
)
_THIRD_FILLS = ("#9ecae1", "#4292c6", "#08519c")
_THIRD_NAMES = ("first third", "middle third", "last third")
_UNTYPED = "not typed"
_FULL, _VARIANT = "#8c959f", "#bc4c00"
_BINS = 24


def composition(pairs: Sequence[Pair]) -> str:
    """Draw how many pairs there are of each error type, by where in the solution the fault lies."""
    counts = Counter((pair.error_type, position(pair)) for pair in pairs)
    totals = Counter(pair.error_type for pair in pairs)
    kinds = [kind for kind in (*ErrorType, None) if totals[kind]]
    top = max(totals.values(), default=1)
    left, wide, row = 110, 520, 34
    height = 78 + row * max(1, len(kinds))
    drawn = [_text(16, 26, "Error types, and where in the solution the fault lies", "title")]
    for third in range(THIRDS):
        x = left + 130 * third
        drawn.append(f'<rect x="{x}" y="40" width="12" height="12" rx="2" fill="{_THIRD_FILLS[third]}"/>')
        drawn.append(_text(x + 18, 51, _THIRD_NAMES[third], "soft"))
    for line, kind in enumerate(kinds):
        y = 68 + row * line
        drawn.append(_text(left - 10, y + 16, kind.value if kind else _UNTYPED, anchor="end"))
        x = float(left)
        for third in range(THIRDS):
            width = wide * counts[kind, third] / top
            if width:
                fill = _THIRD_FILLS[third]
                drawn.append(f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="22" fill="{fill}"/>')
            x += width
        share = f"{totals[kind]:,} ({100 * totals[kind] / len(pairs):.0f}%)"
        drawn.append(_text(x + 8, y + 16, share, "soft"))
    said = ", ".join(f"{kind.value if kind else _UNTYPED} {totals[kind]}" for kind in kinds)
    return _svg(height, f"Pairs by error type: {said}", drawn)


def margins(pairs: Sequence[Pair]) -> str | None:
    """Draw how much both models prefer the right continuation; `None` where no margin is known."""
    known = [
        (pair.margin_full_precision, pair.margin_variant)
        for pair in pairs
        if pair.margin_full_precision is not None and pair.margin_variant is not None
    ]
    if not known:
        return None
    full, variant = [one for one, _ in known], [other for _, other in known]
    every = sorted([*full, *variant, 0.0])
    # A few extreme pairs would squeeze all others together: they stand in the outermost columns.
    low, high = every[len(every) // 50], every[-1 - len(every) // 50]
    if high <= low:
        low, high = low - 1, high + 1
    left, wide = 40, _WIDTH - 80
    drawn = [_text(16, 26, "log p(chosen) − log p(rejected), in nats", "title")]

    def at(value: float) -> float:
        return left + wide * (min(max(value, low), high) - low) / (high - low)

    zero = at(0.0)
    for line, (name, values, fill) in enumerate(
        (("full precision", full, _FULL), ("quantized", variant, _VARIANT))
    ):
        base = 142 + 128 * line
        bins = Counter(min(_BINS - 1, int(_BINS * (at(value) - left) / wide)) for value in values)
        tallest = max(bins.values())
        for place, count in sorted(bins.items()):
            height = 88 * count / tallest
            drawn.append(
                f'<rect x="{left + wide * place / _BINS + 1:.1f}" y="{base - height:.1f}" '
                f'width="{wide / _BINS - 2:.1f}" height="{height:.1f}" fill="{fill}"/>'
            )
        drawn.append(
            f'<line class="axis" x1="{left}" x2="{left + wide}" y1="{base + 0.5}" y2="{base + 0.5}"/>'
        )
        right = sum(value > 0 for value in values)
        share = (
            f"{name}: median {median(values):.1f}, right one preferred in {100 * right / len(values):.0f}%"
        )
        drawn.append(_text(left, base - 96, share, "soft"))
        drawn.append(
            f'<line class="zero" x1="{zero:.1f}" x2="{zero:.1f}" y1="{base - 90}" y2="{base + 0.5}"/>'
        )
    ends = (("start", left, low), ("end", left + wide, high))
    drawn += [_text(x, 290, f"{value:.0f}", "soft", anchor) for anchor, x, value in ends]
    if left + 40 < zero < left + wide - 40:
        drawn.append(_text(zero, 290, "0: no preference", "soft", "middle"))
    said = f"Median margin {median(full):.1f} under full precision, {median(variant):.1f} quantized"
    return _svg(304, said, drawn)


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    css = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{css}>{escape(text)}</text>'


def _svg(height: float, label: str, drawn: Sequence[str]) -> str:
    body = "\n".join(drawn)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height:.0f}" '
        f'viewBox="0 0 {_WIDTH} {height:.0f}" role="img" aria-label="{escape(label)}">\n{_STYLE}\n'
        # Pages are light or dark and a picture can't know: it brings its own paper.
        f'<rect width="{_WIDTH}" height="{height:.0f}" rx="6" fill="#ffffff"/>\n{body}\n</svg>\n'
    )
