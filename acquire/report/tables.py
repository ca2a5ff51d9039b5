"""Tables to paste: devices beside each other, as a paper's Table 2 has them, and what was published of them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from io import StringIO
from math import hypot, isfinite, nan

from acquire.config.published import PublishedDevice, PublishedFile, PublishedValue, device_named
from acquire.evaluation.figure import Figure
from acquire.photometry.customary_units import PAPER, QUANTITIES, Quantity, at_luminance, quantity_of_figure
from acquire.records import Finding, Severity
from acquire.report.notation import latex_symbol, latex_text, markdown_text, plain_symbol
from acquire.report.rounding import fixed, rounded
from acquire.run_file.cells import text_cell

LEAST_OF_ROUNDING = (
    "no uncertainty is stated there: half a step of the last digit, divided by the square root of 3, stands in"
)


#: A figure has one of these statuses for a finding alone.
_BY_FINDINGS = (Severity.DOUBTFUL, Severity.IMPOSSIBLE)


class RowKind(StrEnum):
    """What a row of a table holds."""

    MEASURED = "measured"
    PUBLISHED = "published"
    DIFFERENCE = "difference"
    IN_UNCERTAINTIES = "difference / u"


@dataclass(frozen=True)
class Cell:
    """One value as it is printed: ``value`` and ``uncertainty`` rounded, empty for none; ``marks`` of its footnotes."""

    value: str = ""
    uncertainty: str = ""
    marks: tuple[str, ...] = ()

    @property
    def mark(self) -> str:
        """The marks as they are printed."""
        return ", ".join(self.marks)

    def text(self, plus_minus: str = " ± ", none: str = "-") -> str:
        """Value and uncertainty, without the mark."""
        return f"{self.value}{plus_minus}{self.uncertainty}" if self.uncertainty else self.value or none


@dataclass(frozen=True)
class Row:
    """A device, or what stands below it."""

    label: str
    kind: RowKind
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Heading:
    """A column: the figure's symbol and customary unit, "1" for none."""

    symbol: str
    unit: str

    @property
    def text(self) -> str:
        """The symbol with its unit, as plain text."""
        return self.symbol if self.unit == "1" else f"{self.symbol} ({self.unit})"


@dataclass(frozen=True)
class Footnote:
    """Why a value is marked."""

    mark: str
    text: str


@dataclass(frozen=True)
class Table:
    """A table for people; ``notes`` are what must be known of all of it."""

    title: str
    headings: tuple[Heading, ...]
    rows: tuple[Row, ...]
    footnotes: tuple[Footnote, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Compared:
    """A device in a table: ``sample`` is its name, ``label`` tells it from others of the same name; ``lacking`` is why
    it has no figures, where that is known; ``against`` what speaks against all of them, ``findings`` against some."""

    sample: str
    label: str
    figures: Mapping[str, Figure]
    lacking: str = ""
    against: str = ""
    findings: tuple[Finding, ...] = ()


@dataclass
class _Footnotes:
    """Marks a, b, c ... by what they say; the same words have one mark."""

    letters: dict[str, str] = field(default_factory=dict)

    def marks(self, name: str, figure: Figure | None, device: Compared) -> tuple[str, ...]:
        found = [] if figure is None else [one for one in device.findings if _is_reason(one, name, figure)]
        kinds = dict.fromkeys(_finding_of(one, device) for one in found)
        status = device.lacking if figure is None else _said_of(figure, found)
        other = "; ".join(filter(None, (status, device.against)))
        return tuple(self._mark(text) for text in (*kinds, *filter(None, [other])))

    def _mark(self, text: str) -> str:
        return self.letters.setdefault(text, _letters(len(self.letters)))

    def all(self) -> tuple[Footnote, ...]:
        return tuple(Footnote(mark, text) for text, mark in self.letters.items())


def _is_reason(finding: Finding, name: str, figure: Figure) -> bool:
    """Whether a figure has its status for a finding."""
    return figure.status in _BY_FINDINGS and name in finding.figures and finding.text in figure.reason


def _finding_of(finding: Finding, device: Compared) -> str:
    """A finding by its kind; what it says, with its values, is long, and stands once in the report."""
    return f"{finding.severity}: {finding.code.replace('_', ' ')}, see the findings of {device.label}"


def _said_of(figure: Figure, elsewhere: Sequence[Finding]) -> str:
    """The status of a figure and why, in words, without what is told elsewhere; empty for one that is ok."""
    words = "" if figure.status == "ok" else figure.status.replace("_", " ")
    if not elsewhere:
        return f"{words}: {figure.reason}" if words and figure.reason else words
    reason = figure.reason
    for one in elsewhere:
        reason = reason.replace(one.text, "", 1)
    status, blank, why = reason.strip("; ").partition(" ")  # the one that it had before, if any
    return f"{status.replace('_', ' ')}{blank}{why}"


def _letters(number: int) -> str:
    """a, b, ... z, aa, ab, ..."""
    more, last = divmod(number, 26)
    return (_letters(more - 1) if more else "") + chr(ord("a") + last)


def paper_table(devices: Sequence[Compared], published: PublishedFile | None = None) -> Table:
    """The devices as a paper's table has them; below each what ``published`` has of its name, and the difference."""
    footnotes = _Footnotes()
    rows: list[Row] = []
    for device in devices:
        found = device_named(published, device.sample) if published else None
        rows.append(_measured(device, PAPER, footnotes))
        rows += _beside(device, found, rows[-1]) if found else ()
    notes = ["± is the standard uncertainty (k = 1); value and uncertainty are rounded to its second digit."]
    notes += _about_published(devices, published) if published else ()
    return Table("Figures of merit", _headings(PAPER), tuple(rows), footnotes.all(), tuple(notes))


def table_at_luminance(devices: Sequence[Compared], luminance: float) -> Table:
    """The devices at one of the luminances [cd/m^2] at which figures of merit are kept."""
    figures = at_luminance(luminance)
    footnotes = _Footnotes()
    rows = tuple(_measured(device, figures, footnotes) for device in devices)
    return Table(f"At {luminance:.0f} cd/m^2", _headings(figures), rows, footnotes.all())


def _headings(figures: Mapping[str, str]) -> tuple[Heading, ...]:
    return tuple(Heading(symbol, _quantity(name).unit) for name, symbol in figures.items())


def _quantity(figure: str) -> Quantity:
    return QUANTITIES[quantity_of_figure(figure)]


def _measured(device: Compared, figures: Mapping[str, str], footnotes: _Footnotes) -> Row:
    found = ((name, device.figures.get(name)) for name in figures)
    cells = (figure_cell(figure, name, footnotes.marks(name, figure, device)) for name, figure in found)
    return Row(device.label, RowKind.MEASURED, tuple(cells))


def figure_cell(figure: Figure | None, name: str, marks: tuple[str, ...] = ()) -> Cell:
    """A figure of merit in customary units."""
    quantity = _quantity(name)
    value, spread = (figure.value, figure.uncertainty) if figure else (nan, nan)
    return Cell(*rounded(value * quantity.factor, spread * quantity.factor, quantity.decimals), marks)


def _beside(device: Compared, found: PublishedDevice, measured: Row) -> Iterator[Row]:
    """Three rows below a device: what was published, the difference, and that over the combined uncertainty.

    What is said against a measured value is said against its difference.
    """
    values = found.values()
    pairs = [(name, device.figures.get(name), values.get(name)) for name in PAPER]
    yield Row("", RowKind.PUBLISHED, tuple(_published_cell(name, value) for name, _, value in pairs))
    marks = [cell.marks for cell in measured.cells]
    differences = [_difference_cell(*pair) for pair in pairs]
    quotients = [_significance_cell(*pair[1:]) for pair in pairs]
    yield Row("", RowKind.DIFFERENCE, _marked(differences, marks))
    yield Row("", RowKind.IN_UNCERTAINTIES, _marked(quotients, marks))


def _marked(cells: Sequence[Cell], marks: Sequence[tuple[str, ...]]) -> tuple[Cell, ...]:
    return tuple(replace(cell, marks=them) if cell.value else cell for cell, them in zip(cells, marks, strict=True))


def _published_cell(name: str, published: PublishedValue | None) -> Cell:
    if published is None:
        return Cell()
    quantity = _quantity(name)
    value, spread = published.value * quantity.factor, published.uncertainty * quantity.factor
    if not published.by_rounding:
        return Cell(*rounded(value, spread, quantity.decimals))
    return Cell(fixed(value, published.decimals(quantity.factor)))


def _difference_cell(name: str, figure: Figure | None, published: PublishedValue | None) -> Cell:
    if figure is None or published is None or not isfinite(figure.value):
        return Cell()
    quantity, combined = _quantity(name), _combined(figure, published)
    difference = (figure.value - published.value) * quantity.factor
    # of unknown uncertainty it has the decimals of what it is the difference of
    known = isfinite(combined)
    plain = fixed(difference, quantity.decimals), ""
    value, spread = rounded(difference, combined * quantity.factor, quantity.decimals) if known else plain
    return Cell(value if value.startswith("-") or float(value) == 0.0 else f"+{value}", spread)


def _significance_cell(figure: Figure | None, published: PublishedValue | None) -> Cell:
    if figure is None or published is None or not isfinite(figure.value):
        return Cell()
    combined = _combined(figure, published)
    if not (isfinite(combined) and combined > 0.0):
        return Cell()
    value = fixed((figure.value - published.value) / combined, 1)
    return Cell(value if value.startswith("-") or float(value) == 0.0 else f"+{value}")


def _combined(figure: Figure, published: PublishedValue) -> float:
    """The standard uncertainty of measured less published; NaN where that of the measured value is unknown."""
    return hypot(figure.uncertainty, published.uncertainty)


def _about_published(devices: Sequence[Compared], published: PublishedFile) -> Iterator[str]:
    found = {device.sample: device_named(published, device.sample) for device in devices}
    yield f"Published: {published.source}."
    yield "Differences are measured less published, ± their combined uncertainty (k = 1)."
    if any(value.by_rounding for one in found.values() if one for value in one.values().values()):
        yield f"Of published values {LEAST_OF_ROUNDING}."
    without = [f"'{sample}'" for sample, one in found.items() if one is None]
    if without:
        there = ", ".join(f"'{one.name}'" for one in published.devices)
        yield f"Nothing is published there under the name {', '.join(without)}; the names there are {there}."


# --- formats -------------------------------------------------------------------------------------------------


def _label(row: Row) -> str:
    return row.label if row.kind is RowKind.MEASURED else str(row.kind)


def as_markdown(table: Table) -> str:
    """The table in GitHub's Markdown."""
    lines = [f"**{markdown_text(plain_symbol(table.title))}**", ""]
    lines.append(f"| Device | {' | '.join(markdown_text(plain_symbol(one.text)) for one in table.headings)} |")
    lines.append(f"|---|{'---:|' * len(table.headings)}")
    for row in table.rows:
        cells = (f"{cell.text()}{f' ({cell.mark})' if cell.mark else ''}" for cell in row.cells)
        label = markdown_text(_label(row))
        label = label if row.kind is RowKind.MEASURED else f"*{label}*"
        lines.append(f"| {label} | {' | '.join(cells)} |")
    lines += ["", *(f"({one.mark}) {markdown_text(one.text)}  " for one in table.footnotes)]
    lines += [f"{markdown_text(note)}  " for note in table.notes]
    return "\n".join(lines).rstrip() + "\n"


def as_latex(table: Table) -> str:
    """The table as LaTeX's ``tabular``, with the footnotes below it; it needs the package booktabs."""
    lines = [rf"\begin{{tabular}}{{l{'r' * len(table.headings)}}}", r"\toprule"]
    headings = (_latex_heading(one) for one in table.headings)
    lines += [rf"Device & {' & '.join(headings)} \\", r"\midrule"]
    for row in table.rows:
        label = latex_text(_label(row))
        label = label if row.kind is RowKind.MEASURED else rf"\quad\emph{{{label}}}"
        lines.append(rf"{label} & {' & '.join(_latex_cell(cell) for cell in row.cells)} \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [rf"\par\footnotesize $^{{{one.mark}}}$ {latex_text(one.text)}" for one in table.footnotes]
    lines += [rf"\par\footnotesize {_with_signs(note)}" for note in table.notes]
    return "\n".join(lines) + "\n"


def _with_signs(text: str) -> str:
    """A sentence of ours in LaTeX."""
    return latex_text(text).replace("±", r"$\pm$")


def _latex_heading(heading: Heading) -> str:
    unit = "" if heading.unit == "1" else f" ({latex_symbol(heading.unit)})"
    return f"{latex_symbol(heading.symbol)}{unit}"


def _latex_cell(cell: Cell) -> str:
    if not cell.value:
        return f"--$^{{{cell.mark}}}$" if cell.mark else "--"
    mark = f"^{{{cell.mark}}}" if cell.mark else ""
    value = cell.text(r" \pm ")
    return f"${value}{mark}$"


def as_csv(table: Table) -> str:
    """The table for a spreadsheet: value and uncertainty in cells of their own, numbers only; remarks in the last."""
    stream = StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    headings = [text for one in table.headings for text in (one.text, f"u {one.text}")]
    writer.writerow(["Device", "row", *(text_cell(text) for text in headings), "remarks"])
    words = {one.mark: one.text for one in table.footnotes}
    for row, label in zip(table.rows, _labels(table.rows), strict=True):
        cells = [text for cell in row.cells for text in (cell.value, cell.uncertainty)]
        remarks = [
            f"{heading.symbol}: {'; '.join(words[mark] for mark in cell.marks)}"
            for heading, cell in zip(table.headings, row.cells, strict=True)
            if cell.marks
        ]
        writer.writerow([text_cell(label), row.kind, *cells, text_cell("; ".join(remarks))])
    return stream.getvalue()


def _labels(rows: Sequence[Row]) -> Iterator[str]:
    """The device of each row."""
    label = ""
    for row in rows:
        label = row.label or label
        yield label
