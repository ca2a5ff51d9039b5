"""HMP110: driver and twin held to the same exchanges (HMP60 and HMP110 Series User's Guide M211060EN)."""

import math
import re

from drivers import errors
from drivers.simulated.clock import VirtualClock
from drivers.simulated.fixture import NoiseSettings, TestFixture
from drivers.simulated.hmp110.twin import HMP110Options, HMP110Twin
from drivers.simulated.loads import OpenCircuit
from drivers.simulated.photodiode import Photodiode
from tests.drivers.conftest import NOTHING
from tests.transcripts.exchanges import Host, Transcript

# As a probe of the family answered, and as the guide prints it
WHO = [
    ("?", "HMP110 1.03\r\n"),
    *(
        (None, f"{line}\r\n")
        for line in (
            "Serial number  : H1234567",
            "Batch number   : H1230001",
            "Sensor model   : Humicap 180R",
            "Cal. date      : 20240115",
            "Cal. info      : Helsinki / FIN",
            "Time           : 00:03:51",
            "Serial mode    :     STOP",
            "Baud P D S     : 19200 N 8 1",
            "Output interval:        2 S",
            "Serial delay   :       10",
            "Address        :        0",
            "Filter         :    1.000",
        )
    ),
]
ROOM = "T=  22.60 'C RH=  41.00 %RH Td=   8.69 'C \r\n"


def near(temperature, humidity):
    def check(found):
        same_share = math.isnan(humidity) == math.isnan(found.relative_humidity)
        return (
            abs(found.temperature - temperature) < 1e-9
            and same_share
            and (math.isnan(humidity) or abs(found.relative_humidity - humidity) < 1e-9)
        )

    return check


def polled(probe):
    probe.trigger()
    while (found := probe.poll()) is None:
        pass
    return found, probe.asked


TRANSCRIPTS = [
    Transcript(
        "identify",
        lambda probe: (probe.identify(), probe.identify().serial, probe.settings()),
        [("S", None), *WHO, (None, NOTHING)],
        lambda found: (
            found[1:] == ("H1234567", {"calibrated": "20240115", "filter": "1.000"})
            and (found[0].maker, found[0].model, found[0].firmware) == ("VAISALA", "HMP110", "1.03")
        ),
    ),
    Transcript("read", lambda probe: probe.read(), [("SEND", ROOM)], near(295.75, 0.41)),
    Transcript("poll", polled, [("SEND", ROOM)], lambda found: near(295.75, 0.41)(found[0]) and not found[1]),
    Transcript(
        "a sensor that is broken",
        lambda probe: probe.read(),
        [("SEND", "T=  22.60 'C RH=******* %RH Td=   8.69 'C \r\n")],
        near(295.75, math.nan),
        bench={"humidity_sensor_broken": True},
    ),
    Transcript(
        "an echo",
        lambda probe: probe.read(),
        [("SEND", "SEND\r\n"), (None, ROOM)],
        near(295.75, 0.41),
        bench={"echo": True},
    ),
    Transcript(
        "silence",
        lambda probe: probe.read(),
        [("SEND", NOTHING)],
        raises=errors.InstrumentTimeout,
        says="no answer within 2 s",
        bench={"silent": True},
        driver={"clock": iter(range(0, 100, 3)).__next__},
    ),
]


def host(**options):
    clock = VirtualClock()
    fixture = TestFixture(clock, OpenCircuit(), Photodiode(1e-6, lambda _: 0.3, 5e6), NoiseSettings.none(), 1)
    return Host(HMP110Twin(fixture, HMP110Options(**options)), clock)


def alike(asked, wanted, came):
    """The same words and spaces; any number of the same width."""
    shape = re.compile(r"\d")
    return shape.sub("0", wanted.strip()) == shape.sub("0", came.strip())
