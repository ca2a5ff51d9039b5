"""Values and uncertainties as a table gives them: no digit beyond what is known."""

from __future__ import annotations

from math import floor, isfinite, log10

from acquire.photometry.customary_units import QUANTITIES, customary

#: Digits of a standard uncertainty; GUM (JCGM 100:2008) 7.2.6: at most two.
SIGNIFICANT = 2
MOST_DECIMALS = 9
#: What lies beyond, mobilities and trap densities, is written with an exponent.
FIXED_FROM, FIXED_BELOW = 1e-6, 1e9


def rounded(value: float, uncertainty: float, decimals: int) -> tuple[str, str]:
    """A value and its uncertainty, rounded alike to the uncertainty's second digit.

    Without an uncertainty the value is :func:`customary_text`, and the second text is empty; both are empty without a
    value.
    """
    if not isfinite(value):
        return "", ""
    if not (isfinite(uncertainty) and uncertainty > 0.0):
        return customary_text(value, decimals), ""
    if with_exponent(value):
        exponent = floor(log10(abs(value)))
        places = max(_places(uncertainty / 10.0**exponent), 0)
        return f"{value:.{places}e}", f"{uncertainty:.{SIGNIFICANT - 1}e}"
    places = _places(uncertainty)
    return fixed(value, places), fixed(uncertainty, places)


def _places(uncertainty: float) -> int:
    """Decimals that leave an uncertainty two digits; negative for tens, hundreds, ..."""
    places = SIGNIFICANT - 1 - floor(log10(uncertainty))
    carried = round(uncertainty, places) >= 10.0 ** (SIGNIFICANT - places)  # 0.0996 is 0.10
    return min(places - carried, MOST_DECIMALS)


def with_exponent(value: float) -> bool:
    """Whether a value is too small or too large to be written without an exponent."""
    return value != 0.0 and not FIXED_FROM <= abs(value) < FIXED_BELOW


def customary_text(value: float, decimals: int) -> str:
    """A value with the customary number of decimals; below one with three digits, so that a small one is not "0.00"."""
    if with_exponent(value):
        return f"{value:.3e}"
    small = 0.0 < abs(value) < 1.0
    return fixed(value, max(decimals, min(2 - floor(log10(abs(value))), MOST_DECIMALS)) if small else decimals)


def fixed(value: float, places: int) -> str:
    """A value with so many decimals; of tens, hundreds, ... for a negative number of them. Never ``-0``."""
    text = f"{round(value, places):.{max(places, 0)}f}"
    return text.removeprefix("-") if float(text) == 0.0 else text


def place_text(voltage: float, current_density: float) -> str:
    """Where in a sweep something lies: 4.21 V, 12.6 mA/cm^2; of both [V, A/m^2] what is known."""
    parts = [f"{voltage:.2f} V"] if isfinite(voltage) else []
    if density := significant(customary(current_density, "current_density")):
        parts.append(f"{density} {QUANTITIES['current_density'].unit}")
    return ", ".join(parts)


def significant(value: float, digits: int = 3) -> str:
    """A value with so many digits and no exponent: 12100, 24.1, 0.0647."""
    if value == 0.0 or not isfinite(value):
        return "0" if value == 0.0 else ""
    return fixed(value, min(digits - 1 - floor(log10(abs(value))), MOST_DECIMALS))
