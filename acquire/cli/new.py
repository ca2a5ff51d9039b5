"""The command that asks a few questions and writes a sweep file."""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from acquire.cli.arguments import USAGE
from acquire.cli.questions import (
    Answers,
    Dialogue,
    Question,
    ask_or_leave,
    beside,
    file_to_write,
    lines_of,
    listed,
    optional,
    refuse_what_is_there,
    scalar,
    somebody,
    write_new,
)
from acquire.cli.terminal import complain, say, shell_quoted, whoever_listens

if TYPE_CHECKING:
    from acquire.config import BenchFile, CheckedFile

_BENCHES = (Path("configs/benches/my_bench.yaml"), Path("configs/benches/simulated.yaml"))
_SWEEPS = Path("configs/sweeps")


def _given(text: str) -> typer.models.OptionInfo:
    return typer.Option(help=text, show_default=False)  # type: ignore[no-any-return]


def new(
    file: Annotated[
        Path | None, typer.Argument(help="sweep file to write; it must not be there yet", metavar="[SWEEP.yaml]")
    ] = None,
    bench: Annotated[str | None, _given("bench file, from the current folder")] = None,
    name: Annotated[str | None, _given("name of the sample")] = None,
    batch: Annotated[str | None, _given("its batch or substrate")] = None,
    pixel: Annotated[str | None, _given("which pixel")] = None,
    area: Annotated[str | None, _given("emissive area, like '14 mm^2'")] = None,
    title: Annotated[str | None, _given("one line for lists and plots")] = None,
    function: Annotated[str | None, _given("what is set: voltage or current")] = None,
    start: Annotated[str | None, _given("first level, like '0 V'")] = None,
    stop: Annotated[str | None, _given("last level, like '8 V'")] = None,
    step: Annotated[str | None, _given("distance of two levels, like '0.1 V'")] = None,
    direction: Annotated[str | None, _given("forward, reverse or both")] = None,
    compliance: Annotated[str | None, _given("limit of current (or voltage), like '100 mA'")] = None,
    settle: Annotated[str | None, _given("wait between level and reading, like '50 ms'")] = None,
    nplc: Annotated[str | None, _given("integration time in periods of the mains, like 1")] = None,
    spectra: Annotated[str | None, _given("luminances for spectra, like '10, 100, 1000 cd/m^2'; none")] = None,
    peak: Annotated[str | None, _given("where it shines, like '520 nm'")] = None,
    fwhm: Annotated[str | None, _given("how wide its line is, like '20 nm'")] = None,
    luminance_above: Annotated[str | None, _given("end beyond this luminance, like '10000 cd/m^2'; none")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="ask nothing: the defaults for all that is not given")] = False,
) -> None:
    """Ask a few questions and write a sweep file; nothing is opened, and nothing is overwritten."""
    options = {name: value for name, value in locals().items() if isinstance(value, str)}
    refuse_what_is_there(file)
    ask = somebody(defaults=yes)
    supposed = file or _SWEEPS / "new.yaml"
    dialogue = Dialogue(_QUESTIONS, options, [supposed], lambda answers: _checked(answers, supposed).problems, ask)
    answers = ask_or_leave(dialogue)
    path = file or file_to_write(_folder() / f"{_file_name(answers['name'])}.yaml", ask=ask)
    text = _text(answers, path)
    checked = _checked(answers, path)
    if checked.problems:
        raise complain([*checked.problems, "nothing was written"], USAGE)
    write_new({path: text})
    with whoever_listens(sys.stderr):
        say(sys.stderr, *(f"caution: {caution}" for caution in checked.cautions))
    with whoever_listens(sys.stdout):
        say(sys.stdout, path, f"next: acquire plan {shell_quoted(path)}", f"      acquire run {shell_quoted(path)}")


def _checked(answers: Answers, path: Path) -> CheckedFile:
    from acquire.config import check_text

    return check_text(path, _text(answers, path))


def _folder() -> Path:
    return _SWEEPS if _SWEEPS.is_dir() else Path()


def _file_name(name: str) -> str:
    return re.sub(r"[^\w-]+", "_", name).strip("_")[:60] or "sweep"


# What is asked


@lru_cache(maxsize=8)
def _bench_of(path: str, _written: int) -> BenchFile | None:
    """The bench as written at a time; None where it is wrong: its problems are said at once, by the check."""
    from acquire.config import ConfigurationError, load_bench

    try:
        return load_bench(Path(path))
    except ConfigurationError:
        return None


def _bench(answers: Answers) -> BenchFile | None:
    try:
        return _bench_of(answers["bench"], Path(answers["bench"]).stat().st_mtime_ns)
    except (KeyError, OSError, ValueError):
        return None


def _likely_bench(_answers: Answers) -> str | None:
    return next((path.as_posix() for path in _BENCHES if path.is_file()), None)


def _is_voltage(answers: Answers) -> bool:
    return answers.get("function", "voltage") == "voltage"


def _first_level(answers: Answers) -> str:
    return "0 V" if _is_voltage(answers) else "0 mA"


def _last_level(answers: Answers) -> str:
    return _within(answers, "8 V", 8.0) if _is_voltage(answers) else _within(answers, "10 mA", 0.01)


def _level_step(answers: Answers) -> str:
    return "0.1 V" if _is_voltage(answers) else "0.1 mA"


def _limit(answers: Answers) -> str:
    return _within(answers, "100 mA", 0.1) if _is_voltage(answers) else _within(answers, "10 V", 10.0)


def _within(answers: Answers, text: str, value: float) -> str:
    """A level or a compliance, lowered to the bench's limit where that is smaller."""
    bench = _bench(answers)
    if bench is None:
        return text
    limit, unit = (bench.limits.voltage, "V") if text.endswith("V") else (bench.limits.current, "A")
    return text if value <= limit else f"{limit:g} {unit}"


def _has_spectra(answers: Answers) -> bool:
    bench = _bench(answers)
    return bench is not None and bench.instruments.spectroradiometer is not None


def _likely_spectra(_answers: Answers) -> str:
    return "[10 cd/m^2, 100 cd/m^2, 1000 cd/m^2]"


def _needs_line(answers: Answers) -> bool:
    """Whether live luminance waits for a spectrum unless a line is assumed."""
    bench = _bench(answers)
    return bench is not None and bench.photodiode.luminance_route == "calibrated"


_QUESTIONS = (
    Question("bench", "Bench file", ("bench",), _likely_bench, names_file=True),
    Question("name", "Name of the sample, like A3", ("sample.name",)),
    Question("batch", "Its batch or substrate", ("sample.batch",), lambda _: "", read=optional),
    Question("pixel", "Which pixel of it", ("sample.pixel",), lambda _: "", read=optional),
    Question("area", "Emissive area of the pixel, with its unit, like 14 mm^2 or 0.04 cm^2", ("sample.emissive_area",)),
    Question(
        "peak",
        "Where does it shine, like 520 nm: its live luminance rests on that, and without spectra all luminance",
        ("sample.expected_line.peak",),
        asked=_needs_line,
    ),
    Question(
        "fwhm",
        "How wide is its line (full width at half maximum, nm)",
        ("sample.expected_line.fwhm", "sample.expected_line"),
        lambda _: "20 nm",
        asked=_needs_line,
    ),
    Question("function", "What is set", ("source.function",), lambda _: "voltage", choices=("voltage", "current")),
    Question("start", "First level, with its unit (V, mV; A, mA, uA)", ("source.start",), _first_level),
    Question("stop", "Last level; it is always reached", ("source.stop",), _last_level),
    Question("step", "Distance of two levels", ("source.step",), _level_step),
    Question(
        "direction",
        "From the first level to the last, back, or both",
        ("source.direction",),
        lambda _: "forward",
        choices=("forward", "reverse", "both"),
    ),
    Question(
        "compliance",
        "Compliance, the most that the device gets",
        ("source.compliance", "source"),
        _limit,
    ),
    Question("settle", "Wait between a level and its reading (ms, s)", ("measure.settle",), lambda _: "50 ms"),
    Question("nplc", "Integration time in periods of the mains, 0.01 to 10", ("measure.nplc",), lambda _: "1"),
    Question(
        "spectra",
        "A spectrum at the first point that reaches which luminances (cd/m^2); or none",
        ("spectra.at_luminance",),
        _likely_spectra,
        asked=_has_spectra,
        read=listed,
    ),
    Question(
        "luminance_above",
        "End the sweep beyond which luminance (cd/m^2); or none",
        ("stop.luminance_above",),
        lambda _: "",
        asked=lambda answers: _has_spectra(answers) or _needs_line(answers),
        read=optional,
    ),
    Question(
        "title", "Title, one line for lists and plots", ("title",), lambda answers: f"{answers.get('name', '')}, J-V-L"
    ),
)


# What is written


def _text(answers: Answers, path: Path) -> str:
    """The sweep file of these answers; what is not answered yet is left out."""
    folder = path.parent
    schema = Path("configs/schema/sweep.schema.json")

    def given(
        name: str, key: str, comment: str = "", indent: str = "  ", *, raw: bool = False
    ) -> tuple[str, str] | str | None:
        if not answers.get(name):
            return None
        line = f"{indent}{key}: {answers[name] if raw else scalar(answers[name])}"
        return (line, comment) if comment else line

    bench = answers.get("bench", "")
    line = [
        ("  expected_line:", "stands in for live values until the first spectrum is there"),
        given("peak", "peak", indent="    "),
        given("fwhm", "fwhm", indent="    "),
    ]
    return lines_of(
        f"# yaml-language-server: $schema={beside(schema, folder)}" if schema.is_file() else None,
        "# Written by 'acquire new'. Change it as you like, then: acquire check, acquire plan, acquire run.",
        "# docs/reference/yaml.md explains every key, also those that are not here.",
        "kind: sweep",
        given("title", "title", indent=""),
        (f"bench: {scalar(beside(Path(bench), folder))}", "'acquire run FILE --bench BENCH' takes another one")
        if bench
        else None,
        "",
        "sample:",
        given("name", "name"),
        given("batch", "batch"),
        given("pixel", "pixel"),
        given("area", "emissive_area", "the area that emits light; J = I / area"),
        ("  # emissive_area_uncertainty: 0.1 mm^2", "its standard uncertainty; not in the budget without it"),
        *(line if answers.get("peak") else ()),
        "",
        "source:",
        given("function", "function", "what is set; the other one is measured and limited"),
        given("start", "start"),
        given("stop", "stop", "always reached"),
        given("step", "step"),
        given("direction", "direction", "reverse: from stop to start; both: there and back"),
        given("compliance", "compliance", "the device never gets more"),
        "",
        "measure:",
        given("settle", "settle", "wait between a new level and the reading"),
        given("nplc", "nplc", "integration time in mains periods, both meters; 0.1 is faster and noisier"),
        *(("", "spectra:", given("spectra", "at_luminance", raw=True)) if answers.get("spectra") else ()),
        "",
        "stop:",
        ("  on_compliance: stop", "a device that takes the whole compliance ends the sweep"),
        given("luminance_above", "luminance_above", "the sweep ends beyond it"),
        ("  # no_light_by: 5 V", "a dead pixel is not driven further"),
    )
