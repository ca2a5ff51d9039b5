"""All runs of a folder, found through a catalogue that holds nothing of its own, and those not finished beside it."""

from __future__ import annotations

import operator
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path
from typing import Any

from acquire.archive.catalogue import Catalogue, CatalogueError
from acquire.archive.criteria import Criteria
from acquire.photometry.customary_units import figure_title
from acquire.run_file.summary import RunSummary
from acquire.service.errors import RequestRefused
from acquire.service.run_files import RunFiles
from acquire.service.summaries import summary_row

FILE = "catalogue.sqlite"
FRESH = 3.0  # s that what was looked up is good for
PATIENCE = 8.0  # s that a list waits for files that were not read yet; the rest comes next time
SORTED_BY = ("start_time", "sample", "title", "user", "status", "points")
_FIGURE = re.compile(r"([a-z0-9_]{1,80})\s*(<=|>=|<|>)\s*([-+]?\d{1,20}(?:\.\d{0,20})?(?:[eE][-+]?\d{1,3})?)", re.ASCII)
_HOLDS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Wanted:
    """What runs must be; empty: anything. Texts are contained, dates as far as they are written, both included."""

    sample: str = ""
    user: str = ""
    text: str = ""
    begin: str = ""
    end: str = ""
    status: str = ""
    figures: tuple[tuple[str, str, float], ...] = ()

    def fits(self, row: Row) -> bool:
        """Whether a run is meant."""
        said = " ".join(str(row[name]) for name in ("title", "sample", "pixel", "batch", "group", "user"))
        said = " ".join([said, str(row["stop_reason"]), str(row["run_id"]), *row["tags"], *row["comments"]]).casefold()
        day = str(row["start_time"])
        return (
            self.sample.casefold() in str(row["sample"]).casefold()
            and self.user.casefold() in str(row["user"]).casefold()
            and all(word in said for word in self.text.casefold().split())
            and (not self.begin or day >= self.begin)
            and (not self.end or day[: len(self.end)] <= self.end)
            and (not self.status or self.status in (row["status"], row["state"]))
            and all(_reaches(row, *one) for one in self.figures)
        )

    @property
    def criteria(self) -> Criteria:
        """What a catalogue can say of it: no run that fits is left out."""
        ranges = {
            name: (limit if sign[0] == ">" else -inf, limit if sign[0] == "<" else inf)
            for name, sign, limit in self.figures
        }
        return Criteria(text=self.sample or self.user, since=self.begin, until=self.end, figures=ranges)

    @property
    def anything(self) -> bool:
        """Whether every run is meant."""
        return self == Wanted()


def figure_wish(text: str) -> tuple[str, str, float]:
    """A wish like ``luminance_max>1000``: the figure, a sign, a limit in SI.

    :raises RequestRefused: it says nothing of a figure.
    """
    if (found := _FIGURE.fullmatch(text.strip())) is None:
        raise RequestRefused(422, f"'{text[:60]}' says nothing of a figure", "write luminance_max>1000", where="figure")
    if not isfinite(limit := float(found[3])):
        raise RequestRefused(422, f"the limit of '{text[:60]}' is beyond all numbers", "write 1e9", where="figure")
    try:
        figure_title(found[1])
    except KeyError as error:
        hint = "names as GET history has them: luminance_max, turn_on_voltage, current_efficiency_at_1000_cd_m2"
        raise RequestRefused(422, f"there is no figure '{found[1]}'", hint, where="figure") from error
    return found[1], found[2], limit


def figure_wishes(texts: Sequence[str]) -> tuple[tuple[str, str, float], ...]:
    """Several of them, which some value can meet together.

    :raises RequestRefused: as :func:`figure_wish`, or none can.
    """
    wishes = tuple(figure_wish(text) for text in texts)
    for name in dict.fromkeys(name for name, _, _ in wishes):
        least = max((limit for one, sign, limit in wishes if one == name and sign[0] == ">"), default=-inf)
        most = min((limit for one, sign, limit in wishes if one == name and sign[0] == "<"), default=inf)
        if least > most:
            hint = "exchange the limits"
            raise RequestRefused(422, f"no {name} is above {least:g} and below {most:g}", hint, where="figure")
    return wishes


def _reaches(row: Row, name: str, sign: str, limit: float) -> bool:
    value = row["figures"].get(name, {}).get("value")
    return value is not None and _HOLDS[sign](value, limit)


class History:
    """The runs of a folder; for any thread."""

    def __init__(self, data: Path, files: RunFiles) -> None:
        self.catalogue = Catalogue(data / FILE)
        self.files = files
        self._turn = threading.Lock()
        self._looked = -inf

    def refresh(self, oldest: float = FRESH) -> None:
        """Take in what is new in the folder, unless that was done within the last ``oldest`` s.

        :raises RequestRefused: the catalogue cannot be used.
        """
        with self._turn:
            self.files.refresh(oldest)
            if time.monotonic() - self._looked <= oldest:
                return
            until = time.monotonic() + PATIENCE
            try:
                self.catalogue.index([self.files.folder], stop=lambda: time.monotonic() > until)
            except CatalogueError as error:
                raise RequestRefused(503, str(error)) from error
            self._looked = time.monotonic()

    def found(self, wanted: Wanted, sort: str, limit: int, offset: int) -> tuple[int, list[Row]]:
        """How many runs are meant, and some of them in an order like ``-start_time``.

        :raises RequestRefused: the catalogue cannot be used, or there is no such order.
        """
        key = sort.removeprefix("-")
        if key not in SORTED_BY:
            raise RequestRefused(
                422, f"runs are not sorted by {key[:40]}", f"one of {', '.join(SORTED_BY)}", where="sort"
            )
        self.refresh()
        try:
            beside = [row for row in self._beside() if wanted.fits(row)]
            if wanted.anything and key == "start_time" and not beside:
                page = Criteria(oldest_first=not sort.startswith("-"), limit=limit, offset=offset)
                return self.catalogue.count(Criteria()), _rows(self.catalogue.find(page))
            fits = [row for row in _rows(self.catalogue.iterate(wanted.criteria)) if wanted.fits(row)] + beside
        except CatalogueError as error:
            raise RequestRefused(503, str(error)) from error
        fits.sort(key=lambda row: (row[key], row["start_time"]), reverse=sort.startswith("-"))
        return len(fits), fits[offset : offset + limit]

    def _beside(self) -> list[Row]:
        """The runs that no catalogue has yet: those that go on, and those that were cut off a moment ago."""
        open_ones = [row for _, row in self.files.summaries() if not row["finished"]]
        return [row for row in open_ones if self.catalogue.run(str(row["run_id"])) is None]

    def row(self, run_id: str) -> Row | None:
        """What is said of a run, None where there is none.

        :raises RequestRefused: the catalogue cannot be used.
        """
        for oldest in (FRESH, 0.0):
            self.refresh(oldest)
            try:
                if (found := self.catalogue.run(run_id)) is not None and found.path.is_file():
                    return summary_row(found)
            except CatalogueError as error:
                raise RequestRefused(503, str(error)) from error
            if row := next((row for _, row in self.files.summaries() if row["run_id"] == run_id), None):
                return row
        return None

    def path_of(self, run_id: str) -> Path | None:
        """The file of a run, None where there is none.

        :raises RequestRefused: the catalogue cannot be used.
        """
        if (path := self.files.path_of(run_id)) is not None:
            return path
        row = self.row(run_id)
        return None if row is None else Path(str(row["path"]))


def _rows(found: Sequence[RunSummary] | Any) -> list[Row]:
    return [summary_row(one) for one in found]
