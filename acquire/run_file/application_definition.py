"""The NeXus application definition of run files as NXDL, the language of such definitions, from their own layout.

It extends NXsensor_scan, so that what that requires is required here as well. NeXus allows more in a file than its
definition names; what is named here is what this program writes into every file, or where it says so, into some.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from acquire.run_file.layout import (
    BEFORE_VERSIONS,
    DEFINITION,
    DEFINITION_VERSION,
    MEMBERS,
    TABLES,
    WAVELENGTHS,
    Column,
    Table,
)

#: Of NeXus, by the unit of a column; what is not here may be anything with a unit.
_UNITS = {"V": "NX_VOLTAGE", "A": "NX_CURRENT", "s": "NX_TIME", "nm": "NX_WAVELENGTH", "K": "NX_TEMPERATURE"}
_EITHER = ("source_level", "photodiode_signal")  # V, or A
_TYPES = {"f": "NX_FLOAT", "i": "NX_INT", "u": "NX_UINT", "S": "NX_CHAR"}
_ROWS = {"jvl": "n_points", "spectra": "n_spectra", "lifetime": "n_readings"}
_HEAD = f"""\
<?xml version="1.0" encoding="UTF-8"?>
<!-- made of the layout of run files: make docs -->
<definition xmlns="http://definition.nexusformat.org/nxdl/3.1"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:schemaLocation="http://definition.nexusformat.org/nxdl/3.1 ../nxdl.xsd"
    category="application" type="group" name="{DEFINITION}" extends="NXsensor_scan">
  <symbols>
    <doc>Lengths of the tables.</doc>
    <symbol name="n_points"><doc>Points of the sweep.</doc></symbol>
    <symbol name="n_spectra"><doc>Spectra that were taken.</doc></symbol>
    <symbol name="n_readings"><doc>Readings of a device that ages.</doc></symbol>
  </symbols>
  <doc>
    Current density, voltage, luminance and electroluminescence spectra of a light-emitting device: a source-measure
    unit drives it, a photodiode and a spectroradiometer look at it. Version {DEFINITION_VERSION}.
    All units are SI. A missing value is NaN, with a flag that says why. Times carry their offset from UTC.
    Columns whose names end in _uncertainty are standard uncertainties (k = 1).
  </doc>
  <group type="NXentry">
"""
_TEXTS = ("title", "start_time", "run_id", "status", "stop_reason", "end_time")
_DATES = ("start_time", "end_time")
_GROUPS = ("configuration", "calibration")


def application_definition() -> str:
    """The definition as the text of a file, NXjvl.nxdl.xml."""
    return _HEAD + "".join(f"    {line}\n" for line in _entry()) + "  </group>\n</definition>\n"


def _entry() -> Iterator[str]:
    yield '<field name="definition">'
    yield f'  <enumeration><item value="{DEFINITION}"/></enumeration>'
    yield "</field>"
    for name in _TEXTS:
        kind = "NX_DATE_TIME" if name in _DATES else "NX_CHAR"
        yield from _with_doc("field", MEMBERS[name], name=name, type=kind)
    yield '<field name="program_name"><attribute name="version"/></field>'
    yield from _process()
    yield '<group name="user" type="NXuser"><field name="name"/></group>'
    yield '<group name="sample" type="NXsample">'
    yield '  <field name="name"/>'
    yield from _indented(
        _with_doc("field", "that emits", name="emissive_area", type="NX_FLOAT", units="NX_AREA", optional="true")
    )
    yield "</group>"
    yield from _instruments()
    for name in _GROUPS:
        yield from _with_doc("group", MEMBERS[name], name=name, type="NXcollection")
    figures = f"{MEMBERS['figures_of_merit']}; once the run is over"
    yield from _with_doc("group", figures, name="figures_of_merit", type="NXcollection", optional="true")
    for table in TABLES:
        if table.attributes.get("NX_class") == "NXdata":
            yield from _data(table)


def _process() -> Iterator[str]:
    yield '<group name="process" type="NXprocess">'
    yield '  <field name="program">'
    yield '    <attribute name="version"/>'
    yield '    <attribute name="program_url">'
    yield "      <doc>The website of the program; of one without, its package URL (ECMA-427).</doc>"
    yield "    </attribute>"
    yield "  </field>"
    yield "</group>"


def _instruments() -> Iterator[str]:
    """The instruments of a bench, each a group by its role."""
    yield '<group name="instrument" type="NXinstrument">'
    yield '  <group nameType="any" type="NXdetector" minOccurs="0" maxOccurs="unbounded">'
    yield "    <doc>An instrument by its role; none in data of other programs. Settings are attributes.</doc>"
    for name in ("identification", "resource", "model"):
        yield f'    <attribute name="{name}"/>'
    yield "  </group>"
    yield "</group>"


def _data(table: Table) -> Iterator[str]:
    """A table that is plotted: with its signal and its axes."""
    optional = {"optional": "true"} if table.optional else {}
    yield f"<group{_attributes(name=table.name, type='NXdata', **optional)}>"
    yield f"  <doc>{escape(MEMBERS[table.name])}</doc>"
    for name in ("signal", "axes"):
        yield f'  <attribute name="{name}"/>'
    if table.name == "jvl":
        yield '  <attribute name="SILX_style" optional="true">'
        yield "    <doc>How silx and h5web begin, for which NeXus reserves this prefix.</doc>"
        yield "  </attribute>"
    if table.name == "spectra":
        wavelength = Column("wavelength", "<f8", "nm", "in standard air", "")
        yield from _indented(_column(wavelength, str(WAVELENGTHS)))
    for column in table.columns("V"):
        yield from _indented(_column(column, _ROWS[table.name]))
    yield "</group>"


def _column(column: Column, rows: str) -> Iterator[str]:
    unit = "NX_ANY" if column.name in _EITHER or column.is_spectrum else _unit(column.unit)
    described = {"name": column.name, "type": _TYPES[column.dtype.lstrip("<")[0]], "units": unit}
    if column.since != BEFORE_VERSIONS:
        described["optional"] = "true"
    yield f"<field{_attributes(**described)}>"
    yield f"  <doc>{escape(column.meaning)}{f' [{escape(column.unit)}]' if column.unit else ''}</doc>"
    sizes = [rows, str(WAVELENGTHS)] if column.is_spectrum else [rows]
    yield f'  <dimensions rank="{len(sizes)}">'
    for index, size in enumerate(sizes, 1):
        yield f'    <dim index="{index}" value="{size}"/>'
    yield "  </dimensions>"
    yield "</field>"


def _unit(unit: str) -> str:
    return _UNITS.get(unit, "NX_ANY" if unit else "NX_UNITLESS")


def _with_doc(kind: str, meaning: str, **attributes: str) -> Iterator[str]:
    yield f"<{kind}{_attributes(**attributes)}>"
    yield f"  <doc>{escape(meaning)}</doc>"
    yield f"</{kind}>"


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)


def _attributes(**attributes: str) -> str:
    return "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
