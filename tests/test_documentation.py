"""Every command that README and docs show is carried out, and what they say about numbers and files is true."""

from __future__ import annotations

import re
import shlex
import shutil
import textwrap
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from acquire.bench.simulated import simulated_bench_of_files
from acquire.cli import commands as command_line
from acquire.config import load_bench, load_sweep
from drivers.simulated.serve import serving
from tests.conftest import CONFIGS, ROOT
from tests.support.windows_names import refused_by_windows

PAGES = [ROOT / "README.md", ROOT / "tests" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FIRST_DAY = ROOT / "docs" / "first-day.md"
LABORATORY_BENCHES = sorted((CONFIGS / "benches").glob("lab_*.yaml"))

#: Commands that run until they are stopped.
ENDLESS = ("simulate", "serve")

#: Commands that speak to a run that goes on.
TO_A_RUN = ("stop", "pause", "resume", "answer")

#: What a reader types where a command asks; Enter for what is not here.
ANSWERS = {"new": ["", "A3", "", "", "14 mm^2", "520 nm", *[""] * 20]}

#: The page whose pictures are drawn; they take seconds each time.
DRAWN = "first-hour"

#: The language of blocks that can be pasted as they are: every line of them is carried out.
SHELL = "sh"


def blocks(page: Path) -> list[tuple[str, str]]:
    """The code blocks of a page, each with its language; those in a list are indented."""
    found = re.findall(r"^( *)```(\w*)\n(.*?)^\1```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [(language, textwrap.dedent(text)) for _, language, text in found]


def commands(page: Path) -> list[list[str]]:
    """The arguments of every ``acquire`` command in the page's code blocks, without the explanation beside it."""
    lines = [line for language, block in blocks(page) if language != SHELL for line in block.splitlines()]
    found = (re.match(r"(?:\.venv\\Scripts\\)?acquire (.*?)(?:   .*)?$", line) for line in lines)
    return [shlex.split(match[1].replace("\\", "/")) for match in found if match]


def lines_to_paste(page: Path) -> list[str]:
    """The lines of a page that a reader pastes into a terminal as they are, from the first to the last."""
    return [line for language, block in blocks(page) if language == SHELL for line in block.splitlines() if line]


def test_the_commands_of_the_pages_are_found() -> None:
    assert ["instruments", "--bench", "configs/benches/my_bench.yaml"] in commands(FIRST_DAY)
    assert ["recover", "runs/RUN.h5"] in commands(FIRST_DAY)
    assert ["run", "configs/sweeps/table2_sppo13_liq.yaml", "--report"] in commands(ROOT / "README.md")
    assert "make demo" in lines_to_paste(ROOT / "README.md")
    assert len(lines_to_paste(ROOT / "README.md")) > 10


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, read_here: None) -> Path:
    """A current folder with what a reader of the pages has: shipped files, own copies, and no instrument."""
    if DRAWN not in request.node.name:
        monkeypatch.setattr("acquire.report.assembled.illustrated", lambda *given: ())
    shutil.copytree(CONFIGS, tmp_path / "configs")
    shutil.copy(CONFIGS / "benches" / "simulated.yaml", tmp_path / "configs" / "benches" / "my_bench.yaml")
    shutil.copy(CONFIGS / "sweeps" / "quick_look.yaml", tmp_path / "configs" / "sweeps" / "my_sweep.yaml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("acquire.bench.survey.list_resources", lambda visa_library: ())
    for room in ("terminal", "questions"):
        monkeypatch.setattr(f"acquire.cli.{room}.somebody_to_ask", lambda: True)
    return tmp_path


def newest_run(desk: Path) -> str:
    runs = sorted((desk / "runs").glob("*.h5"), key=lambda path: path.stat().st_mtime_ns)
    return runs[-1].relative_to(desk).as_posix()


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.stem)
def test_every_command_of_a_page_works(page: Path, desk: Path) -> None:
    listed = [arguments for arguments in commands(page) if arguments[0] not in (*ENDLESS, *TO_A_RUN)]
    runs = [arguments for arguments in listed if arguments[0] == "run"]
    # A page may show how to read a run file before it shows how to make one
    for arguments in [*runs, *(arguments for arguments in listed if arguments[0] != "run")]:
        there = [newest_run(desk) if argument == "runs/RUN.h5" else argument for argument in arguments]
        done = CliRunner().invoke(command_line.app, there, input="y\n")
        wanted = command_line.FAILED if arguments == ["instruments"] else command_line.COMPLETED
        assert done.exit_code == wanted, (there, done.output, done.exception)
    assert [path.name for path in desk.rglob("*") if refused_by_windows(path.name)] == []


@pytest.mark.parametrize("page", [page for page in PAGES if lines_to_paste(page)], ids=lambda page: page.stem)
def test_what_can_be_pasted_works_line_by_line(page: Path, desk: Path) -> None:
    """A copy that a page makes is not there before; here, the reader's own bench is the simulated one."""
    lines = lines_to_paste(page)
    for target in re.findall(r"^(?:cp \S+|acquire new) (\S+)", "\n".join(lines), flags=re.MULTILINE):
        (desk / target).unlink(missing_ok=True)
    for line in lines:
        match shlex.split(line, comments=True):
            case ["cp", source, target]:
                shipped = re.sub(r"/lab_\w+\.yaml$", "/simulated.yaml", source)
                shutil.copy(desk / shipped, desk / target)
            case ["acquire", command, *_] if command in ENDLESS:
                pass
            case ["acquire", *arguments]:
                there = [name for argument in arguments for name in expanded(desk, argument)]
                typed = "\n".join(ANSWERS.get(there[0], ["y", ""]))
                done = CliRunner().invoke(command_line.app, there, input=typed)
                assert done.exit_code == command_line.COMPLETED, (line, done.output, done.exception)
            case ["make", target]:
                assert target  # see test_make_targets_are_there
            case [] | [".", ".venv/bin/activate"] | ["pip", "install", "./docs/nomad"]:  # make fair installs that
                pass
            case _:
                pytest.fail(f"nobody has tried this line: {line}")


def expanded(folder: Path, argument: str) -> list[str]:
    """What a shell makes of an argument; Windows leaves it to the program, which does the same."""
    if "*" not in argument or argument.startswith("-"):
        return [argument]
    return [path.relative_to(folder).as_posix() for path in sorted(folder.glob(argument))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_endless_commands_are_there(page: Path) -> None:
    for name in {arguments[0] for arguments in commands(page)} & set(ENDLESS):
        assert CliRunner().invoke(command_line.app, [name, "--help"]).exit_code == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_make_targets_are_there(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make ([\w-]+)", "\n".join(text for _, text in blocks(page)), flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_and_file_names_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
    named = re.findall(r"(?<![\w/.])configs/[\w/.]*\w", text)
    # What begins with my_ is the reader's own copy
    assert [name for name in named if "/my_" not in name and not (ROOT / name).exists()] == []


def anchors(page: Path) -> set[str]:
    """The names under which the headings of a page can be linked to, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_to_a_heading_lead_to_one(page: Path) -> None:
    links = re.findall(r"\]\(([^)]*)#([^)]+)\)", page.read_text(encoding="utf-8"))
    ours = [(place, anchor) for place, anchor in links if "://" not in place]
    targets = [(page.parent / place if place else page, anchor) for place, anchor in ours]
    assert [(str(target), anchor) for target, anchor in targets if anchor not in anchors(target)] == []


def test_every_page_can_be_reached_from_the_list_of_pages() -> None:
    pages = {page for page in PAGES if ROOT / "docs" in page.parents and "decisions" not in page.parts}
    index = ROOT / "docs" / "README.md"
    listed = re.findall(r"\]\(([^)#]+)", index.read_text(encoding="utf-8"))
    assert pages - {(index.parent / link).resolve() for link in listed} == {index}


def test_the_terms_of_the_makers_are_told() -> None:
    for name in ("NOTICE", "docs/reference/instruments.md", "drivers/cs2000a/driver.py"):
        text = " ".join((ROOT / name).read_text(encoding="utf-8").replace("**", "").split())
        assert re.search(r"Konica Minolta", text), name
        assert re.search(r"commercial software", text), name
        assert re.search(r"permission", text), name


def test_the_first_day_begins_with_the_emergency_shutdown() -> None:
    sections = re.findall(r"^## (.*)$", FIRST_DAY.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert "emergency shutdown" in sections[0]
    assert sections.index("5. A resistor") < sections.index("6. A light-emitting diode")


def resistor_table() -> dict[float, tuple[float, float, float | None]]:
    """The page's limits by level (V): of voltage (V), of current (A), of V/I (ohm)."""
    number = r"([\d.]+)"
    row = rf"^\| {number} V \| .*? \| {number} mV \| {number} uA \| (?:{number} ohm|-) \|$"
    found = re.findall(row, FIRST_DAY.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {float(v): (float(dv) * 1e-3, float(di) * 1e-6, float(r) if r else None) for v, dv, di, r in found}


def test_the_limits_of_the_resistor_follow_from_the_specifications() -> None:
    table = resistor_table()
    assert list(table) == [0.0, 1.0, 2.0, 5.0]
    for level, (voltage, current, resistance) in table.items():
        assert voltage == pytest.approx(1.5e-4 * level + 1.5e-3)
        assert current == pytest.approx(3.5e-4 * level / 1000 + 600e-9)
        if resistance is not None:
            assert resistance == pytest.approx(1000 * (voltage / level + current / (level / 1000)), rel=0.02)


def test_the_simulated_resistor_lies_within_the_limits(desk: Path) -> None:
    bench = "configs/benches/my_bench.yaml"
    done = CliRunner().invoke(command_line.app, ["run", "configs/sweeps/first_day_resistor.yaml", "--bench", bench])
    assert done.exit_code == 0, done.output
    with h5py.File(desk / newest_run(desk)) as file:
        jvl = file["entry/jvl"]
        level, voltage, current = (jvl[name][:] for name in ("source_level", "voltage", "current"))
        assert np.allclose(jvl["current_density"][:] * 0.1, current * 1e3)  # mA/cm^2 and mA
    for wanted, (voltage_limit, current_limit, resistance_limit) in resistor_table().items():
        (here,) = np.flatnonzero(np.isclose(level, wanted))
        assert abs(voltage[here] - wanted) < voltage_limit
        assert abs(current[here] - wanted / 1000) < current_limit
        if resistance_limit is not None:
            assert abs(voltage[here] / current[here] - 1000) < resistance_limit


@pytest.mark.parametrize("bench", LABORATORY_BENCHES, ids=lambda path: path.stem)
@pytest.mark.parametrize("sweep", ["first_day_resistor", "first_day_led", "quick_look", "table2_sppo13"])
def test_the_first_sweeps_fit_every_laboratory_bench(sweep: str, bench: Path) -> None:
    assert not load_bench(bench).simulated
    assert load_sweep(CONFIGS / "sweeps" / f"{sweep}.yaml", bench).bench.name == load_bench(bench).name


def test_the_laboratory_benches_cover_every_kind_of_link() -> None:
    benches = [load_bench(path) for path in LABORATORY_BENCHES]
    assert {(bench.visa, bench.instruments.smu.resource[:4]) for bench in benches} == {
        ("", "GPIB"),
        ("@py", "GPIB"),
        ("@py", "ASRL"),
    }


def test_the_plan_of_the_house_names_what_is_there() -> None:
    text = (ROOT / "docs" / "house.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:acquire|drivers|tests)/[\w/.]+)`", text))
    assert len(named) > 20
    assert {name for name in named if not (ROOT / name).exists()} == set()
    rooms = {path.stem for path in (ROOT / "acquire").iterdir() if not path.name.startswith("_")}
    assert {room for room in rooms if not re.search(rf"acquire/{room}\b", text)} == set()


def test_every_folder_of_the_tests_is_in_their_readme() -> None:
    text = (ROOT / "tests" / "README.md").read_text(encoding="utf-8")
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and not path.name.startswith("_")}
    assert {folder for folder in folders if f"`{folder}`" not in text} == set()


@pytest.mark.parametrize("shipped", ["lab_gpib", "lab_usb"])
def test_a_bench_file_is_tried_on_simulated_instruments_as_the_page_says(desk: Path, shipped: str) -> None:
    (block,) = (text for language, text in blocks(ROOT / "docs" / "how-to" / "try-a-bench.md") if language == "yaml")
    _, options = simulated_bench_of_files(desk / "configs" / "benches" / "simulated.yaml", None)
    tried = desk / "configs" / "benches" / "tried.yaml"
    with serving(options, terminals=False) as server:
        for number, port in enumerate(server.ports, start=5025):  # those of the page may be taken
            assert f"TCPIP::127.0.0.1::{number}::SOCKET" in block
            block = block.replace(f"TCPIP::127.0.0.1::{number}::SOCKET", port.tcp)
        changes, bench = yaml.safe_load(block), yaml.safe_load((tried.parent / f"{shipped}.yaml").read_text("utf-8"))
        for role, instrument in bench["instruments"].items():
            instrument |= changes["instruments"][role]
            instrument.pop("serial", None)
        tried.write_text(yaml.safe_dump({**changes, **bench, "visa": changes["visa"]}), encoding="utf-8")
        for command in (["check", str(tried)], ["instruments", "--bench", str(tried)]):
            done = CliRunner().invoke(command_line.app, command)
            assert done.exit_code == command_line.COMPLETED, done.output
    assert all(model in done.output for model in ("MODEL 2400", "MODEL 2000", "CS-2000A"))
