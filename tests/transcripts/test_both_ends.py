"""Every transcript is what the driver says and what the twin answers: both are held to the reference pages."""

import pytest

from drivers.cs2000a.driver import CS2000A, SpectroradiometerSettings
from drivers.cs2000a.messages import REFUSALS
from drivers.hmp110.driver import HMP110
from drivers.keithley2000.driver import Keithley2000
from drivers.keithley2400.driver import Keithley2400
from drivers.simulated.visa import SimulatedVisaLibrary
from tests.support.cs2000a import IDENTITY, REMOTE
from tests.transcripts import cs2000a, hmp110, keithley2000, keithley2400
from tests.transcripts.exchanges import every, hold_driver, hold_twin, unread_errors


@every([*keithley2400.TRANSCRIPTS, *keithley2400.REFUSED])
def test_driver_of_the_2400(transcript, wanted):
    hold_driver(transcript, Keithley2400, wanted)


@every([*keithley2400.TRANSCRIPTS, *keithley2400.REFUSED])
def test_twin_of_the_2400(wanted):
    smu = keithley2400.host(**wanted.bench)
    hold_twin(smu, wanted.exchanges, keithley2400.alike)
    assert not unread_errors(smu)


@every([*keithley2000.TRANSCRIPTS, *keithley2000.REFUSED])
def test_driver_of_the_2000(transcript, wanted):
    hold_driver(transcript, Keithley2000, wanted)


@every([*keithley2000.TRANSCRIPTS, *keithley2000.REFUSED])
def test_twin_of_the_2000(wanted):
    meter = keithley2000.host(**wanted.bench)
    hold_twin(meter, wanted.exchanges, keithley2000.alike)
    assert not unread_errors(meter)


@every(cs2000a.TRANSCRIPTS)
def test_driver_of_the_cs2000a(transcript, wanted):
    hold_driver(transcript, CS2000A, wanted)


@every(cs2000a.TRANSCRIPTS)
def test_twin_of_the_cs2000a(wanted):
    hold_twin(cs2000a.host(**wanted.bench), wanted.exchanges, cs2000a.alike)


@every(hmp110.TRANSCRIPTS)
def test_driver_of_the_hmp110(transcript, wanted):
    hold_driver(transcript, HMP110, wanted)


@every(hmp110.TRANSCRIPTS)
def test_twin_of_the_hmp110(wanted):
    hold_twin(hmp110.host(**wanted.bench), wanted.exchanges, hmp110.alike)


def test_every_error_code_of_the_cs2000a_is_in_the_table():
    pairs = [pair for one in cs2000a.TRANSCRIPTS for pair in one.exchanges if isinstance(pair, tuple)]
    codes = {reply.strip() for _, reply in pairs if isinstance(reply, str) and reply.startswith("ER")}
    assert codes == set(REFUSALS)


@pytest.mark.parametrize("moment", [0.0, 1.0, 6.1, 6.15, 10.0, 18.13, 18.14, 18.145, 18.15, 19.0])
def test_the_next_program_finds_a_measurement_running_or_just_ending(moment):
    there = cs2000a.host(level=1.0)
    library = SimulatedVisaLibrary(there.clock, {"ASRL3::INSTR": there.twin})
    leaver = CS2000A("ASRL3::INSTR", visa_library=library)
    leaver.configure(SpectroradiometerSettings())
    leaver.trigger()
    there.clock.advance(moment)
    leaver.adapter.close()
    meter = CS2000A("ASRL3::INSTR", visa_library=library)
    assert meter.identify().model == "CS-2000A"
    meter.start()
    meter.wait()
    assert not meter.read_spectrum().mismatch


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_the_twin_ends_its_lines_as_the_host_does(end):
    meter = cs2000a.host()
    for sent, reply in (REMOTE, IDENTITY):
        meter.twin.receive(sent.encode() + end)
        assert meter.read() == reply.encode() + end
