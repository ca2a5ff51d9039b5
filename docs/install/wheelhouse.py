"""A folder for a USB stick that installs the program on a computer without a network: ``make wheelhouse``.

It holds wheels for Linux and Windows and several versions of Python, the configuration files, and ``install.bat``.
Pip judges "only on Windows" by the computer that it runs on: what is needed elsewhere is found here by the metadata of
the wheels themselves, and by them it is seen whether anything is missing.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.parser import BytesParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PYTHONS = ("3.11", "3.12", "3.13")
LEFT_OUT = ("archive", "test")  # extras that a bench does not need
ROUNDS = 10

#: The names of a platform, the newest first, as wheels bear them.
_MANYLINUX = tuple(f"manylinux_2_{minor}_x86_64" for minor in range(28, 4, -1))
PLATFORMS = {
    "linux": (*_MANYLINUX, "manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64"),
    "windows": ("win_amd64",),
}
_MARKERS = {
    "linux": {"os_name": "posix", "sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"},
    "windows": {"os_name": "nt", "sys_platform": "win32", "platform_system": "Windows", "platform_machine": "AMD64"},
}


@dataclass(frozen=True)
class Target:
    """A computer that wheels are for: ``linux`` or ``windows`` with a version of CPython."""

    system: str
    python: str

    @property
    def environment(self) -> dict[str, str]:
        """What markers of requirements are judged by."""
        full = f"{self.python}.0"
        common = {"platform_python_implementation": "CPython", "implementation_name": "cpython", "platform_release": ""}
        versions = {"python_version": self.python, "python_full_version": full, "implementation_version": full}
        return {**common, **versions, "platform_version": "", **_MARKERS[self.system]}

    @property
    def tags(self) -> frozenset[Tag]:
        """What a wheel may be marked with to run there."""
        major, minor = map(int, self.python.split("."))
        platforms = PLATFORMS[self.system]
        ours = cpython_tags((major, minor), platforms=platforms)
        return frozenset([*ours, *compatible_tags((major, minor), f"cp{major}{minor}", platforms)])

    @property
    def pip_options(self) -> list[str]:
        """How pip is told to download for it."""
        platforms = [part for name in PLATFORMS[self.system] for part in ("--platform", name)]
        return ["--only-binary=:all:", "--implementation", "cp", "--python-version", self.python, *platforms]


@dataclass(frozen=True)
class Wheel:
    """A wheel in the folder, with what it requires."""

    name: str
    version: Version
    tags: frozenset[Tag]
    requires: tuple[Requirement, ...]

    def serves(self, requirement: Requirement) -> bool:
        """Whether its version is one that is asked for."""
        return requirement.specifier.contains(self.version, prereleases=True)


def wheels_in(folder: Path) -> dict[str, list[Wheel]]:
    """The wheels of a folder by their names, the newest first."""
    found: dict[str, list[Wheel]] = {}
    for path in folder.glob("*.whl"):
        name, version, _, tags = parse_wheel_filename(path.name)
        found.setdefault(name, []).append(Wheel(name, version, tags, _requires(path)))
    return {name: sorted(wheels, key=lambda wheel: wheel.version, reverse=True) for name, wheels in found.items()}


def _requires(path: Path) -> tuple[Requirement, ...]:
    with zipfile.ZipFile(path) as archive:
        metadata = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        message = BytesParser().parsebytes(archive.read(metadata))
    return tuple(Requirement(text) for text in message.get_all("Requires-Dist", []))


def missing(wheels: Mapping[str, list[Wheel]], target: Target, wanted: Requirement) -> list[Requirement]:
    """What a computer would look for in vain when it installs ``wanted`` from these wheels alone."""
    lacking: dict[str, Requirement] = {}
    seen: set[str] = set()
    open_ends = [wanted]
    while open_ends:
        requirement = open_ends.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        fitting = (one for one in wheels.get(canonicalize_name(requirement.name), []) if one.tags & target.tags)
        wheel = next((one for one in fitting if one.serves(requirement)), None)
        if wheel is None:
            lacking.setdefault(str(requirement), requirement)
        else:
            open_ends += _needed_by(wheel, requirement.extras, target)
    return list(lacking.values())


def _needed_by(wheel: Wheel, extras: set[str], target: Target) -> Iterator[Requirement]:
    for requirement in wheel.requires:
        marker = requirement.marker
        if marker is None or any(marker.evaluate({**target.environment, "extra": extra}) for extra in ("", *extras)):
            yield Requirement(str(requirement).partition(";")[0])


# --- filling the folder --------------------------------------------------------------------------------------


def _pip(*arguments: str) -> bool:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def own_wheel(folder: Path) -> Path:
    """The project's own wheel, built from a copy, so that nothing is left in the project's folder.

    :raises SystemExit: it cannot be built.
    """
    for old in folder.glob("jvl_bench-*.whl"):
        old.unlink()
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "project"
        copy.mkdir()
        for name in ("acquire", "drivers"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
            shutil.copy(ROOT / name, copy / name)
        if not _pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(copy)):
            raise SystemExit("the project's own wheel cannot be built; is there a network for setuptools?")
    return next(folder.glob("jvl_bench-*.whl"))


def fill(folder: Path, target: Target, wanted: Requirement, own: Path) -> list[Requirement]:
    """Download what a target needs; what is still missing afterwards, which is nothing where all went well."""
    extras = f"[{','.join(sorted(wanted.extras))}]"
    lacking: list[Requirement] = []
    for _ in range(ROUNDS):
        options = ["--quiet", "--dest", str(folder), "--find-links", str(folder), *target.pip_options]
        complete = _pip("download", *options, f"{own}{extras}")
        before, lacking = lacking, missing(wheels_in(folder), target, wanted)
        if not lacking and complete:
            return []
        if lacking == before:
            break
        for requirement in lacking:
            if not _pip("download", "--no-deps", *options, str(requirement)):
                _build(folder, requirement)
    return lacking


def _build(folder: Path, requirement: Requirement) -> None:
    """A wheel of what comes as source only; of use elsewhere where it is pure Python, and thrown away where not."""
    with tempfile.TemporaryDirectory() as place:
        _pip("wheel", "--quiet", "--no-deps", "--wheel-dir", place, str(requirement))
        for path in Path(place).glob("*-none-any.whl"):
            shutil.copy(path, folder / path.name)


def extras_of(project: Path) -> list[str]:
    """The extras that a bench may want."""
    table = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return sorted(set(table.get("optional-dependencies", {})) - set(LEFT_OUT))


# --- the command ---------------------------------------------------------------------------------------------


def install_lines(wanted: Requirement) -> dict[str, str]:
    """The one line that installs, by system; in the folder of the stick."""
    options = f'-m pip install --no-index --find-links wheels "{wanted}"'
    home, there = "~/jvl-bench", r"%USERPROFILE%\jvl-bench"
    return {
        "linux": f"python3 -m venv {home}/.venv && {home}/.venv/bin/python {options} && cp -rn configs docs {home}",
        "windows": rf"py -3 -m venv {there}\.venv && {there}\.venv\Scripts\python {options}",
    }


def make(folder: Path, pythons: Sequence[str], systems: Sequence[str]) -> None:
    """Fill the folder of a stick and say how to install from it.

    :raises SystemExit: something cannot be had for one of the targets.
    """
    wheels = folder / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    own = own_wheel(wheels)
    wanted = Requirement(f"jvl-bench[{','.join(extras_of(ROOT))}]")
    lacking: list[str] = []
    for target in (Target(system, python) for system in systems for python in pythons):
        print(f"{target.system}, Python {target.python} ...", end=" ", flush=True)
        gone = fill(wheels, target, wanted, own)
        print(f"missing: {', '.join(map(str, gone))}" if gone else "complete")
        lacking += [f"{requirement} for {target.system}, Python {target.python}" for requirement in gone]
    if lacking:
        raise SystemExit(f"the folder is not complete: {'; '.join(lacking)}")
    for name in ("configs", "docs"):
        shutil.copytree(ROOT / name, folder / name, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "docs" / "install" / "install.bat", folder / "install.bat")
    lines = install_lines(wanted)
    text = "".join(f"{system}, in this folder, without a network:\n  {line}\n" for system, line in lines.items())
    text += "  or install.bat, which looks for Python first and copies configs and docs as well\n"
    (folder / "README.txt").write_text(text, encoding="ascii")
    size = sum(path.stat().st_size for path in wheels.iterdir())
    print(
        f"{folder}: {len(list(wheels.iterdir()))} wheels, {size / 1e6:.0f} MB. On the other computer:\n{text}", end=""
    )


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(prog="make wheelhouse", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("wheelhouse"))
    parser.add_argument("--python", action="append", metavar="3.12", help="only this version; several times")
    parser.add_argument("--system", action="append", choices=sorted(PLATFORMS), help="only this system")
    wanted = parser.parse_args()
    make(wanted.folder, wanted.python or PYTHONS, wanted.system or tuple(PLATFORMS))


if __name__ == "__main__":
    main()
