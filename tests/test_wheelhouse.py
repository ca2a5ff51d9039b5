"""The folder for a computer without a network: what is missing in it is seen, for systems that this one is not."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from docs.install.wheelhouse import LEFT_OUT, PYTHONS, Target, extras_of, install_lines, missing, wheels_in
from tests.conftest import ROOT

BATCH = ROOT / "docs" / "install" / "install.bat"
WANTED = Requirement("bench[report]")
REQUIRES = (
    'numpy==2.0; extra != "test"', 'colour>=0.4; sys_platform == "win32"', 'pictures; extra == "report"',
    'linters; extra == "test"', 'old-typing; python_version < "3.11"',
)  # fmt: skip


def wheel(folder: Path, name: str, *requires: str) -> None:
    """A file that has a wheel's name and its metadata."""
    project, version = name.split("-")[:2]
    with zipfile.ZipFile(folder / f"{name}.whl", "w") as archive:
        lines = ["Metadata-Version: 2.1", f"Name: {project}", f"Version: {version}"]
        metadata = "\n".join([*lines, *(f"Requires-Dist: {text}" for text in requires)])
        archive.writestr(f"{project}-{version}.dist-info/METADATA", f"{metadata}\n\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    wheel(tmp_path, "bench-1.0-py3-none-any", *REQUIRES)
    wheel(tmp_path, "numpy-2.0-cp312-cp312-manylinux_2_27_x86_64.manylinux_2_28_x86_64")
    wheel(tmp_path, "numpy-2.0-cp312-cp312-win_amd64")
    wheel(tmp_path, "pictures-3.1-py3-none-any", "numpy>=1")
    wheel(tmp_path, "colour-0.4.6-py2.py3-none-any")
    return tmp_path


def lacking(folder: Path, system: str, python: str = "3.12") -> list[str]:
    return [str(one) for one in missing(wheels_in(folder), Target(system, python), WANTED)]


@pytest.mark.parametrize("system", ["linux", "windows"])
def test_a_complete_folder_lacks_nothing(folder: Path, system: str) -> None:
    assert lacking(folder, system) == []


def test_what_only_windows_needs_is_missed_there_alone(folder: Path) -> None:
    (folder / "colour-0.4.6-py2.py3-none-any.whl").unlink()
    assert lacking(folder, "linux") == []
    assert lacking(folder, "windows") == ["colour>=0.4"]


def test_a_wheel_of_another_system_or_python_does_not_count(folder: Path) -> None:
    assert set(lacking(folder, "windows", "3.13")) == {"numpy==2.0", "numpy>=1"}
    (folder / "numpy-2.0-cp312-cp312-win_amd64.whl").unlink()
    assert set(lacking(folder, "windows")) == {"numpy==2.0", "numpy>=1"}
    assert lacking(folder, "linux") == []


def test_a_version_that_is_not_asked_for_does_not_count(folder: Path) -> None:
    (folder / "colour-0.4.6-py2.py3-none-any.whl").unlink()
    wheel(folder, "colour-0.3-py3-none-any")
    assert lacking(folder, "windows") == ["colour>=0.4"]


def test_every_extra_but_that_of_the_tests_is_in_it() -> None:
    extras = extras_of(ROOT)
    assert "report" in extras
    assert not {*LEFT_OUT} & {*extras}
    named = f"[{','.join(extras)}]"
    assert BATCH.read_text("ascii").count(named) == 2
    made = re.search(r"^EXTRAS := (.+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert made is not None
    assert {*extras} <= {*made[1].split(",")}


def test_the_oldest_python_that_the_program_takes_is_among_them() -> None:
    oldest = re.search(r'requires-python = ">=([\d.]+)"', (ROOT / "pyproject.toml").read_text("utf-8"))
    assert oldest is not None
    assert PYTHONS[0] == oldest[1]
    assert re.search(r"version_info < \(3, (\d+)\)", BATCH.read_text("ascii")).group(1) == oldest[1][2:]  # type: ignore[union-attr]


def test_the_lines_that_install_need_no_network() -> None:
    assert all("--no-index --find-links wheels" in line for line in install_lines(WANTED).values())


def test_the_batch_file_is_one_that_windows_reads() -> None:
    raw = BATCH.read_bytes()
    assert raw.count(b"\n") == raw.count(b"\r\n")
    text = raw.decode("ascii")
    labels = set(re.findall(r"^:(\w+)", text, flags=re.MULTILINE))
    assert set(re.findall(r"goto (\w+)", text)) <= labels
    for name in re.findall(r"(?<!\.)\b(configs\\[\w\\]+\.yaml)", text):
        assert (ROOT / name.replace("\\", "/")).is_file(), name
