"""Elements as text. A text is escaped wherever it stands; only an `Html` is taken as it is."""

from html import escape


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = str | int | float | None


def el(name: str, *children: Content, **attributes: str | int | float) -> Html:
    """An element. `class_` is `class`, and an underscore within a name is a hyphen."""
    words = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value), quote=True)}"'
        for key, value in attributes.items()
    )
    return Html(f"<{name}{words}>{''.join(map(text, children))}</{name}>")


def text(content: Content) -> str:
    """A child of an element."""
    if content is None:
        return ""
    return content if isinstance(content, Html) else escape(str(content))


def join(*parts: Content) -> Html:
    """Several, one behind the other."""
    return Html("".join(map(text, parts)))


def table(head: list[str], rows: list[list[Content]], numbers: int = 1) -> Html:
    """A table that scrolls in itself where the page is narrow; columns from `numbers` on hold figures."""

    def cell(name: str, at: int, content: Content) -> Html:
        return el(name, content, class_="n" if at >= numbers else "t")

    body = [el("tr", *(cell("td", at, content) for at, content in enumerate(row))) for row in rows]
    top = el("tr", *(cell("th", at, content) for at, content in enumerate(head)))
    return el("div", el("table", el("thead", top), el("tbody", *body)), class_="wide", tabindex=0)


def number(value: float | None, digits: int = 3) -> str:
    """A figure for a person: three digits that say something, thousands apart."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    shown = f"{value:.{digits}g}"
    return f"{float(shown):g}" if "e" not in shown else f"{value:.0f}"


def milliseconds(value: float | None) -> str:
    """A duration with its unit."""
    if value is None:
        return "–"
    return f"{number(value / 1000)} s" if value >= 1000 else f"{number(value)} ms"


def size(value: float) -> str:
    """Bytes with their unit."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(value) < 1000 or unit == "GB":
            return f"{number(value)} {unit}"
        value /= 1000
    raise AssertionError("the last unit takes all")
