"""Lines over time as SVG: a scale that begins at zero, or a logarithmic one, limits, stages and moments."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from loadtests.core.page.html import Html, el, join, number

WIDTH, HEIGHT = 860, 240
LEFT, RIGHT, TOP, FOOT = 64, 12, 14, 26
COLOURS = 8
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
TIMES = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400)

Points = Sequence[tuple[float, float | None]]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart; a None in its points is a gap. `dashed` is for the less important half of a pair.

    Where there are more lines than colours, those that take a colour again are dashed, too.
    """

    name: str
    points: Points
    colour: int
    dashed: bool = False

    @property
    def look(self) -> str:
        """Its classes."""
        return f"s{self.colour % COLOURS}{' dashed' if self.dashed or self.colour >= COLOURS else ''}"


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart. `marks` are moments with a word, `limit` is a level with a word, times are seconds from `begin`."""

    title: str
    unit: str
    lines: Sequence[Line]
    begin: float
    end: float
    logarithmic: bool = False
    limit: tuple[float, str] | None = None
    marks: Sequence[tuple[float, str]] = ()
    show: Callable[[float], str] = number
    note: str = ""
    shades: Sequence[tuple[float, float]] = field(default=())

    def drawn(self) -> Html:
        """The chart with its legend, as a figure; its figures stand in its label for those who do not see it."""
        values = [value for line in self.lines for _, value in line.points if value is not None]
        if not values:
            return el("figure", el("figcaption", self.title), el("p", "No figures.", class_="quiet"))
        ticks = self._ticks(values)
        low, high = ticks[0], ticks[-1]
        y = self._scale(low, high)
        label = "; ".join(
            f"{line.name} {self._range(line.points)}" for line in self.lines if _has(line.points)
        )
        picture = el(
            "svg",
            *(self._shade(*shade) for shade in self.shades),
            *(self._grid(tick, y(tick)) for tick in ticks),
            *(self._time(second) for second in self._times()),
            *(self._mark(at, word, number_) for number_, (at, word) in enumerate(self.marks)),
            *(self._path(line, y) for line in self.lines),
            # Above the lines, which would hide its word.
            self._limit(y, low, high),
            viewBox=f"0 0 {WIDTH} {HEIGHT + TOP + FOOT}",
            role="img",
            aria_label=f"{self.title}, {self.unit}: {label}",
        )
        return el(
            "figure",
            el("figcaption", el("b", self.title), " ", el("span", self.unit, class_="quiet")),
            self._legend(),
            picture,
            el("p", self.note, class_="quiet") if self.note else "",
        )

    def _ticks(self, values: list[float]) -> list[float]:
        most = max([*values, *([self.limit[0]] if self.limit else [])])
        if self.logarithmic:
            positive = [value for value in values if value > 0] or [1.0]
            first = math.floor(math.log10(min([*positive, *([self.limit[0]] if self.limit else [])])))
            last = max(first + 1, math.ceil(math.log10(max(most, 1e-9))))
            return [10.0**power for power in range(first, last + 1)]
        step = _round_up(most / 4 if most > 0 else 0.25)
        return [step * at for at in range(math.ceil(most / step - 1e-9) + 1)] if most > 0 else [0.0, 1.0]

    def _scale(self, low: float, high: float) -> Callable[[float], float]:
        if self.logarithmic:
            span = math.log10(high) - math.log10(low)
            return lambda value: TOP + HEIGHT * (1 - (math.log10(max(value, low)) - math.log10(low)) / span)
        return lambda value: TOP + HEIGHT * (1 - (value - low) / (high - low))

    def _x(self, second: float) -> float:
        share = (second - self.begin) / max(1e-9, self.end - self.begin)
        return LEFT + (WIDTH - LEFT - RIGHT) * min(1.0, max(0.0, share))

    def _grid(self, tick: float, at: float) -> Html:
        return join(
            el("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=f"{at:.1f}", y2=f"{at:.1f}"),
            el("text", self.show(tick), class_="tick", x=LEFT - 8, y=f"{at + 4:.1f}", text_anchor="end"),
        )

    def _times(self) -> list[float]:
        span = self.end - self.begin
        step = next((each for each in TIMES if span / each <= 10), TIMES[-1])
        return [step * at for at in range(int(span // step) + 1)]

    def _time(self, second: float) -> Html:
        span = self.end - self.begin
        word = f"{second / 60:g} min" if span > 300 else f"{second:g} s"
        x = self._x(self.begin + second)
        return el("text", word, class_="tick", x=f"{x:.1f}", y=TOP + HEIGHT + 18, text_anchor="middle")

    def _mark(self, at: float, word: str, order: int) -> Html:
        x = self._x(at)
        turned = x > WIDTH - 140
        place = {"x": f"{x - 4 if turned else x + 4:.1f}", "text_anchor": "end" if turned else "start"}
        return join(
            el("line", class_="mark", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=TOP, y2=TOP + HEIGHT),
            el("text", word, class_="tick", y=TOP + 10 + 12 * (order % 2), **place),
        )

    def _shade(self, begin: float, end: float) -> Html:
        left, right = self._x(begin), self._x(end)
        return el(
            "rect",
            class_="shade",
            x=f"{left:.1f}",
            y=TOP,
            width=f"{max(0.0, right - left):.1f}",
            height=HEIGHT,
        )

    def _limit(self, y: Callable[[float], float], low: float, high: float) -> Html:
        if self.limit is None or not low <= self.limit[0] <= high:
            return Html("")
        at = y(self.limit[0])
        return join(
            el("line", class_="limit", x1=LEFT, x2=WIDTH - RIGHT, y1=f"{at:.1f}", y2=f"{at:.1f}"),
            el(
                "text",
                self.limit[1],
                class_="limit-word",
                x=WIDTH - RIGHT - 4,
                y=f"{at - 5:.1f}",
                text_anchor="end",
            ),
        )

    def _path(self, line: Line, y: Callable[[float], float]) -> Html:
        words, pen = [], "M"
        for second, value in line.points:
            if value is None:
                pen = "M"
                continue
            words.append(f"{pen}{self._x(second):.1f} {y(value):.1f}")
            pen = "L"
        if len(words) == 1:
            at = words[0][1:].split()
            return el("circle", class_=f"dot s{line.colour % COLOURS}", cx=at[0], cy=at[1], r=3)
        return el(
            "path",
            el("title", f"{line.name}: {self._range(line.points)}"),
            class_=f"line {line.look}",
            d=" ".join(words),
        )

    def _range(self, points: Points) -> str:
        values = sorted(value for _, value in points if value is not None)
        if not values:
            return "no figures"
        middle = values[len(values) // 2]
        return f"{self.show(middle)} in the median, {self.show(values[0])} to {self.show(values[-1])}"

    def _legend(self) -> Html:
        return el(
            "ul",
            *(
                el(
                    "li",
                    el("i", class_=line.look),
                    line.name,
                )
                for line in self.lines
                if _has(line.points)
            ),
            class_="legend",
        )


def _has(points: Points) -> bool:
    return any(value is not None for _, value in points)


def _round_up(value: float) -> float:
    """The next round figure above."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in STEPS if step * power >= value * (1 - 1e-12))
