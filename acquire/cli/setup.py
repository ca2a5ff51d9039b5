"""The command that finds the instruments, asks how they are wired, and writes a bench file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from acquire.cli.arguments import FAILED, USAGE
from acquire.cli.questions import (
    Answers,
    Dialogue,
    Question,
    ask_or_leave,
    beside,
    file_to_write,
    free_name,
    lines_of,
    optional,
    refuse_what_is_there,
    scalar,
    somebody,
    write_new,
)
from acquire.cli.terminal import complain, is_yes, say, shell_quoted, whoever_listens
from acquire.safety.visible import one_line

if TYPE_CHECKING:
    from acquire.bench.survey import Answer
    from acquire.config import Problem

_BENCHES = Path("configs/benches")
_ROLES = ("smu", "photodiode_meter", "spectroradiometer")

#: Where luminance may come from, as it is asked for.
_FROM_SPECTRA, _CALIBRATION, _GEOMETRY = _ROUTES = ("from_spectra", "calibration", "geometry")


def _given(text: str) -> typer.models.OptionInfo:
    return typer.Option(help=text, show_default=False)  # type: ignore[no-any-return]


def setup(
    file: Annotated[
        Path | None, typer.Argument(help="bench file to write; it must not be there yet", metavar="[BENCH.yaml]")
    ] = None,
    visa: Annotated[
        str, typer.Option("--visa", help="VISA library: @py, or a path; not given: the installed one")
    ] = "",
    probe_serial: Annotated[
        bool | None, typer.Option("--probe-serial/--no-probe-serial", help="ask unknown serial ports too")
    ] = None,
    name: Annotated[str | None, _given("name of the bench")] = None,
    smu: Annotated[str | None, _given("address of the source, like GPIB0::24::INSTR")] = None,
    photodiode_meter: Annotated[str | None, _given("address of the photodiode's meter")] = None,
    spectroradiometer: Annotated[
        str | None, _given("address of the spectroradiometer, like ASRL3::INSTR; none")
    ] = None,
    terminals: Annotated[str | None, _given("where the device is connected: front or rear")] = None,
    four_wire: Annotated[str | None, _given("sense leads at the device: yes or no")] = None,
    line_frequency: Annotated[str | None, _given("mains: '50 Hz' or '60 Hz'")] = None,
    measuring_angle: Annotated[str | None, _given("knob of the spectroradiometer, like '0.2 deg'")] = None,
    connection: Annotated[str | None, _given("how the photodiode is read: amplifier, shunt or current")] = None,
    amplifier: Annotated[str | None, _given("its gain, like '5e6 V/A'; negative if it inverts")] = None,
    amplifier_limit: Annotated[str | None, _given("largest voltage that it puts out, like '10 V'; none")] = None,
    shunt: Annotated[str | None, _given("resistor across the photodiode, like '100 ohm'")] = None,
    luminance: Annotated[str | None, _given("from_spectra, calibration or geometry")] = None,
    calibration: Annotated[str | None, _given("calibration file, from the current folder")] = None,
    responsivity: Annotated[str | None, _given("table of the photodiode's responsivity (CSV)")] = None,
    detector: Annotated[str | None, _given("serial number of the photodiode")] = None,
    detector_area: Annotated[str | None, _given("its sensitive area, like '100 mm^2'")] = None,
    distance: Annotated[str | None, _given("device to photodiode, like '100 mm'")] = None,
    voltage: Annotated[str | None, _given("never exceeded on this bench, like '12 V'")] = None,
    current: Annotated[str | None, _given("never exceeded on this bench, like '105 mA'")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="ask nothing: the defaults for all that is not given")] = False,
) -> None:
    """Find the instruments, ask how they are wired, and write a bench file; the instruments are left as they are."""
    options = {key: value for key, value in locals().items() if isinstance(value, str) and key != "visa"}
    refuse_what_is_there(file)
    ask = somebody(defaults=yes)
    found = _found(options, visa, probe_serial, ask=ask)
    supposed = file or _folder() / "my_bench.yaml"

    def problems(answers: Answers) -> Sequence[Problem]:
        return _problems(_texts(answers, supposed, visa, found))

    dialogue = Dialogue(_questions(found), options, [supposed, _calibration_beside(supposed)], problems, ask)
    answers = ask_or_leave(dialogue)
    path = file or file_to_write(_folder() / "my_bench.yaml", ask=ask)
    texts = _texts(answers, path, visa, found)
    if wrong := _problems(texts):
        raise complain([*wrong, "nothing was written"], USAGE)
    write_new(dict(reversed(texts.items())))
    _tell(path, texts)


def _tell(path: Path, texts: dict[Path, str]) -> None:
    from acquire.config import check_file

    checked = check_file(path)
    with whoever_listens(sys.stderr):
        say(sys.stderr, *(f"caution: {caution}" for caution in checked.cautions), *checked.problems)
    with whoever_listens(sys.stdout):
        say(sys.stdout, *texts, f"next: acquire instruments --bench {shell_quoted(path)}", "      acquire new")


def _folder() -> Path:
    return _BENCHES if _BENCHES.is_dir() else Path()


# What is there


def _found(options: Answers, visa: str, probe_serial: bool | None, *, ask: bool) -> dict[str, list[Answer]]:
    """Who answers, by role; nobody is looked for where every address is given.

    :raises typer.Exit: there is no VISA, and nobody could say the addresses.
    """
    if set(_ROLES) <= options.keys():
        return {}
    from acquire.bench import survey as asking
    from drivers.errors import CannotConnect

    say(sys.stderr, "looking for instruments at every address that VISA sees; they are only asked who they are")
    try:
        answers = asking.survey(visa, probe_serial=bool(probe_serial))
        if probe_serial is None and ask and _wants_serial(answers):
            answers = asking.survey(visa, probe_serial=True)
    except KeyboardInterrupt as interrupt:
        from acquire.cli.arguments import INTERRUPTED

        raise complain("nothing was written", INTERRUPTED) from interrupt
    except CannotConnect as error:
        lines = [error, *asking.HOW_TO_GO_ON.splitlines(), "  addresses known       give them: acquire setup --smu ..."]
        if not ask and not {"smu", "photodiode_meter"} <= options.keys():
            raise complain(lines, FAILED) from error
        with whoever_listens(sys.stderr):
            say(sys.stderr, *lines)
        return {}
    with whoever_listens(sys.stderr):
        say(sys.stderr, *(line for answer in answers for line in asking.lines(answer)))
        if not any(answer.identity for answer in answers):
            say(sys.stderr, *asking.HOW_TO_GO_ON.splitlines())
            say(sys.stderr, *(["The file can be written all the same, with the addresses typed below."] if ask else []))
    return _by_role(answers)


def _wants_serial(answers: Sequence[Answer]) -> bool:
    """Whether serial ports are to be asked too; what hangs there may take any text for a command."""
    ports = [answer.resource for answer in answers if answer.resource.upper().startswith("ASRL")]
    if not ports:
        return False
    say(sys.stderr, f"serial ports: {', '.join(ports)}. What hangs there may take any text for a command.")
    print("Ask them too? [y/N] ", end="", file=sys.stderr, flush=True)
    return is_yes(sys.stdin, enter=False)


def _by_role(answers: Sequence[Answer]) -> dict[str, list[Answer]]:
    from acquire.bench.survey import model_of
    from drivers import models, specification

    kinds = {
        "smu": specification.SourceMeterSpecification,
        "photodiode_meter": specification.MultimeterSpecification,
        "spectroradiometer": specification.SpectroradiometerSpecification,
    }
    roles: dict[str, list[Answer]] = {role: [] for role in kinds}
    for answer in answers:
        model = model_of(answer.identity) if answer.identity else ""
        for role, kind in kinds.items():
            if model and isinstance(models.MODELS[model].specification, kind):
                roles[role].append(answer)
    return roles


# What is asked


def _questions(found: dict[str, list[Answer]]) -> tuple[Question, ...]:
    def address(role: str, what: str, *, needed: bool) -> Question:
        there = [answer.resource for answer in found.get(role, [])]
        also = f"; found: {', '.join(there)}" if len(there) > 1 else ""
        default = there[0] if there else None if needed else ""
        text = f"Address of the {what}{also}{'' if needed else '; or none'}"
        place = f"instruments.{role}"
        return Question(role, text, (place,), lambda _: default, read=str.strip if needed else optional)

    return (
        Question("name", "Name of the bench", ("name",), lambda _: "laboratory bench"),
        address("smu", "source (Keithley 2400), like GPIB0::24::INSTR or ASRL4::INSTR", needed=True),
        address("photodiode_meter", "photodiode's meter (Keithley 2000), like GPIB0::16::INSTR", needed=True),
        address("spectroradiometer", "spectroradiometer (CS-2000A), like ASRL3::INSTR", needed=False),
        *_WIRING,
    )


def _has_spectroradiometer(answers: Answers) -> bool:
    return bool(answers.get("spectroradiometer"))


def _is_connected_by(connection: str, answers: Answers) -> bool:
    return answers.get("connection", "amplifier") == connection


def _has_route(route: str, answers: Answers) -> bool:
    return answers.get("luminance") == route


_WIRING = (
    Question(
        "terminals",
        "The source's terminals at which the device is connected",
        ("instruments.smu.terminals",),
        lambda _: "front",
        choices=("front", "rear"),
    ),
    Question(
        "four_wire",
        "Four wires: are sense leads connected at the device",
        ("instruments.smu.four_wire",),
        lambda _: "no",
        choices=("yes", "no"),
    ),
    Question("line_frequency", "Mains (50 Hz, 60 Hz)", ("instruments.smu.line_frequency",), lambda _: "50 Hz"),
    Question(
        "measuring_angle",
        "Knob of the spectroradiometer (1 deg, 0.2 deg, 0.1 deg); its spot must lie inside the pixel",
        ("instruments.spectroradiometer.measuring_angle",),
        lambda _: "0.2 deg",
        asked=_has_spectroradiometer,
    ),
    Question(
        "connection",
        "How the meter sees the photocurrent: behind an amplifier, across a shunt, or as a current",
        ("photodiode.current", "instruments.photodiode_meter.terminals"),
        lambda _: "amplifier",
        choices=("amplifier", "shunt", "current"),
    ),
    Question(
        "amplifier",
        "Gain of the amplifier as set on it (V/A), like 5e6 V/A; negative if it inverts",
        ("photodiode.amplifier",),
        asked=lambda answers: _is_connected_by("amplifier", answers),
    ),
    Question(
        "amplifier_limit",
        "Largest voltage that the amplifier puts out (V), like 10 V; or none where it is not known",
        ("photodiode.amplifier_limit",),
        lambda _: "",
        asked=lambda answers: _is_connected_by("amplifier", answers),
        read=optional,
    ),
    Question(
        "shunt",
        "Resistor across the photodiode (ohm), like 100 ohm",
        ("photodiode.shunt",),
        asked=lambda answers: _is_connected_by("shunt", answers),
    ),
    Question(
        "luminance",
        "Luminance by the spectra of each run, by a calibration file you have, or by geometry and responsivity",
        ("photodiode.luminance",),
        lambda answers: _FROM_SPECTRA if _has_spectroradiometer(answers) else None,
        choices=_ROUTES,
    ),
    Question(
        "calibration",
        "Calibration file",
        ("photodiode.calibration",),
        asked=lambda answers: _has_route(_CALIBRATION, answers),
        names_file=True,
    ),
    Question(
        "responsivity",
        "Table of the photodiode's responsivity, a CSV file wavelength_nm,responsivity_A_W",
        ("responsivity",),
        asked=lambda answers: _has_route(_GEOMETRY, answers),
        names_file=True,
    ),
    Question(
        "detector",
        "Serial number of the photodiode, or how it is told apart",
        ("detector",),
        asked=lambda answers: _has_route(_GEOMETRY, answers),
    ),
    Question(
        "detector_area",
        "Sensitive area of the photodiode (mm^2, cm^2), like 100 mm^2",
        ("geometry.detector_area",),
        asked=lambda answers: _has_route(_GEOMETRY, answers),
    ),
    Question(
        "distance",
        "Distance from the device to the photodiode, which faces it (mm), like 100 mm",
        ("geometry.distance",),
        asked=lambda answers: _has_route(_GEOMETRY, answers),
    ),
    Question(
        "voltage", "Voltage never exceeded on this bench, whatever a sweep says", ("limits.voltage",), lambda _: "12 V"
    ),
    Question("current", "Current never exceeded on this bench", ("limits.current",), lambda _: "105 mA"),
)


# What is written


def _calibration_beside(bench: Path) -> Path:
    """Where the calibration by geometry goes that belongs to a bench file; nothing stands there yet."""
    folder = bench.parent.parent / "calibrations"
    return free_name((folder if folder.is_dir() else bench.parent) / f"{bench.stem}_photodiode.yaml")


def _problems(texts: dict[Path, str]) -> list[Problem]:
    """What is wrong with the files, except that those are missing that are not written yet."""
    from acquire.config import check_text

    problems = [problem for path, text in texts.items() for problem in check_text(path, text).problems]
    missing = "photodiode.calibration" if len(texts) > 1 else ""
    return [problem for problem in problems if not (problem.path == missing and "there is no file" in problem.message)]


def _texts(answers: Answers, path: Path, visa: str, found: dict[str, list[Answer]]) -> dict[Path, str]:
    """The bench file, and the calibration by geometry where that is asked for."""
    texts = {path: _bench_text(answers, path, visa, found)}
    if _has_route(_GEOMETRY, answers):
        texts[_calibration_beside(path)] = _calibration_text(answers, _calibration_beside(path))
    return texts


Line = tuple[str, str] | str | None


def _line(answers: Answers, name: str, key: str, comment: str = "", indent: str = "  ") -> Line:
    if not answers.get(name):
        return None
    line = f"{indent}{key}: {scalar(answers[name])}"
    return (line, comment) if comment else line


def _head(path: Path, kind: str) -> list[Line]:
    schema = Path(f"configs/schema/{kind}.schema.json")
    return [
        f"# yaml-language-server: $schema={beside(schema, path.parent)}" if schema.is_file() else None,
        "# Written by 'acquire setup'. Go through it in front of the instruments; every key: docs/reference/yaml.md.",
        f"kind: {kind}",
    ]


def _bench_text(answers: Answers, path: Path, visa: str, found: dict[str, list[Answer]]) -> str:
    wires = {"yes": "true", "no": "false"}
    return lines_of(
        *_head(path, "bench"),
        _line(answers, "name", "name", indent=""),
        (f"visa: {scalar(visa)}", "empty: the installed VISA; @py: pyvisa-py"),
        "",
        "instruments:",
        *_instrument(answers, "smu", "keithley2400", found),
        _line(answers, "terminals", "terminals", "where the device is connected; the other side stays dead", "    "),
        (f"    four_wire: {wires.get(answers.get('four_wire', ''), 'false')}", "true: sense leads at the device"),
        _line(answers, "line_frequency", "line_frequency", "an integration time of whole periods rejects hum", "    "),
        ("    over_voltage_protection: 20 V", "the instrument's own limit: 20 V is its lowest step")
        if answers.get("voltage") and _volts(answers["voltage"]) <= 20.0
        else None,
        *_instrument(answers, "photodiode_meter", "keithley2000", found),
        *_instrument(answers, "spectroradiometer", "cs2000a", found),
        _line(answers, "measuring_angle", "measuring_angle", "as on the knob", "    "),
        "",
        ("trigger_link: false", "true if the trigger-link cable joins source and meter"),
        "",
        "photodiode:",
        *_photodiode(answers, path),
        "",
        ("limits:", "never exceeded, whatever a sweep says"),
        _line(answers, "voltage", "voltage"),
        _line(answers, "current", "current"),
        ("  # power: 1.3 W", "largest level x compliance"),
    )


def _volts(text: str) -> float:
    from acquire.config.quantities import QuantityError, parse_quantity

    try:
        return parse_quantity(text, "V")
    except QuantityError:
        return float("inf")


def _instrument(answers: Answers, role: str, model: str, found: dict[str, list[Answer]]) -> list[Line]:
    resource = answers.get(role)
    if not resource:
        return []
    answer = next((one for one in found.get(role, []) if one.resource == resource), None)
    lines: list[Line] = [f"  {role}:", f"    model: {model}"]
    if answer is None or answer.identity is None:
        return [*lines, f"    resource: {scalar(resource)}"]
    from acquire.bench.survey import model_of

    who = answer.identity
    lines = [f"  {role}:", f"    model: {model_of(who)}"]
    lines.append((f"    resource: {scalar(resource)}", one_line(f"{who.maker} {who.model}, serial {who.serial}")))
    if "baud rate" in answer.details and role != "spectroradiometer":  # over its USB any setting works
        lines += ["    serial:", f"      baud_rate: {answer.details['baud rate']}"]
        lines += [f"      terminator: {answer.details['terminator']}"]
    return lines


def _photodiode(answers: Answers, path: Path) -> list[Line]:
    lines = [
        _line(answers, "amplifier", "amplifier", "as set on it; negative if it inverts"),
        _line(answers, "amplifier_limit", "amplifier_limit", "where it stops following the light"),
        _line(answers, "shunt", "shunt", "read in volts; keep it below 10 mV"),
        ("  current: true", "the meter itself reads amperes") if _is_connected_by("current", answers) else None,
    ]
    if _has_route(_FROM_SPECTRA, answers):
        lines.append(("  luminance: from_spectra", "by the spectra of each run; three or more are wanted"))
    named = answers.get("calibration")
    if _has_route(_GEOMETRY, answers):
        named = _calibration_beside(path).as_posix()
    if named:
        lines.append(f"  calibration: {scalar(beside(Path(named), path.parent))}")
    return lines


def _calibration_text(answers: Answers, path: Path) -> str:
    today = datetime.now().astimezone().date()
    table = answers.get("responsivity")
    return lines_of(
        *_head(path, "calibration"),
        "# Luminance from first principles. Better: acquire calibrate, against the spectroradiometer.",
        f"id: {scalar(f'{path.stem}-geometry-{today}')}",
        f"date: {today}",
        "detector:",
        _line(answers, "detector", "serial"),
        f"responsivity: {scalar(beside(Path(table), path.parent))}" if table else None,
        "geometry:",
        ("  shape: coaxial_discs", "device and photodiode face each other"),
        _line(answers, "detector_area", "detector_area"),
        _line(answers, "distance", "distance"),
    )
