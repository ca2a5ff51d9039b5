"""CS-2000A: driver and twin held to the same exchanges (CS-2000 Communication Specifications, Rev. 7.00)."""

import json
import math
import re
from pathlib import Path

import numpy as np

from drivers import errors
from drivers.cs2000a import errors as refusals
from drivers.cs2000a.driver import SpectroradiometerSettings
from drivers.cs2000a.messages import REFUSALS
from drivers.simulated.clock import VirtualClock
from drivers.simulated.cs2000a.twin import CS2000AOptions, CS2000ATwin
from drivers.simulated.fixture import NoiseSettings, TestFixture
from drivers.simulated.photodiode import photodiode_from_parameters
from tests.drivers.conftest import NOTHING
from tests.support.cs2000a import COLORIMETRY, CONDITIONS, IDENTITY, MEASUREMENT, REMOTE, blocks, spectrum_of
from tests.transcripts.exchanges import Host, Transcript
from tests.twins.cs2000a.conftest import WHITE, Glow

_SHARED = json.loads((Path(__file__).parents[1] / "data" / "simulated_devices.json").read_text(encoding="utf-8"))
OLD = {"firmware": (2, 0, 0)}
REMOTE_OLD = [("RMTS,2", "ER17"), ("RMTS,1", "OK00")]
RED = np.exp(-0.5 * ((np.arange(380, 781) - 690) / 8.0) ** 2)

# From the factory state, in which only the speed mode differs from what is wanted
SPEED = [("SPMR", "OK00,2,01,2"), ("SPMS,0,2", "OK00"), ("SPMR", "OK00,0,2")]
SETTINGS = {
    "SPMR": SPEED,
    "SCMR": [("SCMR", "OK00,0")],
    "NDFR": [("NDFR", "OK00,0")],
    "LNSR": [("LNSR", "OK00,0")],
    "OBSR": [("OBSR", "OK00,0")],
    "UCCR": [("UCCR", "OK00,00")],
}
FIRST_LINE = MEASUREMENT[:1]
RESULTS = [("MEDR,0,0,1", CONDITIONS), *blocks(np.linspace(1e-4, 2e-4, 401)), ("MEDR,2,0,00", COLORIMETRY)]


def configuring(**written):
    """Configuring, with other exchanges for some queries."""
    settings = [pair for query, pairs in SETTINGS.items() for pair in written.get(query, pairs)]
    return [REMOTE, ("MSWE,0", "OK00"), *settings, ("STSR", "OK00,0")]


def configure(**settings):
    return lambda meter: meter.configure(SpectroradiometerSettings(**settings))


def writes(name, query, message, after, **settings):
    before = SETTINGS[query][0][1]
    return Transcript(
        f"configure {name}",
        configure(**settings),
        configuring(**{query: [(query, before), (message, "OK00"), (query, f"OK00,{after}")]}),
    )


def in_remote(action):
    return lambda meter: (meter.remote(), action(meter))[1]


def measure(meter):
    meter.remote()
    meter.start()
    meter.wait()


def measured(meter):
    measure(meter)
    return meter.read_spectrum()


def polled(meter):
    meter.trigger()
    while not meter.poll(0.2):
        pass
    return meter.expected_duration, meter.read_spectrum().colorimetry.luminance


def refused_start(code, **bench):
    return Transcript(
        f"{code} in the first line",
        measure,
        [REMOTE, ("MEAS,1", f"{code}\n")],
        raises=REFUSALS[code][0],
        says=code,
        bench=bench,
    )


def refused_end(code, *meanwhile, **bench):
    return Transcript(
        f"{code} in the second line",
        measure,
        [REMOTE, *FIRST_LINE, *meanwhile, (None, f"{code}\n")],
        raises=REFUSALS[code][0],
        says=code,
        bench=bench,
    )


def somebody_measures(host):
    host.write("MEAS,1")
    host.read()


def dark(reading):
    return not reading.spectral_radiance.any() and math.isnan(reading.colorimetry.correlated_colour_temperature)


SETTING_TRANSCRIPTS = [
    Transcript("configure", configure(), configuring()),
    writes("fast", "SPMR", "SPMS,1,2", "1,2", speed_mode="fast"),
    writes("without ND", "SPMR", "SPMS,0,0", "0,0", internal_nd="off"),
    writes("multi", "SPMR", "SPMS,2,16,2", "2,16,2", speed_mode="multi_normal", integration_time=16),
    writes("multi fast", "SPMR", "SPMS,4,2,2", "4,02,2", speed_mode="multi_fast", integration_time=2),
    writes("manual", "SPMR", "SPMS,3,33333,1", "3,000033333,1", speed_mode="manual", integration_time=0.033333,
           internal_nd="on"),
    Transcript(
        "configure internal synchronisation",
        configure(synchronisation="internal", sync_frequency=59.94),
        configuring(SCMR=[("SCMR", "OK00,0"), ("SCMS,1,5994", "OK00"), ("SCMR", "OK00,1,05994")]),
    ),
    writes("external synchronisation", "SCMR", "SCMS,2", "2", synchronisation="external"),
    writes("external ND", "NDFR", "NDFS,2", "2", external_nd="1/100"),
    writes("lens", "LNSR", "LNSS,1", "1", close_up_lens=True),
    writes("observer", "OBSR", "OBSS,1", "1", observer="10deg"),
    Transcript(
        "configure calibration channel",
        configure(calibration_channel=3),
        [
            lambda host: host.twin.memory._factors.update({("user", 3): 1.0}),
            *configuring(UCCR=[("UCCR", "OK00,00"), ("UCCS,3", "OK00"), ("UCCR", "OK00,03")]),
        ],
    ),
    Transcript(
        "angle",
        in_remote(lambda meter: meter.measuring_angle),
        [REMOTE, ("STSR", "OK00,2")],
        lambda angle: angle == 0.1,
        bench={"angle": 2},
    ),
    *(
        Transcript(
            f"ER05 for {setting}",
            configure(**{setting: value}),
            [*configuring()[:place], (query, before), (message, "ER05")],
            raises=refusals.CalibrationMissing,
            says="ER05",
            bench={"compensation_stored": False},
        )
        for setting, value, place, query, before, message in (
            ("external_nd", "1/10", 6, "NDFR", "OK00,0", "NDFS,1"),
            ("close_up_lens", True, 7, "LNSR", "OK00,0", "LNSS,1"),
            ("calibration_channel", 3, 9, "UCCR", "OK00,00", "UCCS,3"),
        )
    ),
    *(
        Transcript(
            f"{code} from a worn memory",
            configure(),
            [*REMOTE_OLD, ("MSWE,0", "OK00"), SPEED[0], ("SPMS,0,2", code)],
            raises=refusals.InstrumentFault,
            says=code,
            bench={**OLD, "flash_error": code},
        )
        for code in ("ER30", "ER32", "ER34")
    ),
    Transcript(
        "ER83 for an angle between two stops",
        in_remote(lambda meter: meter.measuring_angle),
        [REMOTE, lambda host: host.twin.turn_knob(None), ("STSR", "ER83")],
        raises=refusals.AngleNotSet,
        says="ER83",
    ),
]  # fmt: skip

MODE_TRANSCRIPTS = [
    Transcript("connect", lambda meter: None, []),
    Transcript(
        "identity",
        lambda meter: meter.identify(),
        [REMOTE, IDENTITY],
        lambda identity: (identity.model, identity.serial) == ("CS-2000A", "1234567"),
    ),
    Transcript(
        "identity of the smaller model, name without blanks",
        lambda meter: meter.identify().model,
        [REMOTE, ("IDDR", "OK00,CS-2000,1,1234567")],
        lambda model: model == "CS-2000",
        bench={"variant": 1, "padded_name": False},
    ),
    Transcript("remote mode of old firmware", lambda meter: meter.remote(), REMOTE_OLD, bench=OLD),
    Transcript("local", in_remote(lambda meter: meter.local()), [REMOTE, ("RMTS,0", "OK00")]),
    Transcript(
        "remote mode lost",
        in_remote(lambda meter: meter.measuring_angle),
        [REMOTE, lambda host: host.twin.press_escape(), ("STSR", "ER00"), REMOTE, ("STSR", "OK00,0")],
        lambda angle: angle == 1.0,
    ),
    Transcript(
        "remote mode lost before a measurement",
        measure,
        [REMOTE, lambda host: host.twin.press_escape(), ("MEAS,1", "ER00\n"), REMOTE, *MEASUREMENT],
    ),
    Transcript(
        "ER00 to everything while another program measures",
        in_remote(lambda meter: meter.measuring_angle),
        [REMOTE, somebody_measures, ("STSR", "ER00"), ("RMTS,2", "ER00"), ("RMTS,1", "ER00")],
        raises=refusals.RemoteLost,
        says="ER00",
    ),
]

MEASURING_TRANSCRIPTS = [
    Transcript(
        "measurement",
        measured,
        [REMOTE, *MEASUREMENT, *RESULTS],
        lambda reading: reading.colorimetry.luminance == 133.99 and reading.conditions.internal_nd,
    ),
    Transcript(
        "measurement read out by polling",
        in_remote(polled),
        [REMOTE, *MEASUREMENT, *RESULTS],
        lambda seen: seen == (14.0, 133.99),
    ),
    Transcript(
        "measurement without data, measured again",
        in_remote(lambda meter: spectrum_of(meter).colorimetry.luminance),
        [
            REMOTE,
            *MEASUREMENT,
            lambda host: setattr(host.twin, "_reading", None),
            *[("MEDR,0,0,1", "ER20"), (None, NOTHING)] * 3,
            ("MEDR,0,0,1", "ER20"),
            ("MEAS,0", "ER17\n"),
            (None, NOTHING),
            IDENTITY,
            *MEASUREMENT,
            *RESULTS,
        ],
        lambda luminance: luminance == 133.99,
    ),
    Transcript(
        "measurement, read out while somebody measures",
        in_remote(lambda meter: spectrum_of(meter).colorimetry.luminance),
        [
            REMOTE,
            *MEASUREMENT,
            *RESULTS[:3],
            lambda host: setattr(host.twin, "_state", "measuring"),
            ("MEDR,1,1,3", "ER02"),
            (None, NOTHING),
            lambda host: setattr(host.twin, "_state", "idle"),
            *RESULTS[3:],
        ],
        lambda luminance: luminance == 133.99,
    ),
    Transcript(
        "measurement by a meter that was switched off and on",
        in_remote(lambda meter: spectrum_of(meter).colorimetry.luminance),
        [
            REMOTE,
            *FIRST_LINE,
            lambda host: host.twin.power_cycle(),
            (None, NOTHING),
            ("MEAS,0", "ER00"),
            (None, NOTHING),
            ("IDDR", "ER00"),
            REMOTE,
            IDENTITY,
        ],
        raises=errors.InstrumentTimeout,
        says="MEAS,1",
    ),
    Transcript(
        "darkness",
        measured,
        [
            REMOTE,
            ("MEAS,1", "OK00,242\n"),
            (None, "OK00\n"),
            ("MEDR,0,0,1", "OK00,0,0,120000000,0,0,0,0,00"),
            *blocks(np.zeros(401)),
            ("MEDR,2,0,00", "OK00,0.0000e-9,0.0000,0.0000e-9,0.0000e-9,0.0000e-9,-9.999,-9.999,-9.999,-9.999,-9999,"
             "-9.9999,-9.9e9,-9.9e9,0.0000e-9,0.0000e-9,0.0000e-9,-9.999,-9.999,-9.999,-9.999,-9999,-9.9999,-9.9e9,"
             "-9.9e9"),
        ],
        dark,
        bench={"level": 0.0},
    ),
    Transcript(
        "colour without a temperature",
        measured,
        [
            REMOTE,
            *MEASUREMENT,
            ("MEDR,0,0,1", CONDITIONS),
            *blocks(RED),
            ("MEDR,2,0,00", "OK00,1.0000e-1,10.000,1.0000e+1,1.0000e+1,1.0000e-9,0.7300,0.2700,0.6100,0.5000,-9999,"
             "-9.9999,690.00,100.00,1.0000e+1,1.0000e+1,1.0000e-9,0.7300,0.2700,0.6100,0.5000,-9999,-9.9999,690.00,"
             "100.00"),
        ],
        lambda reading: math.isnan(reading.colorimetry.duv) and reading.colorimetry.dominant_wavelength == 690,
        bench={"spectrum": RED},
    ),
    Transcript(
        "ER20 without a measurement",
        in_remote(lambda meter: meter.read_spectrum()),
        [REMOTE, ("MEDR,0,0,1", "ER20")],
        raises=refusals.NoSpectrum,
        says="ER20",
    ),
    Transcript(
        "ER20 after a cancellation",
        in_remote(lambda meter: (meter.start(), meter.cancel(), meter.colorimetry())),
        [REMOTE, *FIRST_LINE, ("MEAS,0", "OK00\n"), (None, NOTHING), IDENTITY, ("MEDR,2,0,00", "ER20")],
        raises=refusals.NoSpectrum,
        says="ER20",
    ),
    Transcript(
        "ER02 while another program measures",
        in_remote(lambda meter: meter.conditions()),
        [REMOTE, somebody_measures, ("MEDR,0,0,1", "ER02")],
        raises=refusals.MeasurementBusy,
        says="ER02",
    ),
    Transcript(
        "ER17 while another program measures",
        in_remote(lambda meter: meter.start()),
        [REMOTE, somebody_measures, ("MEAS,1", "ER17\n")],
        raises=refusals.ParameterRefused,
        says="ER17",
    ),
    Transcript(
        "cancellation",
        in_remote(lambda meter: (meter.start(), meter.cancel())[1]),
        [REMOTE, *FIRST_LINE, ("MEAS,0", "OK00\n"), (None, NOTHING), IDENTITY],
    ),
    Transcript(
        "cancellation of nothing",
        in_remote(lambda meter: meter.cancel()),
        [REMOTE, ("MEAS,0", "ER17\n"), (None, NOTHING), IDENTITY],
    ),
    Transcript(
        "cancellation too late",
        in_remote(lambda meter: (meter.start(), meter.cancel())[1]),
        [
            REMOTE,
            *FIRST_LINE,
            lambda host: host.clock.advance(300),
            ("MEAS,0", "OK00\n"),
            (None, "ER17\n"),
            (None, NOTHING),
            IDENTITY,
        ],
    ),
    Transcript(
        "second line lost",
        measure,
        [REMOTE, *FIRST_LINE, lambda host: host.clock.advance(300), (None, NOTHING),
         ("MEAS,0", "ER17\n"), (None, NOTHING), IDENTITY],
        raises=errors.InstrumentTimeout,
        says="no answer",
        bench={"lose_second_line": True},
    ),
    Transcript(
        "shutdown during a measurement",
        in_remote(lambda meter: (meter.start(), meter.shutdown())[1]),
        [REMOTE, *FIRST_LINE, ("MEAS,0", "OK00\n"), (None, NOTHING), IDENTITY, ("RMTS,0", "OK00")],
    ),
    *(refused_start(code, fault=code) for code in ("ER51", "ER52", "ER81", "ER82", "ER84", "ER99")),
    refused_start("ER10", level=6000.0, over_range_line=1),
    refused_end("ER10", level=6000.0, over_range_line=2),
    Transcript(
        "ER71 in the first line",
        lambda meter: (meter.configure(SpectroradiometerSettings(synchronisation="external")), meter.start()),
        [
            *configuring(SCMR=[("SCMR", "OK00,0"), ("SCMS,2", "OK00"), ("SCMR", "OK00,2")]),
            ("MEAS,1", "ER71\n"),
        ],
        raises=refusals.SynchronisationLost,
        says="ER71",
        bench={"external_sync_present": False},
    ),
    Transcript(
        "ER83 in the first line",
        measure,
        [REMOTE, lambda host: host.twin.turn_knob(None), ("MEAS,1", "ER83\n")],
        raises=refusals.AngleNotSet,
        says="ER83",
    ),
    refused_end("ER83", lambda host: host.twin.turn_knob(1)),
    refused_end("ER20", lambda host: host.twin.press_escape()),
]  # fmt: skip
TRANSCRIPTS = [*MODE_TRANSCRIPTS, *SETTING_TRANSCRIPTS, *MEASURING_TRANSCRIPTS]


def host(level=100.0, spectrum=WHITE, fault=None, **options):
    """A meter that looks at ``level`` cd/m^2 of white light."""
    clock = VirtualClock()
    fixture = TestFixture(
        clock, Glow(spectrum, level), photodiode_from_parameters(_SHARED["shared"]), NoiseSettings.none(), 1
    )
    twin = CS2000ATwin(fixture, CS2000AOptions(**options))
    twin.fault = fault
    return Host(twin, clock)


NO_VALUE = re.compile(r"-9\.?9*(e\d+)?")


def alike(asked, wanted, came):
    """The same code and number of fields; what was measured in the same width, all else equal."""
    if not asked.startswith(("MEAS,1", "MEDR")):
        return wanted == came
    fields, found = wanted.split(","), came.split(",")
    if fields[0] != found[0] or len(fields) != len(found):
        return False
    if asked.startswith("MEDR,1,1"):
        dark = set(fields[1:]) == {"00000000"}
        return wanted == came if dark else all(re.fullmatch("[0-9A-F]{8}", field) for field in found[1:])
    return all(map(_same_number, fields[1:], found[1:]))


def _same_number(wanted, came):
    if NO_VALUE.fullmatch(wanted) or NO_VALUE.fullmatch(came):
        return wanted == came
    return len(wanted) == len(came) and math.isfinite(float(came)) and wanted.count("e") == came.count("e")
