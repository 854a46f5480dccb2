"""Tables as JSON, Markdown and a chart."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

Row = dict[str, Any]


@dataclass
class Table:
    """What one section found: rows of the same keys, and remarks."""

    title: str
    rows: list[Row]
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """Return heading, table and remarks."""
        notes = [f"- {note}" for note in self.notes]
        return "\n".join([f"## {self.title}", "", markdown(self.rows), "", *notes]).rstrip() + "\n"


def markdown(rows: list[Row]) -> str:
    """Return rows as a Markdown table, numbers to three digits."""
    if not rows:
        return "Nothing was measured."
    lines = [list(rows[0]), ["---"] * len(rows[0]), *([_text(v) for v in r.values()] for r in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def save(folder: Path, section: str, tables: list[Table], machine: dict[str, Any]) -> None:
    """Write one section as JSON."""
    content = {"machine": machine, "tables": [asdict(table) for table in tables]}
    (folder / f"{section}.json").write_text(json.dumps(content, indent=1) + "\n")


def combine(folder: Path, sections: list[str], head: list[str]) -> None:
    """Write report.md: `head`, then the tables of all sections that the folder has."""
    parts, machines = ["# Benchmarks\n", *head], []
    for section in sections:
        file = folder / f"{section}.json"
        if not file.exists():
            continue
        content = json.loads(file.read_text())
        machine = ", ".join(f"{name} {value}" for name, value in content["machine"].items())
        if machine not in machines:
            machines.append(machine)
            parts.append(f"*{machine}*\n")
        parts += [Table(**table).markdown() for table in content["tables"]]
    (folder / "report.md").write_text("\n".join(parts))
