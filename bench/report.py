"""The table as text and as Markdown, and the picture: bars of each ratio against what is wanted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "evidence" / "performance.md"
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
_NOISY = 0.25
_COMPANY = 0.7
_SLOWER = 1.05


@dataclass(frozen=True)
class Row:
    what: str
    who: str
    unit: str
    value: float
    ratio: float | None = None
    to: str = ""
    wanted: float | None = None
    p50: float | None = None
    p99: float | None = None
    at_most: bool = False

    @property
    def is_met(self) -> bool:
        if self.wanted is None or self.ratio is None:
            return True
        return self.ratio <= self.wanted if self.at_most else self.ratio >= self.wanted

    def cells(self) -> tuple[str, ...]:
        wanted = "" if self.wanted is None else f"{'≤' if self.at_most else '≥'} {self.wanted:g}"
        met = "" if self.wanted is None else "yes" if self.is_met else "no"
        value = f"{self.value:,.0f}" if self.value >= 100 else f"{self.value:.2f}"
        return (
            self.what,
            self.who,
            f"{value} {self.unit}",
            "" if self.ratio is None else f"{self.ratio:.2f} {self.to}",
            wanted,
            met,
            "" if self.p50 is None else f"{self.p50:.1f}",
            "" if self.p99 is None else f"{self.p99:.1f}",
        )


@dataclass
class About:
    machine: str
    client: str
    rounds: int
    noise: float
    load_before: float
    sizes: Mapping[str, float]
    minutes: float = 0.0

    @property
    def is_calm(self) -> bool:
        """Rounds agree, and nobody else was at work: steady company makes rounds agree as well."""
        return self.noise <= _NOISY and self.load_before < _COMPANY

    def sentences(self) -> str:
        calm = "a calm run" if self.is_calm else "a noisy run, take the ratios with care"
        return (
            f"{self.machine}; load by {self.client}; medians of {self.rounds} rounds, {self.minutes:.1f} minutes. "
            f"Rounds of one load lay {self.noise:.0%} apart, and the machine's load was {self.load_before:.1f} before "
            f"the start: {calm}. "
            + ", ".join(f"{table}: {size:,.0f} bytes a row" for table, size in self.sizes.items())
            + ", indexes included."
        )


HEADS = ("what", "who", "median", "ratio", "wanted", "met", "p50 ms", "p99 ms")


def as_text(rows: Sequence[Row], about: About) -> str:
    table = [HEADS, *(row.cells() for row in rows)]
    widths = [max(len(line[at]) for line in table) for at in range(len(HEADS))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table)
    return "\n".join([*lines, "", about.sentences()])


def as_markdown(rows: Sequence[Row], about: About) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in (HEADS, ("---",) * len(HEADS), *(row.cells() for row in rows))]
    return "\n".join([*lines, "", about.sentences()])


def slower(rows: Sequence[Row], before: str) -> list[str]:
    """What is worse by more than a twentieth than a table of before; ratios, since the machine may be another."""
    then: dict[tuple[str, str], float] = {}
    for line in before.partition(BEGIN)[2].partition(END)[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == len(HEADS) and cells[3][:1].isdecimal():
            then[cells[0], cells[1]] = float(cells[3].split()[0])
    found = []
    for row in rows:
        ratio = then.get((row.what, row.who))
        if not row.ratio or not ratio or row.wanted is None:
            continue
        worse = row.ratio / ratio if row.at_most else ratio / row.ratio
        if worse > _SLOWER:
            found.append(f"{row.what}: {row.ratio:.2f} {row.to}, was {ratio:.2f}")
    return found


def as_svg(rows: Sequence[Row]) -> str:
    """One bar a ratio, as a share of what is wanted; the line is what is wanted, and for limits shorter is better."""
    charted = [row for row in rows if row.wanted is not None and row.ratio is not None]
    height, left, unit = 26 * len(charted) + 56, 400, 200
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1020 {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="1020" height="{height}" fill="#fff"/>',
        f'<text x="{left}" y="20" fill="#555">bars: measured; line: what is wanted</text>',
    ]
    for at, row in enumerate(charted):
        assert row.ratio is not None
        assert row.wanted is not None
        top, share = 34 + 26 * at, min(2.0, row.ratio / row.wanted)
        colour = "#2c7a4b" if row.is_met else "#b4531a"
        sign = "≤" if row.at_most else "≥"
        label = f"{row.ratio:.2f} {row.to} ({sign} {row.wanted:g})"
        parts += [
            f'<text x="{left - 10}" y="{top + 14}" text-anchor="end" fill="#222">{escape(row.what)}</text>',
            f'<rect x="{left}" y="{top}" width="{share * unit:.0f}" height="18" rx="2" fill="{colour}"/>',
            f'<text x="{left + 2 * unit + 8}" y="{top + 14}" text-anchor="start" fill="#222">{escape(label)}</text>',
        ]
    line = left + unit
    parts.append(f'<path d="M{line} 28V{height - 22}" stroke="#222" stroke-dasharray="3 3"/>')
    return "\n".join([*parts, "</svg>", ""])


def write(rows: Sequence[Row], about: About) -> None:
    write_between(BEGIN, END, as_markdown(rows, about))
    (DOCS / "images" / "performance.svg").write_text(as_svg(rows), encoding="utf-8")


def write_between(begin: str, end: str, markdown: str) -> None:
    """In place of what the page of measurements has between these two lines."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    PAGE.write_text(f"{before}{begin}\n{markdown}\n{end}{after}", encoding="utf-8")
