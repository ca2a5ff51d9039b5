"""No driver can send a command that no transcript contains: by what its public names send, and by its code."""

import ast
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

import drivers
from drivers.cs2000a.driver import SpectroradiometerSettings
from drivers.errors import RefusedByDriver
from drivers.keithley2000.driver import DmmSettings
from tests.support.public_names import DMM, DRIVERS, METER, PROBE, SMU, SMU_SETTINGS, bench_with, carried_out
from tests.transcripts import cs2000a, hmp110, keithley2000, keithley2400

TRANSCRIPTS = {
    SMU: [*keithley2400.TRANSCRIPTS, *keithley2400.REFUSED],
    DMM: [*keithley2000.TRANSCRIPTS, *keithley2000.REFUSED],
    METER: cs2000a.TRANSCRIPTS,
    PROBE: hmp110.TRANSCRIPTS,
}
KEITHLEYS = ("keithley.py", "scpi.py")
SOURCES = {
    SMU: ("keithley2400/driver.py", "keithley2400/sweeps.py", "keithley2400/messages.py", *KEITHLEYS),
    DMM: ("keithley2000/driver.py", *KEITHLEYS),
    METER: ("cs2000a/driver.py", "cs2000a/exchange.py", "cs2000a/messages.py"),
    PROBE: ("hmp110/driver.py", "hmp110/questions.py"),
}
# What a piece of text in the code looks like that is the beginning of a command; \0 stands for what is put in later
COMMANDS = {
    SMU: r"\0?(:[A-Z]{3}|\*[A-Z]{3})",
    DMM: r"\0?(:[A-Z]{3}|\*[A-Z]{3})",
    METER: r"[A-Z]{4}(,|$)(?![A-Z])",
    PROBE: r"(SEND|S|\?)$",
}
ALL_SETTINGS = {
    SMU: [
        SMU_SETTINGS,
        replace(SMU_SETTINGS, measure_range=None, measure_range_lower_limit=1e-6, over_voltage_protection=20),
        replace(SMU_SETTINGS, source="current", max_level=0.01, compliance=10, measure_range=10),
        replace(SMU_SETTINGS, source="current", max_level=0.01, compliance=10, measure_range=None,
                measure_range_lower_limit=2),
    ],
    DMM: [DmmSettings("voltage", 10), DmmSettings("voltage"), DmmSettings("current", 0.01), DmmSettings("current")],
    METER: [
        SpectroradiometerSettings(),
        SpectroradiometerSettings(speed_mode="manual", internal_nd="on"),
        SpectroradiometerSettings(synchronisation="internal"),
        SpectroradiometerSettings(external_nd="1/10", close_up_lens=True, observer="10deg"),
    ],
    PROBE: [],
}  # fmt: skip


def units(message):
    """The commands in a message, one by one, with a leading colon or star."""
    text = message if isinstance(message, str) else message.decode("ascii", "replace")
    return [part.strip() for part in re.split(r"[;\r\n]", text) if part.strip(" \x03")]


def header(unit):
    """A command without its parameters; a query keeps its question mark."""
    return re.split(r"[ ,]", unit.lstrip("\x03"))[0].upper()


def in_transcripts(resource):
    pairs = [pair for one in TRANSCRIPTS[resource] for pair in one.exchanges if isinstance(pair, tuple)]
    return {unit for sent, _ in pairs if sent is not None for unit in units(sent)}


def sent_by(resource, name):
    """Every command from the opening of the instrument to the end of the use of a public name."""
    opened, methods = DRIVERS[resource]
    line, library = bench_with(resource)
    instrument = opened(resource, library)
    prepare, action = methods[name]
    prepare(instrument)
    with suppress(RefusedByDriver):
        carried_out(instrument, name.split(" ")[0], action)
    return units(bytes(line.sent))


@pytest.mark.parametrize(("resource", "name"), [(resource, name) for resource in TRANSCRIPTS
                                                for name in DRIVERS[resource][1]])  # fmt: skip
def test_what_a_public_name_sends_is_in_a_transcript(resource, name):
    known = {header(unit) for unit in in_transcripts(resource)}
    assert {header(unit) for unit in sent_by(resource, name)} <= known


@pytest.mark.parametrize(("resource", "wanted"), [(resource, wanted) for resource in TRANSCRIPTS
                                                  for wanted in ALL_SETTINGS[resource]])  # fmt: skip
def test_what_settings_send_is_in_a_transcript(resource, wanted):
    known = {header(unit) for unit in in_transcripts(resource)}
    line, library = bench_with(resource)
    DRIVERS[resource][0](resource, library).configure(wanted)
    assert {header(unit) for unit in units(bytes(line.sent))} <= known


def written_in(source, command):
    """Pieces of text in a module that begin a command, placeholders as \\0."""
    tree = ast.parse((Path(drivers.__file__).parent / source).read_text(encoding="utf-8"))
    joined = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    inside = {id(part) for node in joined for part in node.values}
    plain = [node.value for node in ast.walk(tree)
             if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside]  # fmt: skip
    texts = plain + ["".join(getattr(part, "value", "\0") if isinstance(part, ast.Constant) else "\0"
                             for part in node.values) for node in joined]  # fmt: skip
    return sorted({text.strip("%.7g ") for text in texts if re.match(command, text)})


def written(resource):
    return [text for source in SOURCES[resource] for text in written_in(source, COMMANDS[resource])]


@pytest.mark.parametrize(("resource", "text"), [(resource, text) for resource in TRANSCRIPTS
                                                for text in written(resource)])  # fmt: skip
def test_every_command_in_the_code_is_in_a_transcript(resource, text):
    pattern = re.compile(re.escape(text).replace("\0", r"[^;]*") + r"(?![A-Z:])", re.DOTALL)
    assert any(pattern.search(unit) for unit in in_transcripts(resource)), text


@pytest.mark.parametrize(("resource", "number"), [(SMU, 50), (DMM, 40), (METER, 20), (PROBE, 3)])
def test_the_code_was_read(resource, number):
    assert len(set(written(resource))) >= number
