"""Tables as instruments write them; what can be read in two ways is refused."""

import numpy as np
import pytest

from acquire.spectroscopy.measured_table import TableError, decoded, factor_to, parsed_text
from acquire.spectroscopy.roles import absorbance_spectrum, impedance_spectrum, measured_decay

FREQUENCIES = np.geomspace(1e6, 10.0, 12)
Z = 25.0 + 1000.0 / (1 + 2j * np.pi * FREQUENCIES * 1000.0 * 3.5e-9)


def text(head, rows, separator=",", comma=False):
    lines = [separator.join(f"{value:.8e}" for value in row) for row in rows]
    return head + "".join(f"{line.replace('.', ',') if comma else line}\n" for line in lines)


FORMS = {
    "plain": text("Frequency (Hz),Z' (ohm),Z'' (ohm)\n", zip(FREQUENCIES, Z.real, Z.imag, strict=True)),
    "ec_lab": text("freq/Hz\tRe(Z)/Ohm\t-Im(Z)/Ohm\n", zip(FREQUENCIES, Z.real, -Z.imag, strict=True), "\t", True),
    "semicolons": text(
        "f [kHz];Z' [kΩ];-Z'' [kΩ]\n", zip(FREQUENCIES / 1e3, Z.real / 1e3, -Z.imag / 1e3, strict=True), ";", True
    ),
    "blanks": text(
        "# from 1 MHz down\n# freq  zreal  zimag\n# Hz  ohm  ohm\n", zip(FREQUENCIES, Z.real, Z.imag, strict=True), " "
    ),
    "bode": text(
        "Frequency,|Z|,Phase\nHz,ohm,deg\n", zip(FREQUENCIES, np.abs(Z), np.degrees(np.angle(Z)), strict=True)
    ),
    "more_columns": text(
        "Pt,Frequency (Hz),Z' (ohm),Z'' (ohm),Temp (degC)\n",
        zip(np.arange(12), FREQUENCIES, Z.real, Z.imag, np.full(12, 21.0), strict=True),
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_one_spectrum_in_many_forms(form, encoding):
    found = impedance_spectrum(parsed_text(decoded(FORMS[form].encode(encoding))), {}, {})
    np.testing.assert_allclose(found.frequency, FREQUENCIES[::-1], rtol=1e-6)
    np.testing.assert_allclose(found.impedance, Z[::-1], rtol=1e-6)


def test_columns_by_number_and_units_by_option():
    table = parsed_text(text("", zip(FREQUENCIES / 1e3, Z.real, -Z.imag, strict=True)))
    asked = {"frequency": "1", "real": "2", "minus_imaginary": "3"}
    units = {"frequency": "kHz", "real": "ohm", "minus_imaginary": "ohm"}
    np.testing.assert_allclose(impedance_spectrum(table, asked, units).impedance, Z[::-1], rtol=1e-6)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("nothing here\nat all\n", "no three rows of numbers"),
        ("f,Z',Z''\n1,2,-3\n2,3,-4\n3,4,-5\n", "has no unit"),
        ("f (Hz),Z' (ohm),Z'' (ohm)\n1,2,-3\n2,3,-4\n3,4,-5\n", "3 frequencies"),
        ("f (V),Z' (ohm),Z'' (ohm)\n1,2,-3\n2,3,-4\n3,4,-5\n", "Hz is wanted"),
        ("time (s),Z' (ohm),Z'' (ohm)\n1,2,-3\n2,3,-4\n3,4,-5\n", "no column of the frequency"),
        ("f (Hz),freq (Hz),Z' (ohm)\n1,2,-3\n2,3,-4\n3,4,-5\n", "2 columns that may be the frequency"),
        ("f (Hz),R (ohm),X (ohm)\n1,2,-3\n2,3,-4\n3,4,-5\n", "no impedance"),
        (FORMS["plain"].replace("Z''", "-Z''"), "minus_imaginary"),
        (FORMS["plain"] + "0,1,-1\n", "0 or below"),
        ("1,5,2,5,3,5\n2,5,2,5,3,5\n3,5,2,5,3,5\n4,5,2,5,3,5\n", "decimal commas"),
    ],
)
def test_what_is_wrong_is_said(given, told):
    with pytest.raises(TableError, match=told.replace("(", r"\(")):
        impedance_spectrum(parsed_text(given), {}, {})


def test_no_text_is_said():
    for raw in (b"PK\x03\x04", b"\x00\x01\x02" * 40):
        with pytest.raises(TableError, match=r"no text|workbook"):
            parsed_text(decoded(raw))


def test_a_decay_is_refused_where_it_is_none():
    rows = "".join(f"{0.1 * i:.1f};{max(100 - i, 0)}\n" for i in range(40))
    assert measured_decay(parsed_text(f"Time [ns];Counts\n{rows}"), {}, {}).time[1] == pytest.approx(1e-10)
    with pytest.raises(TableError, match="below 0"):
        measured_decay(parsed_text(f"Time [ns];Counts\n{rows}4,0;-3\n".replace(".", ",")), {}, {})
    with pytest.raises(TableError, match="differ in width"):
        measured_decay(parsed_text(f"Time [ns];Counts\n{rows}99;1\n"), {}, {})
    with pytest.raises(TableError, match="no unit"):
        measured_decay(parsed_text(f"Time;Counts\n{rows}"), {}, {})


def test_transmittance_is_turned_into_absorbance():
    rows = "".join(f"{400 + i},{10.0}\n" for i in range(40))
    found = absorbance_spectrum(parsed_text(f"Wavelength (nm),T (%)\n{rows}"), {}, {})
    np.testing.assert_allclose(found.absorbance, 1.0)


def test_units_as_instruments_write_them():
    assert factor_to("kOhm", "ohm") == 1e3
    assert factor_to("\u2126", "ohm") == 1.0
    assert factor_to("ns", "s") == 1e-9
    assert factor_to("V", "ohm") is None
    assert factor_to("nonsense", "ohm") is None
