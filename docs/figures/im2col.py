"""Draw how one axis is copied for a convolution: python docs/figures/im2col.py."""

from pathlib import Path

CELL = 22
COLORS = ("#cfe2f3", "#fce5cd", "#d9ead3")  # of the kernel's columns j = 0, 1, 2
LINE = "#555555"


def rectangle(x: float, y: float, width: float, height: float, fill: str, extra: str = "") -> str:
    """Return a box."""
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{fill}" '
        f'stroke="{LINE}" {extra}/>'
    )


def label(x: float, y: float, text: str, anchor: str = "middle", size: int = 13) -> str:
    """Return a line of text."""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}">{text}</text>'


def bracket(x: float, top: float, bottom: float, text: str, color: str) -> str:
    """Return a bracket that opens to the left, with a text at its right."""
    path = f"M {x} {top} h 8 V {bottom} h -8"
    middle = (top + bottom) / 2
    return (
        f'<path d="{path}" fill="none" stroke="{color}" stroke-width="2"/>'
        f'<text x="{x + 14}" y="{middle + 4}" font-size="13" fill="{color}">{text}</text>'
    )


def image(left: float, top: float) -> list[str]:
    """Return a feature map of 4 rows and 5 columns, each cell one run of the batch."""
    parts = [label(left + 2.5 * CELL, top - 30, "x: 4 rows of 5", size=14)]
    parts += [label(left + 2.5 * CELL, top - 12, "(each cell: one batch)", size=12)]
    for row in range(4):
        for column in range(5):
            x, y = left + column * CELL, top + row * 3 * CELL + CELL
            parts.append(rectangle(x, y, CELL, CELL, "#f4f4f4"))
            parts.append(label(x + CELL / 2, y + 15, f"{row}{column}", size=10))
    return parts


def copied(left: float, top: float) -> list[str]:
    """Return the copy: for each row three lines, the row shifted by j."""
    parts = [label(left + 1.5 * CELL, top - 30, "copy: every row, shifted", size=14)]
    parts += [label(left + 1.5 * CELL, top - 12, "by j = 0, 1, 2", size=12)]
    for row in range(4):
        for j, color in enumerate(COLORS):
            for column in range(3):
                x, y = left + column * CELL, top + (3 * row + j) * CELL
                parts.append(rectangle(x, y, CELL, CELL, color))
                parts.append(label(x + CELL / 2, y + 15, f"{row}{column + j}", size=10))
        parts.append(label(left - 10, top + (3 * row + 1.7) * CELL, f"h = {row}", "end", 12))
    for first, color, shift in ((0, "#990000", 0), (1, "#0b5394", 70)):
        x = left + 3 * CELL + 8 + shift
        y = top + 3 * first * CELL
        text = f"y[{first}]"
        parts.append(bracket(x, y + 2, y + 9 * CELL - 2, text, color))
    return parts


def product(left: float, top: float) -> list[str]:
    """Return weights times one window = one output row."""
    middle = top + 6 * CELL
    return [
        label(left + 55, middle - 40, "weights", size=14),
        rectangle(left, middle - 28, 110, 40, "#ffffff"),
        label(left + 55, middle - 4, "F &#215; (3 · 3)"),
        label(left + 132, middle - 2, "&#215;", size=20),
        label(left + 188, middle - 102, "one window of the copy", size=14),
        rectangle(left + 155, middle - 90, 66, 165, "#ffffff"),
        label(left + 188, middle - 4, "(3 · 3) &#215;"),
        label(left + 188, middle + 12, "(3 · N)"),
        label(left + 243, middle - 2, "=", size=20),
        label(left + 308, middle - 40, "one row of y", size=14),
        rectangle(left + 265, middle - 28, 86, 40, "#ffffff"),
        label(left + 308, middle - 4, "F &#215; (3 · N)"),
    ]


def svg() -> str:
    """Return the picture."""
    width, height = 816, 350
    parts = [*image(32, 60), *copied(230, 60), *product(450, 60)]
    arrow = (
        '<path d="M 154 192 h 26" stroke="#555555" stroke-width="2"/>'
        '<path d="M 178 187 l 9 5 l -9 5 z" fill="#555555"/>'
    )
    body = "\n".join([rectangle(0, 0, width, height, "#ffffff", 'stroke-width="0"'), *parts, arrow])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif">\n{body}\n</svg>\n'
    )


if __name__ == "__main__":
    Path(__file__).with_name("im2col.svg").write_text(svg(), encoding="utf-8")
