"""What is given away, held against the tools of others: ``python -m tests.outside.fair --environments DIR``.

Each tool is installed, with the version that is stated here, into an environment of its own in DIR. It is shown what
this program makes, which it must accept, and the same with one thing wrong, which it must refuse.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator
from importlib.metadata import files
from pathlib import Path
from typing import Any

import h5py

from tests.support.run_files import a_run

ROOT = Path(__file__).parents[2]
RECIPES = ("quick_look", "table2_sppo13_liq", "lifetime")
TOOLS = {"crate": ("roc-validator==0.13.0",), "nexus": ("pynxtools==0.16.0",), "nomad": ("nomad-lab==2.0.0",)}
BIN = "Scripts" if sys.platform == "win32" else "bin"
METADATA = "ro-crate-metadata.json"

#: The profiles of the validator, and of each the checks that are left out: docs/decisions/0014-data-for-others.md.
PROFILES = {"ro-crate-1.3": (), "process-run-crate-0.5": ("--skip-checks", "ro-crate-1.1_5.3")}


def installed(environments: Path, tool: str) -> Path:
    """The folder of the programs of a tool, which is installed if it is not."""
    place = environments / tool
    stamp = place / "installed.txt"
    wanted = "\n".join(TOOLS[tool])
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
        venv.create(place, with_pip=True, clear=True)
        subprocess.run([place / BIN / "python", "-m", "pip", "install", "--quiet", *TOOLS[tool]], check=True)
        stamp.write_text(wanted, encoding="utf-8")
    return place / BIN


def asked(*command: object, **environment: str) -> tuple[bool, str]:
    """Whether a command succeeded, and what it said."""
    found = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    return found.returncode == 0, found.stdout + found.stderr


# --- RO-Crate ------------------------------------------------------------------------------------------------


def without_licence(graph: dict[str, Any], _: Path) -> None:
    del graph["./"]["license"]


def without_profile(graph: dict[str, Any], _: Path) -> None:
    del graph["./"]["conformsTo"]


def with_an_instrument_that_is_no_software(graph: dict[str, Any], _: Path) -> None:
    instrument = next(name for name in graph if name.startswith("#instrument-"))
    graph["#packing"]["instrument"] = {"@id": instrument}


def without_a_file(_: dict[str, Any], crate: Path) -> None:
    next((crate / "runs").iterdir()).unlink()


WRONG_CRATES: dict[Callable[[dict[str, Any], Path], None], str] = {
    without_licence: "ro-crate-1.3",
    without_a_file: "ro-crate-1.3",
    without_profile: "process-run-crate-0.5",
    with_an_instrument_that_is_no_software: "process-run-crate-0.5",
}


def crates(bin_folder: Path, crate: Path, of_analysis: Path, work: Path) -> Iterator[tuple[str, bool, bool, str]]:
    """What was asked, whether it should be accepted, whether it was, and what was said."""
    context = next(one for one in files("rocrate") or () if one.name == "ro-crate.jsonld").locate()
    cache = work / "cache"
    right, said = asked(bin_folder / "python", ROOT / "tests" / "outside" / "crate_cache.py", cache, context)
    if not right:
        raise RuntimeError(said)

    def accepted(folder: Path, profile: str) -> tuple[bool, str]:
        options = ["--offline", "--cache-path", cache, "--no-auto-profile", "--no-paging", "--verbose"]
        skipped = PROFILES[profile]
        return asked(
            *(bin_folder / "rocrate-validator", "--disable-color", "validate"),
            *(*options, "--profile-identifier", profile, *skipped, folder),
        )

    for profile in PROFILES:
        yield (f"crate, {profile}", True, *accepted(crate, profile))
        yield (f"crate of an analysis, {profile}", True, *accepted(of_analysis, profile))
    for number, (spoil, profile) in enumerate(WRONG_CRATES.items()):
        spoilt = work / f"crate{number}"
        shutil.copytree(crate, spoilt)
        content = json.loads((spoilt / METADATA).read_text(encoding="utf-8"))
        graph = {entity["@id"]: entity for entity in content["@graph"]}
        spoil(graph, spoilt)
        (spoilt / METADATA).write_text(json.dumps({**content, "@graph": [*graph.values()]}), encoding="utf-8")
        yield (f"crate {spoil.__name__.replace('_', ' ')}, {profile}", False, *accepted(spoilt, profile))


# --- NeXus ---------------------------------------------------------------------------------------------------


def as_sensor_scan(entry: h5py.Group) -> None:
    version = entry["definition"].attrs["version"]
    del entry["definition"]
    entry["definition"] = "NXsensor_scan"
    entry["definition"].attrs["version"] = version


def without_luminance(entry: h5py.Group) -> None:
    del entry["jvl/luminance"]


def with_voltage_in_amperes(entry: h5py.Group) -> None:
    entry["jvl/voltage"].attrs["units"] = "A"


def without_the_program(entry: h5py.Group) -> None:
    del entry["process"]


def with_flags_that_are_no_integers(entry: h5py.Group) -> None:
    flags = entry["jvl/flags"][:].astype(float)
    del entry["jvl/flags"]
    entry["jvl/flags"] = flags


WRONG_FILES = (without_luminance, with_voltage_in_amperes, without_the_program, with_flags_that_are_no_integers)

XSD = """
import sys
from lxml import etree
etree.XMLSchema(etree.parse(sys.argv[1])).assertValid(etree.parse(sys.argv[2]))
"""
WHERE = "import pynxtools, pathlib; print(pathlib.Path(pynxtools.__file__).parent / 'definitions')"


def nexus(bin_folder: Path, runs: list[Path], work: Path) -> Iterator[tuple[str, bool, bool, str]]:
    """What was asked, whether it should be accepted, whether it was, and what was said."""
    python = bin_folder / "python"
    definitions = work / "definitions"
    shutil.copytree(asked(python, "-c", WHERE)[1].strip().splitlines()[-1], definitions)
    ours = ROOT / "docs" / "reference" / "NXjvl.nxdl.xml"
    shutil.copy(ours, definitions / "contributed_definitions")
    schema = definitions / "nxdl.xsd"
    yield ("NXDL, its schema", True, *asked(python, "-c", XSD, schema, ours))
    broken = work / "broken.nxdl.xml"
    broken.write_text(ours.read_text(encoding="utf-8").replace('category="application"', 'category="any"'), "utf-8")
    yield ("NXDL of no category, its schema", False, *asked(python, "-c", XSD, schema, broken))

    def accepted(path: Path) -> tuple[bool, str]:
        command = (bin_folder / "pynx", "validate", "--ignore-undocumented", path)
        _, said = asked(*command, NEXUS_DEF_PATH=str(definitions))
        return " is valid according to the " in said, said

    def spoilt(path: Path, spoil: Callable[[h5py.Group], None]) -> Path:
        copy = work / f"{spoil.__name__}_{path.name}"
        shutil.copy(path, copy)
        with h5py.File(copy, "r+") as file:
            del file["entry/jvl"].attrs["SILX_style"]
            spoil(file["entry"])
        return copy

    for path in runs:
        _, said = accepted(path)
        errors = [line for line in said.splitlines() if line.startswith(("ERROR", "WARNING")) and "Invalid" not in line]
        only = len(errors) == 1 and "SILX_style" in errors[0]
        yield f"{path.name}: nothing but the attribute of silx, pynxtools", True, only, said
        yield (f"{path.name} without it, pynxtools", True, *accepted(spoilt(path, lambda entry: None)))
    yield ("the same as NXsensor_scan, pynxtools", True, *accepted(spoilt(runs[0], as_sensor_scan)))
    for spoil in WRONG_FILES:
        named = f"run file {spoil.__name__.replace('_', ' ')}, pynxtools"
        yield (named, False, *accepted(spoilt(runs[0], spoil)))


# --- NOMAD ---------------------------------------------------------------------------------------------------


def differences(entry: dict[str, Any], path: Path) -> list[str]:
    """Where an entry says something else than the run file that it was made of."""
    data, (result,) = entry["data"], entry["data"]["results"]
    figures = {one["name"]: one for one in result["figures_of_merit"]}
    with h5py.File(path) as file:
        run = file["entry"]
        said = {
            "m_def": (data["m_def"], "nomad_jvl_bench.schema.LEDMeasurement"),
            "run_id": (data["run_id"], run["run_id"].asstr()[()]),
            "simulated": (data["simulated"], True),
            "voltage": (result["jvl"]["voltage"], run["jvl/voltage"][:].tolist()),
            "branch": (result["jvl"]["branch"], run["jvl/branch"].asstr()[:].tolist()),
            "spectra": (len(result.get("spectra", [])), len(run["spectra/luminance"])),
            "lifetime": ("lifetime" in result, "lifetime" in run),
            "figures": (set(figures), set(run["figures_of_merit"])),
            "statuses": (
                {name: one["status"] for name, one in figures.items()},
                {name: one.attrs["status"] for name, one in run["figures_of_merit"].items()},
            ),
            "values": (
                {name: one["value"] for name, one in figures.items() if "value" in one},
                {name: one[()] for name, one in run["figures_of_merit"].items() if one[()] == one[()]},
            ),
        }
    return [f"{name}: {one} instead of {other}" for name, (one, other) in said.items() if one != other]


def nomad(bin_folder: Path, runs: list[Path], work: Path) -> Iterator[tuple[str, bool, bool, str]]:
    """What was asked, whether it should be accepted, whether it was, and what was said."""
    plug_in = shutil.copytree(ROOT / "docs" / "nomad", work / "nomad")
    options = ("--quiet", "--no-deps", "--force-reinstall")
    right, said = asked(bin_folder / "python", "-m", "pip", "install", *options, plug_in)
    if not right:
        raise RuntimeError(said)

    def accepted(path: Path) -> tuple[bool, str]:
        command = [str(bin_folder / "nomad"), "parse", "--show-archive", str(path)]
        found = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
        if found.returncode or "could not" in found.stderr:
            return False, found.stderr
        wrong = differences(json.loads(found.stdout), path)
        return not wrong, "\n".join(wrong)

    for path in runs:
        yield (f"entry of {path.name}, as the file has it", True, *accepted(path))
    spoilt = work / "in_amperes.h5"
    shutil.copy(runs[0], spoilt)
    with h5py.File(spoilt, "r+") as file:
        with_voltage_in_amperes(file["entry"])
    yield ("entry of a run file with voltage in amperes", False, *accepted(spoilt))
    unfinished = work / "unfinished.h5"
    a_run(unfinished).close()
    yield ("entry of a run that was cut off", False, *accepted(unfinished))
    foreign = work / "foreign.h5"
    with h5py.File(foreign, "w") as file:
        file["entry/jvl/voltage"] = [1.0]
    yield ("entry of somebody else's file", False, *accepted(foreign))


# --- all -----------------------------------------------------------------------------------------------------


def main() -> int:
    """Ask all of them; the exit status is 1 where one does not answer as it should."""
    parser = argparse.ArgumentParser(prog="python -m tests.outside.fair", description=main.__doc__)
    parser.add_argument("--environments", type=Path, default=ROOT / ".venv-outside", metavar="DIR")
    parser.add_argument("--only", choices=[*TOOLS], help="one of the tools")
    given = parser.parse_args()
    environments, wanted = given.environments, [given.only] if given.only else [*TOOLS]
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        acquire = (sys.executable, "-m", "acquire")
        for recipe in RECIPES:
            asked(
                *acquire, "run", ROOT / "configs" / "sweeps" / f"{recipe}.yaml", "--output", work / "runs", "--no-plot"
            )
        runs = sorted((work / "runs").glob("*.h5"))
        assert len(runs) == len(RECIPES)
        analysed = Path(shutil.copy(runs[0], work / f"analysed_{runs[0].name}"))
        named, licence = ("--name", "larger"), ("--license", "CC-BY-4.0")
        for right, said in (
            asked(*acquire, "recompute", analysed, "--area", "14.28 mm^2", "--reason", "measured again", *named),
            asked(*acquire, "package", *runs, "--to", work / "crate", *licence),
            asked(*acquire, "package", analysed, "--to", work / "analysis", *licence, "--analysis", "larger"),
        ):
            assert right, said
        answers: dict[str, Callable[[Path], Iterator[tuple[str, bool, bool, str]]]] = {
            "crate": lambda programs: crates(programs, work / "crate", work / "analysis", work),
            "nexus": lambda programs: nexus(programs, [*runs, analysed], work),
            "nomad": lambda programs: nomad(programs, [*runs, analysed], work),
        }
        for tool in wanted:
            ask = answers[tool]
            print(", ".join(TOOLS[tool]))
            for what, should, does, told in ask(installed(environments, tool)):
                right = should == does
                wrong += not right
                print(f"  {'right' if right else 'WRONG'}: {what}: {'accepted' if does else 'refused'}", flush=True)
                if not right:
                    print(told)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
