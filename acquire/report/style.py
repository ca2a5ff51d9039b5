"""How pictures look and how they are written: one style sheet, one way to a file; the same every time."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, simplefilter

from acquire.run_file.placing import replace_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: What journals ask for: one column, and two; mm.
SINGLE, DOUBLE = 85.0, 174.0
MM_PER_INCH = 25.4

FORMATS = ("png", "svg", "pdf")

#: Nothing that differs from one writing to the next.
_METADATA: Mapping[str, Mapping[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}

#: Where each format says what a picture shows.
_CAPTION = {"png": "Description", "svg": "Description", "pdf": "Subject"}


#: Settings of matplotlib that choose windows and toolkits.
_WINDOWS = ("backend", "backend_fallback", "interactive", "toolbar")

#: What a style sheet does not decide: these, and the places of axes.
_NO_STYLE = (
    *_WINDOWS,
    *("figure.autolayout", "figure.constrained_layout.use", "figure.figsize", "savefig.bbox"),
    *(f"figure.subplot.{side}" for side in ("left", "right", "bottom", "top", "wspace", "hspace")),
)


class PictureError(Exception):
    """A picture that cannot be drawn or written; the message says why."""


class NothingToDraw(PictureError):
    """A run has nothing of what a picture would show; the message says what is missing."""


class StyleError(PictureError):
    """A style sheet that matplotlib cannot use; the message says where and why."""


@dataclass(frozen=True, eq=False)
class Style:
    """A style sheet as it was read: the values of matplotlib's rcParams by name; ``path`` of one of the user's."""

    values: Mapping[str, Any]
    path: Path | None = None

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside, matplotlib draws and writes in this style, and says nothing about letters that no font has.

        Whatever a matplotlibrc of the user says is not heard: a picture is the same on every account.

        :raises PictureError: matplotlib cannot do what a style of the user's asks for.
        """
        import matplotlib

        with catch_warnings(), matplotlib.rc_context():
            simplefilter("ignore")
            values: dict[Any, Any] = {**_defaults(), **self.values, "svg.hashsalt": "jvl-bench"}
            values["font.family"] = _fonts(values)
            matplotlib.rcParams.update(values)
            try:
                yield
            except (PictureError, ImportError):
                raise
            except Exception as error:
                if self.path is None:
                    raise
                raise PictureError(f"{self.path}: nothing can be drawn in it: {_in_a_line(str(error))}") from error

    @cached_property
    def _cycles(self) -> Mapping[str, list[Any]]:
        found: dict[str, list[Any]] = self.values["axes.prop_cycle"].by_key()
        return found

    def cycle(self, key: str) -> list[Any]:
        """The values that lines take one after the other: ``color`` or ``marker``; empty where it names none."""
        return self._cycles.get(key, [])


def _fonts(values: Mapping[str, Any]) -> list[str]:
    """The fonts that a style asks for and that are there: what the first has no letter for, the next ones draw.

    Of a generic family matplotlib takes one font only, with a box for each letter that it lacks.
    """
    from matplotlib.font_manager import fontManager

    there = {name.casefold() for name in fontManager.get_font_names()}
    asked = [font for family in values["font.family"] for font in values.get(f"font.{family}", [family])]
    return [font for font in dict.fromkeys([*asked, *_LAST_FONT]) if font.casefold() in there]


#: Comes with matplotlib, and has the signs that pictures here are made of.
_LAST_FONT = ("DejaVu Sans",)


@lru_cache(maxsize=1)
def _defaults() -> dict[Any, Any]:
    import matplotlib

    return {name: value for name, value in matplotlib.rcParamsDefault.items() if name not in _WINDOWS}


@lru_cache(maxsize=1)
def journal() -> Style:
    """The style sheet of this program.

    :raises ImportError: matplotlib, the extra ``report``, is not installed.
    """
    with resources.as_file(resources.files("acquire.report").joinpath("journal.mplstyle")) as path:
        return Style(_read(path))


def read_style(path: Path) -> Style:
    """A style sheet of the user's: what it says in place of what ours says, and the rest as ours.

    :raises StyleError: it cannot be read, or says what matplotlib does not understand.
    :raises ImportError: as :func:`journal`.
    """
    values = {**journal().values, **_read(path)}
    if missing := _missing_font(values):
        raise StyleError(f"{path}: the font '{missing}' is not on this computer; name one that is, or none")
    return Style(values, path)


def _missing_font(values: Mapping[str, Any]) -> str:
    """A font that a style asks for and that is not there; of the fonts of a generic family one is enough."""
    from matplotlib.font_manager import fontManager

    there = {name.casefold() for name in fontManager.get_font_names()}
    lists = {**_defaults(), **values}
    for family in values["font.family"]:
        fonts = lists.get(f"font.{family}", [family])
        if not there.intersection(one.casefold() for one in fonts):
            return str(family)
    return ""


def _read(path: Path) -> dict[str, Any]:
    """The values of a style sheet.

    :raises StyleError: as :func:`read_style`.
    """
    import matplotlib

    try:
        path.read_text(encoding="utf-8")
        with _heard("matplotlib") as said:
            found = matplotlib.rc_params_from_file(path, fail_on_error=True, use_default_template=False)
    except OSError as error:
        raise StyleError(f"{path}: cannot be read ({error.strerror or error})") from error
    except Exception as error:  # whatever matplotlib makes of a wrong value
        raise StyleError(_wrong(path, str(error))) from error
    if said:
        raise StyleError(_wrong(path, said[0]))
    return {name: value for name, value in found.items() if name not in _NO_STYLE}


def _wrong(path: Path, why: str) -> str:
    return f"{path}: is no style sheet of matplotlib: {_in_a_line(why)}"


def _in_a_line(text: str) -> str:
    return " ".join(line.strip() for line in text.strip().splitlines()[:2])[:300]


@contextmanager
def _heard(name: str) -> Iterator[list[str]]:
    """What a logger says inside, instead of what it would print."""
    said: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    logger, ear = logging.getLogger(name), Ear(logging.WARNING)
    before = logger.propagate
    logger.addHandler(ear)
    logger.propagate = False
    try:
        yield said
    finally:
        logger.removeHandler(ear)
        logger.propagate = before


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, width and height in mm, that belongs to no window and to no list of figures."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / MM_PER_INCH, height / MM_PER_INCH))
    FigureCanvasAgg(figure)
    return figure


def caption_of(figure: Figure) -> str:
    """What a picture shows, what its bands are, and what was left out of it, in sentences."""
    return str(figure.get_label())


def rendered(figure: Figure, kind: str, style: Style | None = None) -> bytes:
    """A picture as a file of a format: ``png``, ``svg`` or ``pdf``. The same bytes every time.

    :raises PictureError: matplotlib cannot draw it, in a style that needs LaTeX for example.
    """
    written = BytesIO()
    caption = {_CAPTION[kind]: caption_of(figure)} if caption_of(figure) else {}
    with (style or journal()).applied():
        figure.savefig(written, format=kind, metadata={**_METADATA[kind], **caption})
    return written.getvalue()


def save(
    figure: Figure, folder: Path, stem: str, formats: Iterable[str] = FORMATS, style: Style | None = None
) -> list[Path]:
    """Write a picture as ``folder/stem.png`` and so on, in place of what stands there; returns the files.

    :raises PictureError: a file cannot be written.
    """
    paths = []
    for kind in formats:
        path = folder / f"{stem}.{kind}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            replace_file(path, rendered(figure, kind, style))
        except OSError as error:
            raise PictureError(f"{path}: cannot be written ({error.strerror or error})") from error
        paths.append(path)
    return paths


_NAMES = re.compile(r'( id="|href="#|url\(#)')


def as_svg(figure: Figure, prefix: str = "", style: Style | None = None) -> str:
    """A picture as an ``<svg>`` element for a page of HTML; ``prefix`` keeps its ids apart from those of others."""
    text = rendered(figure, "svg", style).decode("utf-8")
    return _NAMES.sub(rf"\g<1>{prefix}-" if prefix else r"\g<1>", text[text.index("<svg") :])
