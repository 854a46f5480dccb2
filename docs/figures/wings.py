"""Draw the wings of the house from the imports of skcnn/: python docs/figures/wings.py."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).with_name("wings.svg")

# Where the middle of each box is; its floor and its arrows follow from the code.
MIDDLES = {
    "testing": 100,
    "architectures": 300,
    "classifier": 375,
    "regressor": 565,
    "features": 735,
    "datasets": 850,
    "_estimator": 470,
    "_training": 470,
    "weight_averaging": 216,
    "network": 72,
    "_data": 735,
    "layers": 72,
    "losses": 290,
    "optimizers": 410,
    "schedules": 530,
    "augmentation": 735,
    "initializers": 72,
    "_engine": 450,
    "_checks": 450,
    "exceptions": 735,
}
WIDTH, LINE_HEIGHT, BETWEEN = 940, 17, 44
LETTER, SMALL_LETTER, LINE_LENGTH = 8.0, 6.6, 48
PUBLIC, PRIVATE, LINE, ARROW = "#d9ead3", "#cfe2f3", "#555555", "#888888"


class Box(NamedTuple):
    """A module or wing of the house."""

    name: str
    floor: int
    left: float
    top: float
    width: float
    height: float
    modules: list[str]  # lines of text

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.top + self.height

    def nearest(self, x: float) -> float:
        """Return the x within the box that is nearest to this one."""
        return min(max(x, self.left + 14), self.left + self.width - 14)


def floors() -> list[list[str]]:
    """Return the modules of each floor, from the import contract."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (contract,) = (each for each in contracts if each.get("containers") == ["skcnn"])
    return [[name.strip() for name in floor.split("|")] for floor in contract["layers"]]


def files(part: str) -> list[Path]:
    """Return the files of a module or package of skcnn."""
    path = ROOT / "skcnn" / part
    return sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def modules(part: str) -> list[str]:
    """Return what a private wing holds, as lines of text."""
    path = ROOT / "skcnn" / part
    if part[0] != "_" or not path.is_dir():
        return []
    names = {each.stem for each in path.iterdir() if each.suffix == ".py" or each.is_dir()}
    return wrap(", ".join(sorted(name for name in names if name[0] != "_")), LINE_LENGTH)


def imported(part: str) -> set[str]:
    """Return the parts of skcnn that a part imports."""
    found = set()
    for path in files(part):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("skcnn."):
                found.add((node.module or "").split(".")[1])
    return found - {part}


def arrows(parts: list[str]) -> Iterator[tuple[str, str]]:
    """Return who imports whom, without what follows from other arrows."""
    direct = {part: imported(part) for part in parts}

    def reached(part: str) -> set[str]:
        return direct[part].union(*(reached(other) for other in direct[part]))

    for part in parts:
        for other in sorted(direct[part]):
            if not any(other in reached(third) for third in direct[part] - {other}):
                yield part, other


def boxes() -> dict[str, Box]:
    """Place a box for each module, floor by floor."""
    found, top = {}, 12.0
    for number, floor in enumerate(floors()):
        heights = []
        for part in floor:
            lines = modules(part)
            width = max(len(part) * LETTER, *(len(line) * SMALL_LETTER for line in lines), 0) + 26
            heights.append((len(lines) + 1) * LINE_HEIGHT + 14)
            left = MIDDLES[part] - width / 2
            found[part] = Box(part, number, left, top, width, heights[-1], lines)
        top += max(heights) + BETWEEN
    return found


def box_svg(box: Box) -> list[str]:
    """Return a box with its name and what it holds."""
    fill = PRIVATE if box.name[0] == "_" else PUBLIC
    middle, y = box.left + box.width / 2, box.top + LINE_HEIGHT + 2
    lines = [
        f'<rect x="{box.left:.0f}" y="{box.top:.0f}" width="{box.width:.0f}" '
        f'height="{box.height:.0f}" rx="5" fill="{fill}" stroke="{LINE}"/>',
        f'<text x="{middle:.0f}" y="{y:.0f}" text-anchor="middle" font-size="14" '
        f'font-weight="bold">{box.name}</text>',
    ]
    for number, line in enumerate(box.modules):
        lines.append(
            f'<text x="{middle:.0f}" y="{y + (number + 1) * LINE_HEIGHT:.0f}" '
            f'text-anchor="middle" font-size="12">{line}</text>'
        )
    return lines


def arrow_svg(source: Box, target: Box, above: float) -> str:
    """Return an arrow, straight down to where the last floor but one begins, then curved."""
    middle = target.left + target.width / 2
    start = source.nearest(middle)
    end = target.nearest(start)
    bend = (above + target.top) / 2
    path = f"M {start:.0f} {source.bottom:.0f} V {above:.0f} C {start:.0f} {bend:.0f} "
    path += f"{end:.0f} {bend:.0f} {end:.0f} {target.top - 3:.0f}"
    return f'<path d="{path}" fill="none" stroke="{ARROW}" marker-end="url(#tip)"/>'


def svg() -> str:
    """Return the picture."""
    found = boxes()
    bottoms = [
        max(box.bottom for box in found.values() if box.floor == number)
        for number in range(len(floors()))
    ]
    lines = [
        arrow_svg(found[source], found[target], bottoms[max(found[source].floor, above)])
        for source, target in arrows(list(found))
        for above in [found[target].floor - 2]
    ]
    for box in found.values():
        lines += box_svg(box)
    height = bottoms[-1] + 12
    for number, (text, fill) in enumerate((("public", PUBLIC), ("private", PRIVATE))):
        y = height - 52 + 24 * number
        lines.append(
            f'<rect x="20" y="{y:.0f}" width="26" height="16" rx="3" fill="{fill}" '
            f'stroke="{LINE}"/><text x="54" y="{y + 13:.0f}" font-size="12">{text}</text>'
        )
    tip = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        f'markerHeight="7" orient="auto"><path d="M 0 0 L 8 4 L 0 8 z" fill="{ARROW}"/></marker>'
        "</defs>"
    )
    body = "\n".join([tip, f'<rect width="{WIDTH}" height="{height:.0f}" fill="#ffffff"/>', *lines])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" '
        f'width="{WIDTH}" height="{height:.0f}" font-family="sans-serif">\n{body}\n</svg>\n'
    )


if __name__ == "__main__":
    FILE.write_text(svg(), encoding="utf-8")
