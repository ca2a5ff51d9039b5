"""The parts of the page that are made from the program's own tables: ``python -m acquire.service.page_assets``.

Quantities, flags and the spectral locus as modules for the browser. A test fails when one is behind the program;
``make docs`` writes them anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from acquire.photometry.colour import spectral_locus
from acquire.photometry.customary_units import QUANTITIES
from acquire.records import FLAG_MEANINGS, RUN_STATUS_MEANINGS

FOLDER = Path(__file__).parent / "page" / "generated"
_MADE = "// Made by `python -m acquire.service.page_assets`: change what it is made from, not this.\n"
_LOCUS_FIRST = 380  # nm, in steps of 1 nm


def assets() -> Mapping[str, str]:
    """The text of each file, by its name in the folder."""
    quantities = {name: one._asdict() for name, one in QUANTITIES.items()}
    locus = [[_LOCUS_FIRST + step, round(x, 6), round(y, 6)] for step, (x, y) in enumerate(spectral_locus().tolist())]
    flags = {str(int(flag)): meaning for flag, meaning in FLAG_MEANINGS.items()}
    statuses = {str(status): meaning for status, meaning in RUN_STATUS_MEANINGS.items()}
    return {
        "quantities.js": _MADE + _constant("QUANTITIES", quantities),
        "meanings.js": _MADE + _constant("FLAGS", flags) + _constant("STATUSES", statuses),
        "locus.js": _MADE + "// From the CIE 1931 table, doi 10.25039/CIE.DS.xvudnb9b, CC BY-SA 4.0: see NOTICE.\n"
        "// Each: wavelength (nm), x, y.\n" + _constant("LOCUS", locus),
    }


def _constant(name: str, value: Any) -> str:
    if isinstance(value, dict):
        lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(one)}" for key, one in value.items())
        return f"export const {name} = {{\n{lines},\n}};\n"
    lines = ",\n".join(f"  {json.dumps(one)}" for one in value)
    return f"export const {name} = [\n{lines},\n];\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file, text in assets().items():
        (FOLDER / file).write_text(text, encoding="utf-8", newline="\n")
