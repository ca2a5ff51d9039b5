"""``acquire setup``: instruments found on a simulated VISA library, a bench file that is right, nothing changed."""

from __future__ import annotations

import copy
import io
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from acquire.bench import survey
from acquire.bench.simulated import bench_options
from acquire.cli import commands as command_line
from acquire.config import check_file, load_bench, load_calibration
from drivers.errors import CannotConnect
from drivers.simulated.bench import SimulatedBench, build_simulated_bench
from tests.conftest import CONFIGS
from tests.support.command import Said, acquire

ADDRESSES = ("--smu", "GPIB0::24::INSTR", "--photodiode-meter", "GPIB0::16::INSTR", "--spectroradiometer", "none")
GAIN = ("--amplifier", "5e6 V/A")
RESPONSIVITY = "configs/calibrations/simulated_photodiode_responsivity.csv"
GEOMETRY = ("--luminance", "geometry", "--responsivity", RESPONSIVITY, "--detector", "P1", "--distance", "100 mm")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(CONFIGS, tmp_path / "configs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def connect(monkeypatch: pytest.MonkeyPatch, addresses: dict[str, str] | None = None) -> SimulatedBench:
    """The twins of the shipped bench, at other addresses where wanted, as what VISA sees."""
    bench = load_bench(CONFIGS / "benches" / "simulated.yaml")
    there = bench.instruments
    for role, resource in (addresses or {}).items():
        there = there.model_copy(update={role: getattr(there, role).model_copy(update={"resource": resource})})
    simulated = build_simulated_bench(bench_options(bench.model_copy(update={"instruments": there}), None))
    real = survey.survey

    def seen(_visa: str = "", *, probe_serial: bool = False) -> list[survey.Answer]:
        return real(simulated.library, probe_serial=probe_serial)

    monkeypatch.setattr(survey, "survey", seen)
    return simulated


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str, arguments: Sequence[str] = ()) -> Said:
    monkeypatch.setattr("acquire.cli.questions.somebody_to_ask", lambda: True)
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    return acquire("setup", *arguments)


def written(said: Said) -> Path:
    assert said.status == command_line.COMPLETED, said.text
    return Path(said.output.decode().splitlines()[0])


def benches(desk: Path) -> set[str]:
    return {path.name for path in (desk / "configs").rglob("*.yaml")}


def test_what_answers_becomes_a_bench_that_passes_check(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch)
    path = written(acquire("setup", "--probe-serial", *GAIN))
    assert path == Path("configs/benches/my_bench.yaml")
    assert check_file(path).problems == []
    bench = load_bench(path)
    assert bench.instruments.smu.resource == "GPIB0::24::INSTR"
    assert bench.instruments.photodiode_meter.resource == "GPIB0::16::INSTR"
    assert bench.instruments.spectroradiometer is not None
    assert bench.instruments.spectroradiometer.resource == "ASRL3::INSTR"
    assert (bench.photodiode.transfer, bench.photodiode.luminance_route) == (5e6, "from_spectra")
    assert not bench.of_twins
    assert "MODEL 2400, serial 1248014" in path.read_text("utf-8")


def test_the_instruments_are_left_as_they_are(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulated = connect(monkeypatch)
    smu, meter, spectroradiometer = (
        simulated.twins[name] for name in ("GPIB0::24::INSTR", "GPIB0::16::INSTR", "ASRL3::INSTR")
    )
    smu.receive(b":FORM:ELEM CURR;:SOUR:VOLT 1;:SENS:CURR:PROT 1e-3;:OUTP ON\n", end=True)
    meter.receive(b":SENS:VOLT:DC:NPLC 2\n", end=True)
    simulated.clock.advance(1.0)
    twins: tuple[Any, ...] = (smu, meter, spectroradiometer)

    def state() -> Any:
        return copy.deepcopy([twins[0].settings, twins[0].output_log, twins[1].setup, twins[2].memory.settings])

    before = state()
    written(acquire("setup", "--probe-serial", *GAIN))
    assert state() == before
    assert twins[0].output_log[-1].output_on


def test_serial_ports_are_asked_only_when_that_is_allowed(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serial = {"smu": "ASRL1::INSTR", "photodiode_meter": "ASRL2::INSTR"}
    connect(monkeypatch, serial)
    said = acquire("setup", *GAIN, "--luminance", "from_spectra")
    assert said.status == command_line.USAGE
    assert "give --smu, --photodiode-meter" in said.text
    said = typed(monkeypatch, "no", arguments=GAIN)
    assert "What hangs there may take any text for a command" in said.text
    assert said.status == command_line.INTERRUPTED
    said = typed(monkeypatch, "y", *[""] * 14, arguments=GAIN)
    smu = load_bench(written(said)).instruments.smu
    assert smu.resource == "ASRL1::INSTR"
    assert smu.serial is not None
    assert (smu.serial.baud_rate, smu.serial.terminator) == (9600, "CR")


def test_each_answer_is_checked_at_once(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch)
    answers = [
        "my bench #2",
        "COM3",
        "",
        "GPIB0::24::INSTR",
        "",
        "none",
        "left",
        "rear",
        "",
        "55 Hz",
        "60 Hz",
        "",
        "5e6",
        "-5e6 V/A",
    ]
    answers += [
        "",
        "spectra",
        "calibration",
        "configs/devices/sppo13.yaml",
        "configs/calibrations/simulated_photodiode.yaml",
    ]
    said = typed(monkeypatch, *answers, "300 V", "15 V", "", "", arguments=["--no-probe-serial"])
    for words in (
        "'COM3' is not a VISA address",
        "GPIB0::24::INSTR is also the smu",
        "'left' is not one of front, rear",
        "55 Hz is no mains frequency",
        "'5e6' has no unit",
        "'spectra' is not one of",
        "this is a device file, but a calibration file is wanted here",
        "'300 V' is not allowed",
    ):
        assert words in said.text
    bench = load_bench(written(said))
    assert (bench.name, bench.limits.voltage, bench.instruments.smu.line_frequency) == ("my bench #2", 15.0, 60.0)
    assert bench.photodiode.transfer == -5e6
    assert bench.photodiode.calibration == "../calibrations/simulated_photodiode.yaml"


def test_geometry_becomes_a_calibration_beside_the_bench(desk: Path) -> None:
    said = acquire(
        "setup", *ADDRESSES, "--connection", "shunt", "--shunt", "100 ohm", *GEOMETRY, "--detector-area", "1 cm^2"
    )
    path = written(said)
    made = Path("configs/calibrations/my_bench_photodiode.yaml")
    assert str(made) in said.text
    assert check_file(path).problems == []
    assert load_bench(path).photodiode.calibration == "../calibrations/my_bench_photodiode.yaml"
    certificate = load_calibration(made)[0].certificate
    assert certificate is not None
    assert certificate.geometry is not None
    assert (certificate.geometry.detector_area, certificate.geometry.distance) == (1e-4, 0.1)
    assert certificate.detector.serial == "P1"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((*ADDRESSES, *GEOMETRY, *GAIN, "--detector-area", "1 cm"), "--detector-area: '1 cm' has the wrong unit"),
        (
            (*ADDRESSES, *GAIN, "--luminance", "geometry"),
            "give --responsivity, --detector, --detector-area, --distance",
        ),
        ((*ADDRESSES, *GAIN, "--luminance", "calibration", "--calibration", "gone.yaml"), "there is no file gone.yaml"),
        (
            (*ADDRESSES, *GAIN, "--luminance", "calibration", "--calibration", "gone.yaml"),
            "names count from the current folder",
        ),
        ((*ADDRESSES, "--luminance", "from_spectra", "--amplifier", "0 V/A"), "--amplifier: '0 V/A' is not allowed"),
    ],
)
def test_a_wrong_option_is_named_and_nothing_is_written(desk: Path, arguments: tuple[str, ...], words: str) -> None:
    before = benches(desk)
    said = acquire("setup", *arguments)
    assert said.status == command_line.USAGE
    assert words in said.text
    assert benches(desk) == before


def test_without_any_visa_it_says_what_to_do(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_visa(_visa: str = "", *, probe_serial: bool = False) -> list[survey.Answer]:
        raise CannotConnect("VISA", "cannot be used (no library)", "Install NI-VISA or Keysight IO Libraries")

    monkeypatch.setattr(survey, "survey", no_visa)
    said = acquire("setup", *GAIN)
    assert said.status == command_line.FAILED
    assert "Install NI-VISA" in said.text
    assert "acquire setup --smu" in said.text
    said = typed(monkeypatch, "", "GPIB0::24::INSTR", "GPIB0::16::INSTR", "ASRL3::INSTR", *[""] * 10, arguments=GAIN)
    assert "Install NI-VISA" in said.text
    assert load_bench(written(said)).instruments.smu.resource == "GPIB0::24::INSTR"


def test_nothing_is_written_over(desk: Path) -> None:
    before = (desk / "configs" / "benches" / "lab_gpib.yaml").read_bytes()
    arguments = (*ADDRESSES, *GAIN, *GEOMETRY, "--detector-area", "1 cm^2")
    said = acquire("setup", "configs/benches/lab_gpib.yaml", *arguments)
    assert (said.status, "is there already" in said.text) == (command_line.USAGE, True)
    assert (desk / "configs" / "benches" / "lab_gpib.yaml").read_bytes() == before
    assert written(acquire("setup", *arguments)).name == "my_bench.yaml"
    assert written(acquire("setup", *arguments)).name == "my_bench_2.yaml"
    Path("configs/benches/my_bench.yaml").unlink()
    path = written(acquire("setup", *arguments))  # an old calibration of that name stands there still
    assert load_bench(path).photodiode.calibration == "../calibrations/my_bench_photodiode_2.yaml"
    assert check_file(path).problems == []


def test_the_end_of_the_input_writes_nothing(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = benches(desk)
    said = typed(monkeypatch, "", arguments=ADDRESSES)
    assert said.status == command_line.INTERRUPTED
    assert benches(desk) == before
