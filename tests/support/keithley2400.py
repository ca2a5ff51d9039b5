"""What the driver of the 2400 and the instrument say to each other in the usual states."""

from drivers.keithley2400.driver import SmuSettings

CONNECT = (":FORMAT:ELEMENTS VOLTAGE, CURRENT, RESISTANCE, TIME, STATUS", None)
NO_ERROR = (":SYST:ERR?", '0,"No error"')
KEPT = ("*ESR?", "0")  # not switched off and on meanwhile
OFF = [(":SOUR:VOLT 0;:OUTP OFF", None), (":OUTP?", "0")]
ZERO = ":SOUR:VOLT 0;:SOUR:CURR 0;:SOUR:VOLT:MODE FIX;:SOUR:CURR:MODE FIX;:OUTP OFF"
FRESH_OFF = [(ZERO, None), (":OUTP?", "0")]
ON = [(":SOUR:VOLT 0", None), (":SOUR:VOLT?", "0.000000E+00"), (":OUTP ON", None), (":OUTP?", "1"), KEPT]
READING = "+3.000012E+00,+9.412300E-08,+9.910000E+37,+7.282600E+01,+2.253200E+04"
SETTINGS = SmuSettings(
    source="voltage", max_level=8.0, compliance=0.025, measure_range=0.025, nplc=1, four_wire=True, settling_time=0.05
)
# command, what is sent, what the instrument says to the query
TABLE = [
    (":SYST:LFR", "50", "50"),
    (":SYST:AZER:STAT", "ON", "1"),
    (":SYST:RSEN", "ON", "1"),
    (":ROUT:TERM", "FRON", "FRON"),
    (":OUTP:SMOD", "NORM", "NORM"),
    (":OUTP:ENAB", "OFF", "0"),
    (":SOUR:FUNC", "VOLT", "VOLT"),
    (":SOUR:VOLT:MODE", "FIX", "FIX"),
    (":SOUR:VOLT:RANG", "20", "2.100000E+01"),
    (":SOUR:DEL", "0", "0.000000E+00"),
    (":SOUR:CLE:AUTO", "OFF", "0"),
    (":SENS:FUNC:CONC", "ON", "1"),
    (":SENS:FUNC", '"VOLT","CURR"', '"VOLT:DC","CURR:DC"'),
    (":SENS:CURR:PROT", "0.025", "2.500000E-02"),
    (":SENS:CURR:RANG", "0.1", "1.050000E-01"),
    (":SENS:CURR:NPLC", "1", "1.00"),
    (":SENS:AVER:TCON", "REP", "REP"),
    (":SENS:AVER:COUN", "1", "1"),
    (":SENS:AVER:STAT", "OFF", "0"),
    (":ARM:COUN", "1", "1"),
    (":TRIG:COUN", "1", "1"),
    (":TRIG:SOUR", "IMM", "IMM"),
    (":TRIG:DEL", "0.05", "5.000000E-02"),
    (":FORM:ELEM", "VOLT,CURR,RES,TIME,STAT", "VOLT,CURR,RES,TIME,STAT"),
]


def configuring(table=TABLE, off=FRESH_OFF):
    sent = [(f"{command} {value}", None) for command, value, _ in table]
    read_back = [(f"{command}?", reply) for command, _, reply in table]
    prelude = [("*CLS", None), ("*RST", None), (":SENS:FUNC:OFF:ALL", None)]
    return [*off, *prelude, *sent, NO_ERROR, *read_back]


def energised(smu, settings=SETTINGS):
    smu.configure(settings)
    smu.output_on()
    return smu


RAMP = ":SOUR:VOLT 4;:SOUR:VOLT 3;:SOUR:VOLT 2;:SOUR:VOLT 1;:SOUR:VOLT 0;:OUTP OFF"
SWEEP = [
    (":STAT:MEAS?", "0"),
    (":SOUR:VOLT:MODE LIST", None),
    (":SOUR:LIST:VOLT 0,2,4", None),
    (":SOUR:DEL 0.02", None),
    (":SOUR:SWE:CAB NEV", None),
    (":TRIG:COUN 3", None),
    (":TRIG:DEL 0", None),
    (":TRIG:SOUR TLIN", None),
    (":TRIG:DIR SOUR", None),
    (":TRIG:INP SOUR", None),
    (":TRIG:ILIN 1", None),
    (":TRIG:OLIN 2", None),
    (":TRIG:OUTP DEL", None),
    (":TRAC:FEED:CONT NEV", None),
    (":TRAC:CLE", None),
    (":TRAC:POIN 3", None),
    (":TRAC:FEED SENS", None),
    (":TRAC:TST:FORM ABS", None),
    (":TRAC:FEED:CONT NEXT", None),
    (":STAT:PRES", None),
    (":STAT:MEAS:ENAB 512", None),
    ("*SRE 1", None),
    NO_ERROR,
    KEPT,
    (":SOUR:VOLT:MODE?", "LIST"),
    (":SOUR:DEL?", "2.000000E-02"),
    (":SOUR:SWE:CAB?", "NEV"),
    (":TRIG:COUN?", "3"),
    (":TRIG:DEL?", "0.000000E+00"),
    (":TRIG:SOUR?", "TLIN"),
    (":TRIG:DIR?", "SOUR"),
    (":TRIG:INP?", "SOUR"),
    (":TRIG:ILIN?", "1"),
    (":TRIG:OLIN?", "2"),
    (":TRIG:OUTP?", "DEL"),
    (":TRAC:POIN?", "3"),
    (":TRAC:FEED?", "SENS1"),
    (":TRAC:TST:FORM?", "ABS"),
    (":TRAC:FEED:CONT?", "NEXT"),
    (":STAT:MEAS:ENAB?", "512"),
    ("*SRE?", "1"),
    (":SOUR:LIST:VOLT?", "+0.000000E+00,+2.000000E+00,+4.000000E+00"),
]
START = (":TRIG:CLE;:INIT", None)


def free(pair):
    """What becomes of an exchange of SWEEP where the source waits for nobody; None: it is left out."""
    changed = {
        ":TRIG:SOUR TLIN": (":TRIG:SOUR IMM", None),
        ":TRIG:SOUR?": (":TRIG:SOUR?", "IMM"),
        ":TRIG:OUTP DEL": (":TRIG:OUTP NONE", None),
        ":TRIG:OUTP?": (":TRIG:OUTP?", "NONE"),
    }
    if pair[0] in changed:
        return changed[pair[0]]
    return None if pair[0].startswith((":TRIG:DIR", ":TRIG:INP", ":TRIG:ILIN", ":TRIG:OLIN")) else pair


FREE_SWEEP = [pair for pair in map(free, SWEEP) if pair is not None]
AFTER_SWEEP = [
    (":SOUR:VOLT 4", None),  # the last level stays, instead of the fixed level from before the sweep
    (":TRAC:FEED:CONT NEV", None),
    (":TRIG:CLE", None),
    (":TRIG:SOUR IMM", None),
    (":TRIG:DIR ACC", None),
    (":TRIG:OUTP NONE", None),
    (":TRIG:COUN 1", None),
    (":TRIG:DEL 0.05", None),
    (":SOUR:DEL 0", None),
    (":SOUR:VOLT:MODE FIX", None),
]
