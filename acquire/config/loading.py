"""From the name of a sweep file to everything a run needs to know, or one report of everything that is wrong."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from difflib import get_close_matches
from hashlib import file_digest
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from acquire.config.angles import AngularTable, read_angles, unusable
from acquire.config.answers import AnswersFile, answers_rules
from acquire.config.batch import SAID_OF_A_PIXEL, BatchFile, batch_rules
from acquire.config.bench import BenchFile, PhotodiodeChannel, Simulation
from acquire.config.bench_rules import Problems, bench_rules, calibration_rules, device_rules
from acquire.config.calibration import CalibrationFile, LuminanceFactor
from acquire.config.cautions import (
    bench_cautions,
    calibration_cautions,
    device_cautions,
    example_cautions,
    is_example,
    span_cautions,
    sweep_cautions,
)
from acquire.config.device import DeviceFile
from acquire.config.level_list import read_levels
from acquire.config.lifetime_rules import lifetime_on_bench_rules, lifetime_rules
from acquire.config.mapping import MappingFile, mapping_rules
from acquire.config.overrides import Override, Said, SaidByBatch, overridden
from acquire.config.package import PackageFile, package_rules
from acquire.config.parsing import ConfigurationError, Parsed, parse
from acquire.config.published import PublishedFile, published_rules
from acquire.config.pulse_rules import pulse_rules
from acquire.config.refinement_rules import refinement_rules
from acquire.config.rules import (
    equipment_rules,
    first_spectrum_rules,
    hardware_timing_rules,
    limit_rules,
    photodiode_meter_rules,
    source_meter_rules,
    sweep_rules,
)
from acquire.config.section import Section
from acquire.config.sweep import Output, Sample, Source, SweepFile
from acquire.config.tables import RESPONSIVITY, SPECTRUM, Table, read_curve
from acquire.config.transport import Transport
from acquire.config.yaml_source import (
    HDF5_SIGNATURE,
    LARGEST_RUN_FILE,
    Caution,
    OtherFile,
    Place,
    Problem,
    YamlSource,
    parse_yaml,
    read_start,
    read_yaml,
    what_is,
)

if TYPE_CHECKING:
    from acquire.config.tables import Curve

FileModel = TypeVar("FileModel", bound=Section)

KINDS: Mapping[str, type[Section]] = {
    "sweep": SweepFile,
    "bench": BenchFile,
    "device": DeviceFile,
    "calibration": CalibrationFile,
    "published": PublishedFile,
    "answers": AnswersFile,
    "mapping": MappingFile,
    "batch": BatchFile,
    "package": PackageFile,
}


@dataclass(frozen=True)
class LoadedCalibration:
    """A calibration file, None where there is none or it is wrong, and its curves.

    ``responsivity`` is (wavelength in nm, A/W), ``spectrum`` (wavelength in nm, relative power per nm).
    """

    certificate: CalibrationFile | None = None
    responsivity: Curve | None = None
    spectrum: Curve | None = None


@dataclass(frozen=True)
class LoadedSweep:
    """A sweep with all files it refers to, read and checked against each other.

    ``device`` is there on a simulated bench only; ``hashes`` maps each file used to its SHA-256; ``cautions`` are
    what is no error, but should be known. ``overrides`` are in ``sweep`` already, not in its text.
    """

    sweep: SweepFile
    sweep_path: Path
    sweep_text: str
    bench: BenchFile
    bench_path: Path
    bench_text: str
    calibration: LoadedCalibration = LoadedCalibration()
    angles: AngularTable | None = None
    device: DeviceFile | None = None
    reference_path: Path | None = None
    hashes: Mapping[str, str] = field(default_factory=dict)
    cautions: tuple[Caution, ...] = ()
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True)
class RunOfBatch:
    """A run that a batch file asks for: a sweep of a pixel, and what stands in place of the sweep file's own values."""

    substrate: str
    pixel: str
    sweep: Path
    said: tuple[SaidByBatch, ...]
    place: Place


@dataclass(frozen=True)
class LoadedBatch:
    """A batch file, the runs that it asks for in their order, and the bench that it names, if it does.

    The sweeps are not read yet.
    """

    batch: BatchFile
    source: YamlSource
    bench_path: Path | None
    runs: tuple[RunOfBatch, ...]


#: The value that names a file: the source it stands in, and where.
Naming = tuple[YamlSource, Place]


def _said_of_its_name(problems: Iterable[Problem], named: Naming | None) -> list[Problem]:
    """The problems, those with a file of another sort moved to the line that names it, where there is one."""
    if named is None:
        return list(problems)
    source, place = named
    return [
        source.problem(place, _of_file(problem), problem.hint) if isinstance(problem, OtherFile) else problem
        for problem in problems
    ]


def _of_file(problem: Problem) -> str:
    return f"{problem.file.as_posix()}{' ' if problem.message.startswith('is ') else ': '}{problem.message}"


@dataclass
class _Findings:
    """What was found while files were read: problems, cautions and the hash of every file."""

    problems: list[Problem] = field(default_factory=list)
    cautions: list[Caution] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)

    def check(
        self,
        source: YamlSource,
        model: type[FileModel],
        rules: Callable[[Parsed[FileModel]], Problems],
        named: Naming | None = None,
        completed: Callable[[Parsed[FileModel]], Parsed[FileModel]] = lambda parsed: parsed,
    ) -> Parsed[FileModel]:
        """A file against its model and rules; ``completed`` adds what it takes from others before the rules look."""
        if problem := _other_kind(source, _kind_of(model)):
            (problem,) = _said_of_its_name([problem], named)
            self.problems.append(problem)
            return Parsed(source, problems=(problem,))
        parsed = completed(parse(source, model))
        self.problems += _said_of_its_name([*parsed.problems, *rules(parsed)], named)
        self.note_hash(source.path, source.sha256)
        return parsed

    def curve(self, path: Path | None, table: Table, named: Naming) -> Curve | None:
        if path is None:
            return None
        curve, problems, digest = read_curve(path, table)
        self.problems += _said_of_its_name(problems, named)
        self.note_hash(path, digest)
        return curve

    def hash_of_run_file(self, path: Path, source: YamlSource) -> str:
        """The SHA-256 of a run file that ``sample.reference`` names; a problem, and none, where it cannot be one."""
        try:
            if read_start(path, len(HDF5_SIGNATURE)) != HDF5_SIGNATURE:
                why = "is not a run file"
            elif path.stat().st_size > LARGEST_RUN_FILE:
                why = f"is larger than {LARGEST_RUN_FILE // 2**30} GB"
            else:
                with path.open("rb") as file:
                    return file_digest(file, "sha256").hexdigest()
        except OSError as error:
            why = f"cannot be read: {error.strerror or error}"
        self.problems.append(source.problem(("sample", "reference"), f"{path.as_posix()} {why}", "name a run file"))
        return ""

    def note_hash(self, path: Path, digest: str) -> None:
        if digest:
            self.hashes[path.as_posix()] = digest

    def referred(self, source: YamlSource, place: Place, name: str | None) -> Path | None:
        """The file that ``name`` at ``place`` refers to, seen from its own file; None, and a problem, if missing."""
        if not name:
            return None
        path = Path(os.path.normpath(source.path.parent / name))
        kind = what_is(path)
        if kind == "file":
            return path
        if kind != "nothing":
            hint = "name a file in it" if kind == "folder" else "name a file"
            self.problems.append(source.problem(place, f"{path.as_posix()} is a {kind}", hint))
            return None
        self.problems.append(source.problem(place, f"there is no file {path.as_posix()}", _nearby(path)))
        return None

    def raise_if_any(self) -> None:
        if self.problems:
            raise ConfigurationError(self.problems)


def _kind_of(model: type[Section]) -> str:
    return next(kind for kind, its_model in KINDS.items() if its_model is model)


def _other_kind(source: YamlSource, *expected: str) -> Problem | None:
    """The one problem of a file that does not say it is what is wanted; None too where its form is wrong already.

    Whatever it is then, it may be private: not a word of it is quoted.
    """
    kind = source.content.get("kind")
    if kind in expected or (source.problems and not source.content):
        return None
    hint = f"write {'one of ' if len(expected) > 1 else 'kind: '}{', '.join(expected)}, or name another file"
    if not isinstance(kind, str):
        return source.problem(("kind",), "is missing: what sort of file is this?", hint)
    if kind in KINDS:
        message = f"this is a {kind} file, but a {expected[0]} file is wanted here"
        return OtherFile(**vars(source.problem(("kind",), message, "name another file")))
    nearest = get_close_matches(kind, expected, n=1)
    return source.problem(
        ("kind",), "is no kind of file known here", f"did you mean '{nearest[0]}'?" if nearest else hint
    )


#: What a hint says where a file that is named is not there.
RELATIVE = "names are relative to this file"


def _nearby(path: Path) -> str:
    if what_is(path.parent) != "folder":
        return f"there is no folder {path.parent.as_posix()} either; {RELATIVE}"
    try:
        nearest = get_close_matches(path.name, sorted(f.name for f in path.parent.iterdir()), n=1)
    except OSError:  # a folder may be entered and yet not be listed
        nearest = []
    return f"did you mean '{nearest[0]}'?" if nearest else RELATIVE


def load_sweep(path: Path, bench_override: Path | None = None, said: Sequence[Said | SaidByBatch] = ()) -> LoadedSweep:
    """Read a sweep file and all it refers to; ``bench_override`` takes the place of the bench it names.

    ``said``: what stands in place of the file's own values, for this time.

    :raises ConfigurationError: with every problem of every file.
    """
    findings = _Findings()
    loaded = _load_sweep(read_yaml(path), bench_override, findings, said)
    findings.raise_if_any()
    assert loaded is not None
    return loaded


def places_of(path: Path, bench_override: Path | None = None) -> tuple[str, Path]:
    """The output folder and the bench file that a sweep file names, whatever else is wrong with it.

    :raises ConfigurationError: it cannot be read, or is no sweep file.
    """
    source = read_yaml(path)
    if source.problems and not source.content:
        raise ConfigurationError(source.problems)
    if problem := _other_kind(source, "sweep"):
        raise ConfigurationError([problem])
    sweep = parse(source, SweepFile)
    output = sweep.section("output", Output) or Output()
    named = path.parent / (sweep.section("bench", str) or "")
    return output.folder, bench_override or Path(os.path.normpath(named))


def _rules_of_sweep(sweep: Parsed[SweepFile]) -> Problems:
    """Every rule inside a sweep file."""
    yield from chain(sweep_rules(sweep), lifetime_rules(sweep))


def _load_sweep(
    source: YamlSource, bench_override: Path | None, findings: _Findings, said: Sequence[Said | SaidByBatch] = ()
) -> LoadedSweep | None:
    source, overrides, problems = overridden(source, said)
    findings.problems += problems
    sweep = findings.check(source, SweepFile, _rules_of_sweep, completed=lambda parsed: _with_levels(parsed, findings))
    bench_path = bench_override or findings.referred(source, ("bench",), sweep.section("bench", str))
    named = None if bench_override else (source, ("bench",))
    reference = _reference(sweep, findings)
    angles = _angles(sweep, findings)
    if bench_path is None:
        return None
    bench = findings.check(read_yaml(bench_path), BenchFile, bench_rules, named)
    findings.cautions += bench_cautions(bench)
    findings.problems += [*source_meter_rules(sweep, bench), *limit_rules(sweep, bench), *equipment_rules(sweep, bench)]
    findings.problems += [*hardware_timing_rules(sweep, bench), *photodiode_meter_rules(sweep, bench)]
    findings.problems += lifetime_on_bench_rules(sweep, bench)
    findings.problems += pulse_rules(sweep, bench)
    findings.problems += refinement_rules(sweep, bench)
    findings.cautions += sweep_cautions(sweep, bench)
    # A device that is not to shine needs no calibration, whatever state that of the bench is in
    dark = sweep.section("transport", Transport) is not None
    calibration = LoadedCalibration() if dark else _load_bench_calibration(bench, findings)
    if calibration.responsivity is not None:
        findings.problems += first_spectrum_rules(sweep, bench)
        findings.cautions += span_cautions(sweep, calibration.responsivity)
    device = _device(sweep, bench, findings)
    findings.cautions += device_cautions(sweep, device)
    if sweep.model is None or bench.model is None:
        return None
    return LoadedSweep(
        sweep=sweep.model,
        sweep_path=source.path,
        sweep_text=source.text,
        bench=bench.model,
        bench_path=bench_path,
        bench_text=bench.source.text,
        calibration=calibration,
        angles=angles,
        device=device,
        reference_path=reference,
        hashes=dict(findings.hashes),
        cautions=tuple(findings.cautions),
        overrides=tuple(overrides),
    )


def _reference(sweep: Parsed[SweepFile], findings: _Findings) -> Path | None:
    sample = sweep.section("sample", Sample)
    path = findings.referred(sweep.source, ("sample", "reference"), sample.reference if sample else None)
    if path is not None:
        findings.note_hash(path, findings.hash_of_run_file(path, sweep.source))
    return path


def _with_levels(sweep: Parsed[SweepFile], findings: _Findings) -> Parsed[SweepFile]:
    """The sweep with the levels of the file that it names; without a source where they are wrong or missing."""
    source, at = sweep.section("source", Source), ("source", "levels_from")
    if source is None or source.levels_from is None or source.levels:
        return sweep
    path = findings.referred(sweep.source, at, source.levels_from)
    found = None
    if path is not None:
        found, problems, digest = read_levels(path, source)
        findings.problems += _said_of_its_name(problems, (sweep.source, at))
        findings.note_hash(path, digest)
    sections = {name: section for name, section in sweep.sections.items() if name != "source"}
    if found is None:
        return replace(sweep, model=None, sections=sections)
    source = source.model_copy(update={"levels": found[0], "holds": found[1]})
    model = sweep.model and sweep.model.model_copy(update={"source": source})
    return replace(sweep, model=model, sections={**sections, "source": source})


_ANGLES_HINT = "readings at 0 deg and at five angles a side at least, to 60 deg or beyond"


def _angles(sweep: Parsed[SweepFile], findings: _Findings) -> AngularTable | None:
    """The readings of the sample at angles, None where there are none or they are of no use."""
    sample = sweep.section("sample", Sample)
    readings = sample.angles if sample else None
    if readings is None:
        return None
    at = ("sample", "angles")
    if (readings.table is None) == (readings.spectra is None):
        findings.problems.append(
            sweep.source.problem(at, "needs either a table or spectra", "give exactly one of the two")
        )
        return None
    key = "spectra" if readings.spectra else "table"
    path = findings.referred(sweep.source, (*at, key), readings.spectra or readings.table)
    if path is None:
        return None
    table, problems, digest = read_angles(path, readings)
    findings.note_hash(path, digest)
    findings.problems += _said_of_its_name(problems, (sweep.source, (*at, key)))
    if table is not None and (why := unusable(table, readings)):
        findings.problems.append(Problem(path, None, None, "", f"gives no angular factor: {why}", _ANGLES_HINT))
    return table


def _load_bench_calibration(bench: Parsed[BenchFile], findings: _Findings) -> LoadedCalibration:
    photodiode = bench.section("photodiode", PhotodiodeChannel)
    name = photodiode.calibration if photodiode else None
    path = findings.referred(bench.source, ("photodiode", "calibration"), name)
    if path is None:
        return LoadedCalibration()
    loaded = _load_calibration(read_yaml(path), findings, (bench.source, ("photodiode", "calibration")))
    if photodiode and photodiode.luminance_route == "calibrated":
        findings.cautions += example_cautions(bench, is_example(loaded.certificate, loaded.responsivity))
    return loaded


def _load_calibration(source: YamlSource, findings: _Findings, named: Naming | None = None) -> LoadedCalibration:
    parsed = findings.check(source, CalibrationFile, calibration_rules, named)
    findings.cautions += calibration_cautions(parsed, datetime.now().astimezone().date())
    factor = parsed.section("luminance_factor", LuminanceFactor)
    responsivity = findings.referred(source, ("responsivity",), parsed.section("responsivity", str))
    spectrum = findings.referred(source, ("luminance_factor", "spectrum"), factor.spectrum if factor else None)
    return LoadedCalibration(
        parsed.model,
        findings.curve(responsivity, RESPONSIVITY, (source, ("responsivity",))),
        findings.curve(spectrum, SPECTRUM, (source, ("luminance_factor", "spectrum"))),
    )


def load_calibration(path: Path) -> tuple[LoadedCalibration, dict[str, str]]:
    """A calibration file with its curves, and the hash of every file used.

    :raises ConfigurationError: with every problem of every file.
    """
    findings = _Findings()
    loaded = _load_calibration(read_yaml(path), findings)
    findings.raise_if_any()
    return loaded, findings.hashes


def load_batch(path: Path) -> LoadedBatch:
    """A batch file, and the runs that it asks for; its sweeps are not read yet.

    :raises ConfigurationError: with every problem of it.
    """
    findings = _Findings()
    loaded = _load_batch(read_yaml(path), findings)
    findings.raise_if_any()
    assert loaded is not None
    return loaded


def _load_batch(source: YamlSource, findings: _Findings) -> LoadedBatch | None:
    parsed = findings.check(source, BatchFile, batch_rules)
    if parsed.model is None:
        return None
    bench = findings.referred(source, ("bench",), parsed.model.bench)
    runs = [
        run
        for i, substrate in enumerate(parsed.model.substrates)
        for j in range(len(substrate.pixels))
        for run in _runs_of_pixel(parsed.model, source, (i, j), findings)
    ]
    return LoadedBatch(parsed.model, source, bench, tuple(runs))


def _runs_of_pixel(
    batch: BatchFile, source: YamlSource, numbers: tuple[int, int], findings: _Findings
) -> Iterator[RunOfBatch]:
    substrate = batch.substrates[numbers[0]]
    pixel = substrate.pixels[numbers[1]]
    of_substrate: Place = ("substrates", numbers[0])
    of_pixel: Place = (*of_substrate, "pixels", numbers[1])
    at = next((place for place, one in ((of_pixel, pixel), (of_substrate, substrate)) if one.sweeps), ())
    for k, name in enumerate(pixel.sweeps or substrate.sweeps or batch.sweeps):
        whole = _value_at(source, (*at, "sweeps"))
        named: Place = (*at, "sweeps") if isinstance(whole, str) else (*at, "sweeps", k)
        if (sweep := findings.referred(source, named, name)) is not None:
            said = tuple(_said_of_pixel(source, of_substrate, of_pixel, sweep, findings))
            yield RunOfBatch(substrate.name, pixel.name, sweep, said, of_pixel)


def _said_of_pixel(
    source: YamlSource, of_substrate: Place, of_pixel: Place, sweep: Path, findings: _Findings
) -> Iterator[SaidByBatch]:
    """What the file says of a pixel, as it is written there; what is said of the pixel itself comes first."""
    where: dict[Place, Place] = {("sample", "name"): (*of_substrate, "sample")}
    if not _value_at(source, where["sample", "name"]):
        where["sample", "name"] = (*of_substrate, "name")
    where |= {("sample", "batch"): (*of_substrate, "name"), ("sample", "pixel"): (*of_pixel, "name")}
    for key, place in SAID_OF_A_PIXEL.items():
        where[place] = next((at for at in ((*of_pixel, key), (*of_substrate, key)) if _value_at(source, at)), ())
    where |= {("user", "name"): ("user",), ("note",): ("note",)}
    for place, at in where.items():
        text = _value_at(source, at)
        if not at or not isinstance(text, str):
            continue
        if place[-1] == "simulated_as":
            path = findings.referred(source, at, text)
            text = "" if path is None else _seen_from(sweep, path)
        if text:
            yield SaidByBatch(place, text, source.where(at))


def _seen_from(file: Path, path: Path) -> str:
    """The name of a file as it stands in another one."""
    try:
        return Path(os.path.relpath(path, file.parent)).as_posix()
    except ValueError:  # on another drive
        return path.absolute().as_posix()


def _value_at(source: YamlSource, place: Place) -> Any:
    """What is written at a place, None where nothing is."""
    content: Any = source.content
    for part in place:
        try:
            content = content[part]
        except (KeyError, IndexError, TypeError):
            return None
    return content


def load_published(path: Path) -> PublishedFile:
    """A file of published values.

    :raises ConfigurationError: with every problem of it.
    """
    return _load_alone(path, PublishedFile, published_rules)


def load_mapping(path: Path) -> MappingFile:
    """A mapping file.

    :raises ConfigurationError: with every problem of it.
    """
    return _load_alone(path, MappingFile, mapping_rules)


def load_answers(path: Path) -> AnswersFile:
    """A file of answers to the reporting checklist.

    :raises ConfigurationError: with every problem of it.
    """
    return _load_alone(path, AnswersFile, answers_rules)


def load_package(path: Path) -> PackageFile:
    """A file of what is said of data that are given away.

    :raises ConfigurationError: with every problem of it.
    """
    return _load_alone(path, PackageFile, package_rules)


def _load_alone(path: Path, model: type[FileModel], rules: Callable[[Parsed[FileModel]], Problems]) -> FileModel:
    findings = _Findings()
    parsed = findings.check(read_yaml(path), model, rules)
    findings.raise_if_any()
    assert parsed.model is not None
    return parsed.model


def _device(sweep: Parsed[SweepFile], bench: Parsed[BenchFile], findings: _Findings) -> DeviceFile | None:
    if bench.section("visa", str) != "simulated":
        return None
    sample, simulation = sweep.section("sample", Sample), bench.section("simulation", Simulation)
    named: Naming = (bench.source, ("simulation", "device"))
    name = simulation.device if simulation else None
    if sample and sample.simulated_as:
        named, name = (sweep.source, ("sample", "simulated_as")), sample.simulated_as
    path = findings.referred(*named, name)
    return findings.check(read_yaml(path), DeviceFile, device_rules, named).model if path else None


def load_bench(path: Path) -> BenchFile:
    """A bench file alone, checked with its calibration.

    :raises ConfigurationError: with every problem of every file.
    """
    findings = _Findings()
    bench = _check_bench(read_yaml(path), findings)
    findings.raise_if_any()
    assert bench.model is not None
    return bench.model


def _check_bench(source: YamlSource, findings: _Findings) -> Parsed[BenchFile]:
    bench = findings.check(source, BenchFile, bench_rules)
    findings.cautions += bench_cautions(bench)
    _load_bench_calibration(bench, findings)
    simulation = bench.section("simulation", Simulation)
    name = simulation.device if simulation else None
    named: Naming = (source, ("simulation", "device"))
    if path := findings.referred(*named, name):
        findings.check(read_yaml(path), DeviceFile, device_rules, named)
    return bench


@dataclass(frozen=True)
class CheckedFile:
    """What is wrong with a configuration file and the files it refers to, and what should be known before its use.

    ``kind`` is that of the file, empty where it is none.
    """

    problems: list[Problem]
    cautions: list[Caution]
    kind: str = ""


def check_file(path: Path) -> CheckedFile:
    """Read a configuration file of any kind, with the files it refers to, and say what is to be said about them."""
    return _check_source(read_yaml(path))


def check_text(path: Path, text: str) -> CheckedFile:
    """The same of a text that is not written yet, as if it stood at ``path``."""
    return _check_source(parse_yaml(path, text))


def _check_source(source: YamlSource) -> CheckedFile:
    findings = _checked(source)
    kind = source.content.get("kind")
    return CheckedFile(findings.problems, findings.cautions, kind if isinstance(kind, str) else "")


def _checked(source: YamlSource) -> _Findings:
    findings = _Findings()
    if source.problems and not source.content:
        findings.problems += source.problems
        return findings
    if problem := _other_kind(source, *KINDS):
        findings.problems.append(problem)
        return findings
    checks: Mapping[str, Callable[[], object]] = {
        "sweep": lambda: _load_sweep(source, None, findings),
        "bench": lambda: _check_bench(source, findings),
        "device": lambda: findings.check(source, DeviceFile, device_rules),
        "calibration": lambda: _load_calibration(source, findings),
        "published": lambda: findings.check(source, PublishedFile, published_rules),
        "answers": lambda: findings.check(source, AnswersFile, answers_rules),
        "mapping": lambda: findings.check(source, MappingFile, mapping_rules),
        "batch": lambda: _load_batch(source, findings),
        "package": lambda: findings.check(source, PackageFile, package_rules),
    }
    checks[source.content["kind"]]()
    return findings


def resolved(loaded: LoadedSweep) -> dict[str, Any]:
    """Every file with every default filled in, SI (wavelengths in nm, angles in degrees), ready for JSON.

    ``overrides`` lists what was said for this run only, and what the sweep file says. Each other part can be given
    back to its model: ``SweepFile.model_validate(resolved(loaded)["sweep"])``.
    """
    parts: dict[str, Section | None] = {
        "sweep": loaded.sweep,
        "bench": loaded.bench,
        "calibration": loaded.calibration.certificate,
        "device": loaded.device,
    }
    whole: dict[str, Any] = {name: part.model_dump(mode="json") if part else None for name, part in parts.items()}
    return {**whole, "overrides": [asdict(override) for override in loaded.overrides]}
