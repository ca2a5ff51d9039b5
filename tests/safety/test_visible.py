"""Texts from outside reach no terminal as they came, wherever they stood: files, replies, logs, names."""

from __future__ import annotations

import csv
import json
import os
import re
import socketserver
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquire.cli import display, terminal
from acquire.cli.live.show import displayed
from acquire.evaluation.calibration import Calibration, Conditions
from acquire.evaluation.figure import Figure
from acquire.records import InstrumentRecord, Note, RunStatus, RunStop
from acquire.run_file import layout, recorder
from acquire.run_file.cells import text_cell
from acquire.run_file.export.csv_files import export_csv
from acquire.safety import guardian_process
from acquire.safety.visible import VisibleStream, one_line, visible
from tests.conftest import CONFIGS
from tests.support.command import acquire, is_harmless
from tests.support.events import a_run_start
from tests.support.run_files import CAPACITY, a_record, a_start

SIMULATED = CONFIGS / "benches" / "simulated.yaml"
QUICK = CONFIGS / "sweeps" / "quick_look.yaml"

#: Window title, clear screen, C1's own CSI, DEL, directions of writing, a separator, a line that is not ours.
HOSTILE = "A\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\u202egpj\u2066\u200f\u2028\ufeff\x85\r\nforged: line"


# The rule itself


def test_a_text_that_is_harmless_stays_as_it_is() -> None:
    text = "Probe Ω, 3 µm·5 µm, n\u00a0=\u00a01, 東京\u3000, é e\u0301 😀\n\ttab"
    assert visible(text) == text


def test_what_a_terminal_could_obey_is_written_as_an_escape_sequence() -> None:
    assert visible("\x1b[31m\x9b\x7f\x00\r") == r"\x1b[31m\x9b\x7f\x00\r"
    assert visible("\u202e\u2066\u200e\u2028\u2029\u200b\ufeff") == r"\u202e\u2066\u200e\u2028\u2029\u200b\ufeff"
    assert visible("\udcff\ud800 \U000e0041 \ue000") == r"\udcff\ud800 \U000e0041 \ue000"
    assert one_line("a\nb\tc") == r"a\nb\tc"


@given(st.text())
def test_no_text_is_left_harmful(text: str) -> None:
    assert is_harmless(visible(text))
    assert "\n" not in one_line(text)
    assert visible(visible(text)) == visible(text)


def test_a_stream_hands_on_nothing_else_and_is_the_same_stream_otherwise() -> None:
    under = TextIOWrapper(BytesIO(), encoding="cp1252", errors="backslashreplace", newline="\n")
    stream = VisibleStream(under)
    print("Ω", HOSTILE, sep="|", file=stream)
    stream.writelines(["\x1b", "x\n"])
    stream.flush()
    said = under.buffer.getvalue().decode("cp1252")  # type: ignore[attr-defined]
    assert is_harmless(said)
    assert said.startswith(r"\u03a9|A\x1b]0;owned\x07")
    assert said.endswith("\\x1bx\n")
    assert (stream.encoding, stream.errors, stream.isatty()) == ("cp1252", "backslashreplace", False)
    del stream
    assert not under.closed


def test_json_stays_json(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.say_json({HOSTILE: HOSTILE})
    written = capsys.readouterr().out
    assert written.isascii()
    assert is_harmless(written)
    assert json.loads(written) == {HOSTILE: HOSTILE}


def test_nothing_is_said_where_a_stream_was_closed_at_the_start(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.say(None, "x")
    assert capsys.readouterr() == ("", "")


# A run file of somebody else


@pytest.fixture(scope="module")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run file with such a text wherever one may stand."""
    path = tmp_path_factory.mktemp("hostile") / "run.h5"
    start = replace(
        a_start(),
        title=HOSTILE,
        sample={"name": HOSTILE, "emissive_area": 1.4e-5, "notes": HOSTILE},
        user=HOSTILE,
        instruments=(InstrumentRecord("smu", HOSTILE, HOSTILE, {}),),
    )
    calibration = Calibration(conditions=Conditions(emissive_area=1.4e-5, transfer=5e6))
    record = recorder.create_run_file(path, start, CAPACITY, lambda group: layout.write_calibration(group, calibration))
    record(Note(0.5, HOSTILE))
    for index in range(3):
        record(a_record(index))
    record.conclude(RunStop(RunStatus.STOPPED, HOSTILE, "2026-01-02T03:05:00+01:00"))
    record.close()
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "gbk", "ascii"])
def test_a_hostile_run_file_is_shown_and_exported_in_visible_characters(
    encoding: str, hostile_run: Path, tmp_path: Path, read_here: None
) -> None:
    before = hostile_run.read_bytes()
    assert ": finished: 3 points" in acquire("recover", hostile_run, encoding=encoding).text
    hostile_run.write_bytes(before)
    shown = acquire("show", hostile_run, encoding=encoding)
    assert shown.status == 0
    assert shown.text.count(r"\x1b]0;owned") >= 5  # title, sample, instrument, note, reason
    summary = acquire("show", hostile_run, "--json", encoding=encoding)
    assert summary.text.isascii()
    assert json.loads(summary.output)["stop_reason"] == HOSTILE
    assert acquire("export", hostile_run, "--to", tmp_path, encoding=encoding).text.count(".csv") == 3
    for path in tmp_path.iterdir():
        assert is_harmless(path.read_text(encoding="utf-8"))


@pytest.mark.skipif(os.name == "nt", reason="no such file names there")
def test_a_hostile_name_of_a_file_is_visible(hostile_run: Path, tmp_path: Path) -> None:
    path = tmp_path / f"{HOSTILE}.h5"
    path.write_bytes(hostile_run.read_bytes())
    nothing = tmp_path / f"{HOSTILE}\udcff.yaml"
    folder = tmp_path / HOSTILE
    folder.mkdir()
    for arguments in (
        ("show", path),
        ("export", path),
        ("recover", path),
        ("show", nothing),
        ("check", nothing),
        ("run", nothing),
        ("plan", QUICK, "--bench", nothing),
        ("recover", folder),
        ("run", QUICK, "--output", folder),
        ("simulate", "--bench", nothing),
        ("instruments", "--bench", nothing),
    ):
        assert r"A\x1b]0;owned\x07" in acquire(*arguments).text, arguments
    for arguments in ((HOSTILE,), ("show", f"--{HOSTILE}"), ("simulate", "--port", HOSTILE)):
        said = acquire(*arguments)
        assert (said.status, "Error: " in said.text) == (2, True)


def test_figures_of_a_hostile_file_are_neither_markup_nor_commands() -> None:
    figure = Figure(4.0, "V", f"[/b][link=x]:smile:{HOSTILE}", 4.0)
    stream = StringIO()
    display.SpectatorConsole(stream, width=200).print(
        display.figures_table({"turn_on_voltage": figure}, f"[/x]{HOSTILE}")
    )
    assert is_harmless(stream.getvalue())
    assert "[/b][link=x]:smile:A\\x1b]0;" in stream.getvalue()


def on_a_terminal(*texts: str) -> str:
    stream = StringIO()
    with displayed(display.SpectatorConsole(stream, force_terminal=True, width=200)) as spectator:
        for event in (a_run_start(points=17), *(Note(1.0, text) for text in texts), a_record(0)):
            spectator(event)
    return stream.getvalue()


def test_the_bar_moves_the_cursor_and_no_note_does() -> None:
    raw = on_a_terminal(HOSTILE)
    ours = re.compile(r"\x1b\[(?:\d+(?:;\d+)*m|\d?[AKGJ]|\d*[A-K]|\?25[lh])|\r")
    assert ours.search(raw)
    assert is_harmless(ours.sub("", raw))
    assert r"note: A\x1b]0;owned\x07\x1b[2J\x9b31m" in ours.sub("", raw)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_console_writes_past_the_filter_of_the_stream(stream: str, monkeypatch: pytest.MonkeyPatch) -> None:
    under = StringIO()
    monkeypatch.setattr(sys, stream, VisibleStream(under))
    console = display.SpectatorConsole(stderr=stream == "stderr", force_terminal=True, color_system="standard")
    console.print("red \x1b[31m", style="red")
    assert under.getvalue() == "\x1b[31mred \\x1b[31m\x1b[0m\n"


# Instruments, logs, configuration


class Stranger(socketserver.StreamRequestHandler):
    """Something at an address that answers everything in the same way."""

    def handle(self) -> None:
        with suppress(ConnectionError):
            while self.rfile.readline():
                self.wfile.write(f"{HOSTILE.partition(chr(10))[0]},M,1,2\n".encode())


@contextmanager
def stranger() -> Iterator[str]:
    """The VISA address of one."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Stranger) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"TCPIP0::127.0.0.1::{server.server_address[1]}::SOCKET"
        server.shutdown()


def test_the_reply_of_a_stranger_is_visible(tmp_path: Path, bench_file: Callable[..., Path]) -> None:
    text = bench_file({"visa: simulated": "visa: '@py'"}).read_text(encoding="utf-8")
    text = re.sub(r"^simulation:.*?(?=^\S|\Z)", "", text, flags=re.MULTILINE | re.DOTALL)
    bench = tmp_path / "strangers.yaml"
    with stranger() as smu, stranger() as multimeter, stranger() as meter:
        resources = iter((smu, multimeter, meter))
        bench.write_text(re.sub(r"resource: [\w:]+", lambda _: f"resource: {next(resources)}", text), encoding="utf-8")
        for arguments in (("instruments", "--bench", bench), ("run", QUICK, "--bench", bench, "--output", tmp_path)):
            said, for_programs = acquire(*arguments), acquire(*arguments, "--json")
            assert r"\x1b]0;owned" in said.text
            assert (said.status, for_programs.status) == (1, 1)
            assert "x1b]0;owned" in for_programs.text
            json.loads(for_programs.output)


def test_a_guardian_says_and_writes_visible_characters(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    guardian_process._tell(HOSTILE)
    said = capfd.readouterr().err
    assert r"guardian: A\x1b]0;owned" in said
    assert is_harmless(said)
    log = guardian_process._Log(tmp_path / "x.guardian.log")
    log.add(HOSTILE)
    log.write()
    written = (tmp_path / "x.guardian.log").read_text(encoding="utf-8")
    assert is_harmless(written)
    assert written.count("\n") == 1


def test_a_hostile_log_of_a_guardian_is_visible_in_what_is_recovered(tmp_path: Path, read_here: None) -> None:
    path = tmp_path / "run.h5"
    calibration = Calibration(conditions=Conditions(emissive_area=1.4e-5, transfer=5e6))
    record = recorder.create_run_file(
        path, a_start(), CAPACITY, lambda group: layout.write_calibration(group, calibration)
    )
    record(a_record(0))
    record.close()
    log = path.with_suffix(".guardian.log")
    log.write_text(f"2026-01-02T03:04:06+01:00 {HOSTILE}\n", encoding="utf-8", newline="\n")
    assert acquire("recover", path).status == 0
    assert r"\x1b]0;owned" in acquire("show", path).text


def test_texts_of_configuration_files_are_visible_in_problems(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text('kind: sweep\ntitle: "a\\u202eb"\n\u202ekey: 1\nbench: "\u2066x"\noutput: ["\u200f"]\n', "utf-8")
    text = acquire("check", path).text
    assert r"\u202ekey: is not a known key" in text
    assert r"\u2066x" in text


# Cells of a spreadsheet


@pytest.mark.parametrize(
    "text", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "  =1", "\u00a0=1", "=", "-", "+a", "-1;2", "\uff1d1"]
)
def test_a_cell_that_looks_like_a_formula_is_a_text(text: str) -> None:
    assert text_cell(text) == f"'{text}"


def test_a_formula_in_the_next_cell_of_a_list_with_semicolons_is_a_text() -> None:
    assert text_cell("a; =1") == "a;' =1"
    assert text_cell("a;=1;=x") == "a;'=1;'=x"
    assert text_cell("a;-2+cmd|' /C calc'!A0") == "a;'-2+cmd|' /C calc'!A0"
    assert text_cell("a; +HYPERLINK(1)") == "a;' +HYPERLINK(1)"
    assert text_cell("a, =1;=1", ";") == "a,' =1;=1"  # where the semicolon is the separator, it stands between quotes


@pytest.mark.parametrize("text", ["u = 3 %; +- 2 %", "x; -1 V (k = 1); +0.2 V", "0.1, +- 2", "5 V; - 3 V; +5 V"])
def test_an_honest_sign_behind_a_semicolon_stays(text: str) -> None:
    assert text_cell(text) == text
    assert text_cell(text, ";") == text


@pytest.mark.parametrize("text", ["\t=1", "\r=1", "\n=1", "\x00=1", "\ufeff=1", "\x0b=1"])
def test_a_cell_that_begins_with_a_control_begins_with_a_visible_character(text: str) -> None:
    assert text_cell(text)[0] in "\\'"
    assert is_harmless(text_cell(text))


@pytest.mark.parametrize("text", ["-1.5e-3", "+2", "-.5", "-3.", "1e5", "", "A-1", "a = b", "SPPO13/Liq", "x; y", "µ"])
def test_numbers_and_other_texts_stay(text: str) -> None:
    assert text_cell(text) == text


@given(st.text())
def test_no_cell_begins_as_a_formula(text: str) -> None:
    cell = text_cell(text)
    assert not re.match(r"\s*[=+\-@\t\r]", cell) or re.fullmatch(r"[+-]?[\d.]+(?:[eE][+-]?\d+)?", cell)


def test_every_text_cell_of_an_exported_file_is_guarded(tmp_path: Path, sweep_file: Callable[..., Path]) -> None:
    from tests.conftest import run_sweep_file

    result = run_sweep_file(sweep_file("quick_look.yaml", {"name: SPPO13": "name: '=cmd()'"}), tmp_path)
    assert result.run is not None
    status = replace(result.run.figures["turn_on_voltage"], status="@now", unit="=u")
    sources = np.full(result.run.points, b"+x", dtype="S12")
    spectra = {name: np.zeros((1, *c.shape[1:]), c.dtype) for name, c in result.run.tables["spectra"].items()}
    tables = {
        **result.run.tables,
        "jvl": {**result.run.tables["jvl"], "spectrum_source": sources},
        "spectra": {**spectra, "luminance": np.array([-0.5]), "branch": np.array([b"forward"])},
    }
    run = replace(result.run, figures={"-f": status}, tables=tables, source_unit="=V")
    texts = [path.read_text(encoding="utf-8") for path in export_csv(run, tmp_path / "csv")]
    cells = [cell for text in texts for row in csv.reader(StringIO(text)) for cell in row]
    assert {"'=cmd()", "'@now", "'=u", "'-f", "'+x", "'=V"} <= set(cells)
    assert "'-0.5 cd/m^2, 0.000 V" in cells
    numbers = re.compile(r"-?(?:[\d.]+(?:e[+-]?\d+)?|inf)")
    assert [cell for cell in cells if cell[:1] in tuple("=+-@") and not numbers.fullmatch(cell)] == []


def test_a_run_file_keeps_the_texts_as_they_are(hostile_run: Path) -> None:
    with h5py.File(hostile_run) as file:
        assert file["entry/title"][()].decode() == HOSTILE
