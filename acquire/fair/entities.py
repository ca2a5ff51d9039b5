"""What stands in an RO-Crate of runs, entity by entity, in the words of schema.org; pure.

The crate follows the Process Run Crate profile (https://w3id.org/ro/wfrun/process/0.5): each run is a ``CreateAction``
of the program that recorded it, with its agent, begin, end, object and result. That profile allows only software as the
instrument of such an action. What stood on the bench is the instrument of an ``Action`` beside it, as RO-Crate has it
for equipment (https://w3id.org/ro/crate/1.3/provenance).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any
from urllib.parse import quote

from acquire.config.package import NO_LICENCE, PackageFile, Person, licence, orcid
from acquire.photometry.customary_units import column_name
from acquire.records import RunStatus
from acquire.run_file.analyses import Analysis
from acquire.run_file.conditions import identity, imported_from, sample_text
from acquire.run_file.documented import DocumentedRun
from acquire.run_file.layout import package_url
from acquire.run_file.read import Run

PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_HOW = {
    RunStatus.COMPLETED: "was completed",
    RunStatus.STOPPED: "was stopped",
    RunStatus.FAILED: "failed",
    RunStatus.INTERRUPTED: "was interrupted",
}
_ENDED = {RunStatus.COMPLETED: "Completed", RunStatus.STOPPED: "Completed"}
_UNSTATED = "The owners of these data have stated no licence: ask them before you use the data."

#: An entity of JSON-LD: its identifier, its type, its properties.
Entity = dict[str, Any]


@dataclass(frozen=True)
class PackedFile:
    """A file in a crate: its path there with slashes, what it is, and how many bytes with which SHA-256.

    ``made_of``: the run identifiers that it was made of; ``is_run`` of a run file itself, ``conforms_to`` the file of
    the crate that says how it is laid out.
    """

    path: str
    description: str
    media_type: str
    size: int
    sha256: str
    made_of: tuple[str, ...] = ()
    is_run: bool = False
    conforms_to: str = ""

    @property
    def id(self) -> str:
        """The path as an identifier of the crate has it."""
        return quote(self.path)


@dataclass(frozen=True)
class Contents:
    """All that a crate is made of: runs, files, what was said of them, their licence; ``made`` now, by ``program``."""

    runs: Sequence[DocumentedRun]
    files: Sequence[PackedFile]
    about: PackageFile
    granted: str
    made: datetime
    program: str


def root_of(contents: Contents) -> Entity:
    """The properties of the root data set, without its parts."""
    runs, about = [one.run for one in contents.runs], contents.about
    root: Entity = {
        "name": about.title or _title(runs),
        "description": about.description or _description(runs),
        "datePublished": contents.made.isoformat(timespec="seconds"),
        "license": _ref(_licence_id(contents.granted)),
        "conformsTo": _ref(PROFILE),
        "keywords": [*about.keywords, "J-V-L", "electroluminescence", *["simulated"] * any(map(_simulated, runs))],
        "mentions": [_ref(_action_id(run)) for run in runs]
        + [_ref(_use_id(one.run)) for one in contents.runs if one.settings]
        + [_ref(_analysis_id(run)) for run in runs if run.analysis is not None]
        + [_ref(_PACKING)],
    }
    if figures := [one["@id"] for run in runs for one in figures_of(run)]:
        root["variableMeasured"] = _refs(figures)
    if people := people_of(contents):
        root["author"] = _refs(map(_person_id, people))
    if about.publisher:
        root["publisher"] = _ref(_organization_id(about.publisher))
    return root


def entities_of(contents: Contents) -> Iterator[Entity]:
    """Every entity of the crate beside its root and its files, each once."""
    seen = set[str]()
    for one in _entities(contents):
        if one["@id"] not in seen:
            seen.add(one["@id"])
            yield one


def _entities(contents: Contents) -> Iterator[Entity]:
    yield {"@id": PROFILE, "@type": ["CreativeWork", "Profile"], "name": "Process Run Crate", "version": "0.5"}
    yield _licence_entity(contents.granted)
    if contents.about.publisher:
        yield _organization(contents.about.publisher)
    for person in people_of(contents):
        yield from _person(person)
    people = {person.name: person for person in people_of(contents)}
    for one in contents.runs:
        yield _software(one.run.program)
        yield from _instruments(one)
        yield _sample(one.run)
        if one.settings:
            yield _use(one, people, contents.files)
        yield _action(one.run, people, contents.files)
        if (analysis := one.run.analysis) is not None:
            yield _software(analysis.program)
            yield _recomputation(one.run, analysis, contents.files)
        yield from figures_of(one.run)
    yield _software(contents.program)
    yield _packing(contents)


def file_properties(one: PackedFile) -> Entity:
    """The properties of a file of the crate."""
    found: Entity = {
        "@type": ["File", "CreativeWork"] if one.media_type == "application/xml" else "File",
        "name": one.path.rpartition("/")[2],
        "description": one.description,
        "encodingFormat": one.media_type,
        "contentSize": str(one.size),
        "sha256": one.sha256,
    }
    if one.conforms_to:
        found["conformsTo"] = _ref(one.conforms_to)
    return found


# --- of the whole --------------------------------------------------------------------------------------------


def _title(runs: Sequence[Run]) -> str:
    names = [*dict.fromkeys(identity(run) for run in runs)]
    return f"J-V-L measurements of {', '.join(names[:5])}" + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _description(runs: Sequence[Run]) -> str:
    what = "Current density, voltage, luminance and electroluminescence spectra of light-emitting devices"
    simulated = sum(map(_simulated, runs))
    where = "" if not simulated else " (simulated)" if simulated == len(runs) else f" ({simulated} of them simulated)"
    return (
        f"{what}: {len(runs)} {'run' if len(runs) == 1 else 'runs'}{where}, with tables, figures of merit and report."
    )


def _simulated(run: Run) -> bool:
    return bool(run.calibration.conditions.simulated)


def _licence_id(text: str) -> str:
    found = licence(text)
    return found[1] if found and found[1] else f"#{NO_LICENCE}-licence"


def _licence_entity(text: str) -> Entity:
    name, address = licence(text) or ("", "")
    said = f"The data may be used under {name}." if address else _UNSTATED
    return {"@id": _licence_id(text), "@type": "CreativeWork", "name": name, "description": said}


# --- people --------------------------------------------------------------------------------------------------


def people_of(contents: Contents) -> list[Person]:
    """Who is named, in the order of authors, then who measured and is not named there."""
    people = {person.name: person for person in contents.about.people}
    for one in contents.runs:
        if (name := one.run.user.strip()) and name not in people:
            people[name] = Person(name=name)
    return [*people.values()]


def _person_id(person: Person) -> str:
    number = orcid(person.orcid or "")
    return f"https://orcid.org/{number}" if number else f"#person-{quote(person.name, safe='')}"


def _person(person: Person) -> Iterator[Entity]:
    found: Entity = {"@id": _person_id(person), "@type": "Person", "name": person.name}
    if person.affiliation:
        found["affiliation"] = _ref(_organization_id(person.affiliation))
        yield _organization(person.affiliation)
    yield found


def _organization_id(name: str) -> str:
    return f"#organization-{quote(name, safe='')}"


def _organization(name: str) -> Entity:
    return {"@id": _organization_id(name), "@type": "Organization", "name": name}


# --- of a run ------------------------------------------------------------------------------------------------


def _action_id(run: Run) -> str:
    return f"#run-{quote(run.run_id, safe='')}"


def _use_id(run: Run) -> str:
    return f"#instruments-of-{quote(run.run_id, safe='')}"


def _action(run: Run, people: Mapping[str, Person], files: Iterable[PackedFile]) -> Entity:
    """A run as the program carried it out, or took it over."""
    action: Entity = {
        "@id": _action_id(run),
        "@type": "CreateAction",
        "name": f"Run of {identity(run)}: {run.title}",
        "description": _story(run),
        "instrument": _ref(_software_id(run.program)),
        "actionStatus": f"http://schema.org/{_ENDED.get(run.status, 'Failed')}ActionStatus",
        **_when_and_what(run, people, files),
    }
    if run.status not in _ENDED:
        action["error"] = run.stop_reason or str(run.status)
    return action


def _story(run: Run) -> str:
    """What a program had to do with a run."""
    if origin := imported_from(run):
        return f"Another program measured this run. It was taken over {origin}."
    simulated = " on a simulated bench, without any instrument" if _simulated(run) else ""
    ended = f"The run {_HOW[run.status]}{f': {run.stop_reason}' if run.stop_reason else ''}."
    return f"The program drove the device and recorded its readings{simulated}. {ended}"


def _use(one: DocumentedRun, people: Mapping[str, Person], files: Iterable[PackedFile]) -> Entity:
    """What the instruments did in a run."""
    return {
        "@id": _use_id(one.run),
        "@type": "Action",
        "name": f"Instruments of the run of {identity(one.run)}",
        "description": "Which instruments drove the device and measured; how each was set stands in the run file.",
        "instrument": _refs(instrument["@id"] for instrument in _instruments(one)),
        **_when_and_what(one.run, people, files),
    }


def _when_and_what(run: Run, people: Mapping[str, Person], files: Iterable[PackedFile]) -> Entity:
    found: Entity = {
        "startTime": _clock(run.start_time),
        "endTime": _clock(run.end_time),
        "object": _ref(_sample_id(run)),
        "result": _refs(file.id for file in files if file.is_run and run.run_id in file.made_of),
    }
    if (name := run.user.strip()) in people:
        found["agent"] = _ref(_person_id(people[name]))
    return found


def _analysis_id(run: Run) -> str:
    name = "" if run.analysis is None else quote(run.analysis.name, safe="")
    return f"#analysis-{name}-of-{quote(run.run_id, safe='')}"


def _recomputation(run: Run, analysis: Analysis, files: Iterable[PackedFile]) -> Entity:
    """How the results of which tables, pictures and figures of merit are were computed anew, into the run file."""
    own = _refs(file.id for file in files if file.is_run and run.run_id in file.made_of)
    return {
        "@id": _analysis_id(run),
        "@type": "UpdateAction",
        "name": f"Analysis {analysis.name} of the run of {identity(run)}",
        "description": f"The program computed the results anew from the readings: {analysis}. The first are there too.",
        "instrument": _ref(_software_id(analysis.program)),
        "endTime": _clock(analysis.time),
        "actionStatus": "http://schema.org/CompletedActionStatus",
        "object": own,
        "result": own,
    }


def _clock(written: str) -> str:
    """A time to the millisecond, ISO 8601 with its offset; what is no time stays as it was written."""
    try:
        return datetime.fromisoformat(written).isoformat(timespec="milliseconds")
    except ValueError:
        return written


def _sample_id(run: Run) -> str:
    which = [run.sample, *(sample_text(run, name) for name in ("batch", "pixel"))]
    return "#sample-" + "-".join(quote(text, safe="") for text in which if text)


def _sample(run: Run) -> Entity:
    found: Entity = {
        "@id": _sample_id(run),
        "@type": "IndividualProduct",
        "name": identity(run),
        "category": "simulated light-emitting device" if _simulated(run) else "light-emitting device",
    }
    if structure := sample_text(run, "structure"):
        found["description"] = structure
    return found


def _software_id(program: str) -> str:
    return f"#software-{quote(program.replace(' ', '-'), safe='')}"


def _software(program: str) -> Entity:
    name, _, version = program.rpartition(" ")
    return {
        "@id": _software_id(program),
        "@type": "SoftwareApplication",
        "name": f"{name or program} (J-V-L bench service)",
        "version": version or "not known",
        "url": package_url(version),
    }


def _instruments(one: DocumentedRun) -> Iterator[Entity]:
    """The instruments of a run, as each named itself: maker, model, serial number, firmware."""
    simulated = _simulated(one.run)
    for role, settings in one.settings.items():
        parts = [part.strip() for part in str(settings.get("identification", "")).split(",")]
        maker, model, serial = [*parts, "", "", ""][:3]
        name = " ".join(filter(None, [maker, model])) or str(settings.get("model", role))
        told = {"manufacturer": maker, "model": model, "serialNumber": serial}
        yield {
            "@id": f"#instrument-{quote('-'.join(filter(None, [name, serial])), safe='')}"
            + ("-simulated" if simulated else ""),
            "@type": "IndividualProduct",
            "name": f"simulated {name}" if simulated else name,
            "description": f"{role.replace('_', ' ')} of the bench"
            + ("; a simulation by the program, no such instrument was used" if simulated else ""),
            **{key: text for key, text in told.items() if text},
        }


def figures_of(run: Run) -> Iterator[Entity]:
    """The figures of merit of a run that nothing speaks against, in SI units."""
    by = "" if run.analysis is None else f", by analysis {run.analysis.name}"
    for name, figure in run.figures.items():
        if figure.status != "ok" or not isfinite(figure.value):
            continue
        found: Entity = {
            "@id": f"#{quote(name, safe='')}-{quote(run.run_id, safe='')}",
            "@type": "PropertyValue",
            "name": f"{column_name(name)} of {identity(run)}{by}",
            "propertyID": name,
            "value": figure.value,
            "unitText": figure.unit,
        }
        if isfinite(figure.uncertainty):
            found["description"] = f"standard uncertainty (k = 1): {figure.uncertainty:.3g} {figure.unit}".removesuffix(
                " 1"
            )
        yield found


# --- the package itself --------------------------------------------------------------------------------------

_PACKING = "#packing"


def _packing(contents: Contents) -> Entity:
    """What was made of the run files for the crate."""
    made = contents.made.isoformat(timespec="milliseconds")
    return {
        "@id": _PACKING,
        "@type": "CreateAction",
        "name": "Tables, pictures and report",
        "description": "The program made tables, pictures and a report of the run files.",
        "instrument": _ref(_software_id(contents.program)),
        "startTime": made,
        "endTime": made,
        "actionStatus": "http://schema.org/CompletedActionStatus",
        "object": _refs(file.id for file in contents.files if file.is_run),
        "result": _refs(file.id for file in contents.files if not file.is_run),
    }


def _ref(identifier: str) -> dict[str, str]:
    return {"@id": identifier}


def _refs(identifiers: Iterable[str]) -> Any:
    """References to several entities; one alone is no list (RO-Crate 1.3, appendix on JSON-LD)."""
    found = [_ref(one) for one in identifiers]
    return found[0] if len(found) == 1 else found
