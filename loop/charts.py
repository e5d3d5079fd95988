"""Small pictures as SVG markup.

Every function is pure and returns one `<svg>` element. Horizontal positions are percentages, not
units of a view box, so a picture fills its column at any width while text, marks and strokes keep
their size. Colours come from the page's style sheet through classes, so the pictures follow its
light and dark themes. No text from outside enters a picture except through escaping.
"""

from collections.abc import Sequence
from math import ceil, floor
from typing import Literal, NamedTuple

from markupsafe import Markup

from ..annotate.statistics import Interval
from .report import FaultPosition, Role

BINS = 10
Kind = Role | Literal["people", "judge"]
"""What a mark or a bar is about; names its colour."""
_SHAPES: dict[Kind, Markup] = {
    # Shape and colour both tell the models apart, for those who don't see the colours and on paper.
    "full_precision": Markup('<path d="M0-6.5 6.5 0 0 6.5-6.5 0z"/>'),
    "quantized": Markup('<circle r="5" class="hollow"/>'),
    "restored": Markup('<circle r="5.5"/>'),
    "people": Markup('<circle r="5.5"/>'),
    "judge": Markup('<circle r="5" class="hollow"/>'),
}


class Scale(NamedTuple):
    """A horizontal axis from `low` to `high`."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Return the position in percent of the width; values outside stay at the edge."""
        return round(100 * min(1.0, max(0.0, (value - self.low) / (self.high - self.low))), 2)

    @property
    def ticks(self) -> list[float]:
        """Round values to mark, four to seven of them."""
        width = self.high - self.low
        step = next(s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0) if width / s <= 6 or s == 1.0)
        first = ceil(self.low / step - 1e-9)
        return [round(step * k, 4) for k in range(first, floor(self.high / step + 1e-9) + 1)]


class Mark(NamedTuple):
    """A dot with its whisker."""

    role: Kind
    estimate: Interval


def scale_for(estimates: Sequence[Interval], *, within: tuple[float, float] = (0.0, 1.0)) -> Scale:
    """Choose an axis in whole tenths that shows all of the intervals."""
    low = floor(10 * min(estimate.low for estimate in estimates) - 1e-9) / 10
    high = ceil(10 * max(estimate.high for estimate in estimates) + 1e-9) / 10
    return Scale(max(low, within[0]), min(max(high, low + 0.1), within[1]))


def dots(marks: Sequence[Mark], scale: Scale, label: str, *, guide: float | None = None) -> Markup:
    """Draw dots with 95% whiskers, one lane each, over the axis's grid.

    Args:
        marks: From top to bottom.
        scale: Axis shared with the other rows of the figure.
        label: What a screen reader says.
        guide: A reference value drawn as a dashed line through all lanes.
    """
    lane = 18
    height = lane * len(marks) + 8
    drawn = [_grid(scale, height)]
    if guide is not None:
        x = scale.at(guide)
        drawn.append(Markup('<line class="guide" x1="{0}%" x2="{0}%" y1="0" y2="{1}"/>').format(x, height))
    for row, mark in enumerate(marks):
        y = 4 + lane * row + lane / 2
        estimate = mark.estimate
        drawn.append(
            Markup(
                '<g class="{role}"><line class="whisker" x1="{low}%" x2="{high}%" y1="{y}" y2="{y}"/>'
                '<svg x="{x}%" y="{y}" overflow="visible">{shape}</svg></g>'
            ).format(
                role=mark.role,
                low=scale.at(estimate.low),
                high=scale.at(estimate.high),
                x=scale.at(estimate.value),
                y=y,
                shape=_SHAPES[mark.role],
            )
        )
    return _svg(height, label, drawn)


def axis(scale: Scale) -> Markup:
    """Draw the tick labels under a column of `dots` or `bar`."""
    drawn = [
        Markup('<text x="{}%" y="13" text-anchor="{}">{}</text>').format(
            scale.at(tick), _anchor(scale.at(tick)), f"{100 * tick:.0f}%"
        )
        for tick in scale.ticks
    ]
    return _svg(18, "", drawn)


def depth(share: float) -> str:
    """Return the class that shades something by a share; pages may then forbid styles in attributes."""
    return f"d{round(40 * max(0.0, min(1.0, share)))}"


def bar(role: Role, share: Interval, scale: Scale, label: str) -> Markup:
    """Draw a share as a bar from the left with its 95% whisker."""
    return _svg(
        14,
        label,
        [
            Markup(
                '<g class="{0}"><rect class="bar" x="0" y="1" width="{1}%" height="12" rx="2"/>'
                '<line class="over" x1="{2}%" x2="{3}%" y1="7" y2="7"/></g>'
            ).format(role, scale.at(share.value), scale.at(share.low), scale.at(share.high))
        ],
    )


def passed(kept: int, entered: int, most: int, label: str) -> Markup:
    """Draw how many of those that met a gate it let through, over a pale bar of them all.

    Args:
        kept: How many passed.
        entered: How many met it.
        most: What fills the whole width.
        label: What a screen reader says.
    """
    scale = Scale(0.0, float(max(1, most)))
    return _svg(
        14,
        label,
        [
            Markup(
                '<rect class="lost" x="0" y="1" width="{}%" height="12" rx="2"/>'
                '<g class="restored"><rect class="bar" x="0" y="1" width="{}%" height="12" rx="2"/></g>'
            ).format(scale.at(entered), scale.at(kept))
        ],
    )


def masses(positions: Sequence[FaultPosition], bins: int = BINS) -> list[float]:
    """Return the share of first faults in each tenth of the solution; the shares sum to 1.

    A step is a stretch of the solution, not a point: step 2 of 4 covers its second quarter, and
    its fault is spread over it. A plain histogram of `step / steps` would show spikes that come
    from small denominators alone.
    """
    total = [0.0] * bins
    for position in positions:
        start, end = position.step / position.steps, (position.step + 1) / position.steps
        for k in range(bins):
            overlap = min(end, (k + 1) / bins) - max(start, k / bins)
            total[k] += max(0.0, overlap) * position.steps
    return [mass / len(positions) for mass in total] if positions else total


def histogram(role: Kind, shares: Sequence[float], top: float, label: str) -> Markup:
    """Draw shares as columns up to `top`, the value of the tallest column of the whole figure."""
    height, width = 120, 100 / len(shares)
    drawn = [
        Markup('<rect class="bar" x="{}%" width="{}%" y="{}" height="{}" rx="1.5"/>').format(
            round(k * width + width * 0.06, 2),
            round(width * 0.88, 2),
            round(height * (1 - share / top), 1),
            round(height * share / top, 1),
        )
        for k, share in enumerate(shares)
    ]
    inner = Markup('<g class="{}">{}</g>').format(role, Markup("").join(drawn))
    base = Markup('<line class="base" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(height)
    return _svg(height + 1, label, [inner, base])


def labels(names: Sequence[str]) -> Markup:
    """Draw names under the columns of a `histogram`."""
    width = 100 / len(names)
    drawn = [
        Markup('<text x="{}%" y="13" text-anchor="middle">{}</text>').format(
            round((k + 0.5) * width, 2), name
        )
        for k, name in enumerate(names)
    ]
    return _svg(18, "", drawn)


class Ruler(NamedTuple):
    """What lies over the whole width of a `strip`: positions of steps along a text, in percent."""

    edges: tuple[float, ...]
    """Where steps begin, but the first."""
    band: tuple[float, float] | None = None
    """From where to where the ground is shaded."""
    mark: float | None = None
    """One place that is marked."""


def strip(values: Sequence[float], top: float, height: int, ruler: Ruler, label: str) -> Markup:
    """Draw many narrow columns side by side, such as one per token; those below 0 hang from their line.

    Args:
        values: From left to right, the whole width.
        top: Magnitude that nearly fills the height; above 0.
        height: In pixels; halved where a value is below 0.
        ruler: Shared with other strips of the figure.
        label: What a screen reader says.
    """
    zero = height / 2 if min(values, default=0.0) < 0 else height
    drawn: list[Markup] = []
    if ruler.band is not None:
        start, end = ruler.band
        drawn.append(
            Markup('<rect class="band" x="{}%" width="{}%" y="0" height="{}"/>').format(
                start, round(end - start, 2), height
            )
        )
    places = [("grid", edge) for edge in ruler.edges]
    places += [("mark", ruler.mark)] if ruler.mark is not None else []
    drawn += [
        Markup('<line class="{0}" x1="{1}%" x2="{1}%" y1="0" y2="{2}"/>').format(name, place, height)
        for name, place in places
    ]
    lengths = [round(0.85 * zero * max(-1.0, min(1.0, value / top)), 1) for value in values]
    for name, is_above in (("above", True), ("below", False)):
        # One path for all of them: a page holds thousands of columns.
        path = "".join(
            f"M{place + 0.15:g} {zero:g}v{-length:g}h.7V{zero:g}"
            for place, length in enumerate(lengths)
            if length and (length > 0) is is_above
        )
        drawn.append(
            Markup(
                '<svg viewBox="0 0 {} {}" preserveAspectRatio="none" width="100%" height="{}">'
                '<path class="{}" d="{}"/></svg>'
            ).format(max(1, len(values)), height, height, name, path)
        )
    drawn.append(Markup('<line class="base" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(zero))
    return _svg(height + 1, label, drawn)


def spans(names: Sequence[tuple[float, str]]) -> Markup:
    """Draw names under places of a `strip`, those that would run into the one before left out."""
    drawn: list[Markup] = []
    last = -100.0
    for place, name in names:
        if place - last >= 1.6 * len(name) + 1:
            drawn.append(
                Markup('<text x="{}%" y="13" text-anchor="{}">{}</text>').format(place, _anchor(place), name)
            )
            last = place
    return _svg(18, "", drawn)


def curve(points: Sequence[tuple[float, float]], low: float, high: float, label: str) -> Markup:
    """Draw a line through `(x, y)` points, x from the first to the last, y from `low` to `high`."""
    height = 120
    first, last = points[0][0], points[-1][0]
    at = Scale(first, last if last > first else first + 1)
    drawn_points = " ".join(f"{at.at(x)},{round(100 - Scale(low, high).at(y), 2)}" for x, y in points)
    lines = Markup("").join(
        Markup('<line class="grid" x1="0" x2="100%" y1="{0}%" y2="{0}%"/>').format(y) for y in (0, 50, 100)
    )
    line = Markup(
        '<svg viewBox="0 0 100 100" preserveAspectRatio="none" width="100%" height="100%" overflow="visible">'
        '<polyline class="curve" points="{}" vector-effect="non-scaling-stroke"/></svg>'
    ).format(drawn_points)
    return _svg(height, label, [lines, line])


def _grid(scale: Scale, height: float) -> Markup:
    return Markup("").join(
        Markup('<line class="grid" x1="{0}%" x2="{0}%" y1="0" y2="{1}"/>').format(scale.at(tick), height)
        for tick in scale.ticks
    )


def _anchor(position: float) -> str:
    if position < 3:
        return "start"
    return "end" if position > 97 else "middle"


def _svg(height: float, label: str, drawn: Sequence[Markup]) -> Markup:
    told = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
    return Markup('<svg class="chart" width="100%" height="{}" {}>{}</svg>').format(
        height, told, Markup("").join(drawn)
    )
