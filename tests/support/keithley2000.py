"""What the driver of the 2000 and the meter say to each other in the usual states."""

from drivers.keithley2000.driver import DmmSettings

NO_ERROR = (":SYST:ERR?", '0,"No error"')
PRELUDE = [(command, None) for command in (":INIT:CONT OFF", ":ABOR", "*CLS", "*RST", ":INIT:CONT OFF")]
SETTINGS = DmmSettings(range_=5, settling_time=0.05)
TABLE = [
    (":SYST:AZER:STAT", "ON", "1"),
    (":SENS:FUNC", "'VOLT:DC'", '"VOLT:DC"'),
    (":SENS:VOLT:DC:RANG", "10", "10"),
    (":SENS:VOLT:DC:NPLC", "1", "1.00"),
    (":SENS:VOLT:DC:DIG", "7", "7"),
    (":SENS:VOLT:DC:AVER:TCON", "REP", "REP"),
    (":SENS:VOLT:DC:AVER:COUN", "1", "1"),
    (":SENS:VOLT:DC:AVER:STAT", "OFF", "0"),
    (":UNIT:VOLT:DC", "V", "V"),
    (":SENS:VOLT:DC:REF:STAT", "OFF", "0"),
    (":CALC1:STAT", "OFF", "0"),
    (":TRIG:SOUR", "IMM", "IMM"),
    (":TRIG:COUN", "1", "1"),
    (":SAMP:COUN", "1", "1"),
    (":TRIG:DEL", "0.05", "0.05"),
    (":FORM:ELEM", "READ", "READ"),
]


def configuring(table=TABLE, front="1", line_frequency="50"):
    sent = [(f"{command} {value}", None) for command, value, _ in table]
    read_back = [(f"{command}?", reply) for command, _, reply in table]
    switch = [(":SYST:FRSW?", front), (":INIT:CONT?", "0")]
    return [*PRELUDE, *sent, NO_ERROR, *switch, *read_back, (":SYST:LFR?", line_frequency)]


def ready(dmm):
    dmm.configure(SETTINGS)
    return dmm


def buffering(source):
    messages = (
        ":TRIG:DEL 0",
        f":TRIG:SOUR {source}",
        ":TRIG:COUN 3",
        ":SAMP:COUN 1",
        ":FORM:DATA ASC",
        ":TRAC:FEED:CONT NEV",
        ":TRAC:CLE",
        ":TRAC:POIN 3",
        ":TRAC:FEED SENS1",
        ":TRAC:FEED:CONT NEXT",
        ":STAT:PRES",
        ":STAT:MEAS:ENAB 512",
        "*SRE 1",
    )
    read_back = [
        (":TRIG:DEL?", "0"),
        (":TRIG:SOUR?", source),
        (":TRIG:COUN?", "3"),
        (":SAMP:COUN?", "1"),
        (":FORM:DATA?", "ASC"),
        (":TRAC:POIN?", "3"),
        (":TRAC:FEED?", "SENS1"),
        (":TRAC:FEED:CONT?", "NEXT"),
        (":STAT:MEAS:ENAB?", "512"),
        ("*SRE?", "1"),
    ]
    sent = [(message, None) for message in messages]
    return [(":STAT:MEAS?", "0"), *sent, NO_ERROR, ("*ESR?", "0"), *read_back, (":INIT", None)]


AFTER_BUFFER = [
    (":ABOR", None),
    (":TRAC:FEED:CONT NEV", None),
    (":TRIG:COUN 1", None),
    (":TRIG:SOUR IMM", None),
    (":TRIG:DEL 0.05", None),
]
