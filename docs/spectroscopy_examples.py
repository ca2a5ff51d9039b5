"""The example measurements of ``configs/examples``, made from stated values: ``python -m docs.spectroscopy_examples``.

Nothing in them was measured. The true values stand in the first lines of each file; noise is seeded, so the files are
the same every time. The formulas stand here once more, beside those of the program: a test compares both.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parents[1] / "configs" / "examples"

#: R_p [ohm] as published (Fig. 5d of doi 10.1039/d2nr03793a, 6 V); R_s 25 ohm and C 3.5 nF are assumed.
ARCS = {"SPPO13": 1670.0, "SPPO13_TPPO": 1250.0, "SPPO13_Liq": 210.0}
SERIES, CAPACITANCE = 25.0, 3.5e-9
#: PLQY and tau [ns] as published (Table 1 of the same paper), of a first film, a second after rinsing, and two more.
FILMS = {"film_1": (0.334, 5.64), "film_2": (0.227, 2.55), "film_3": (0.705, 8.76), "film_4": (0.471, 7.16)}


def impedance(
    resistance: float, series: float = SERIES, capacitance: float = CAPACITANCE, exponent: float = 1.0
) -> str:
    """A spectrum of 0.1 % noise, 61 frequencies from 1 MHz to 1 Hz, as an analyser writes it."""
    chance = np.random.default_rng(int(resistance))
    frequency = np.logspace(6, 0, 61)
    z = series + resistance / (1 + (2j * np.pi * frequency * resistance * capacitance) ** exponent)
    z = z * (1 + 1e-3 * (chance.normal(size=61) + 1j * chance.normal(size=61)))
    rows = "".join(f"{f:.6e},{one.real:.6e},{-one.imag:.6e}\n" for f, one in zip(frequency, z, strict=True))
    made = f"# made from R_s {series:g} ohm, R_p {resistance:g} ohm, C {capacitance:g} F, exponent {exponent:g}\n"
    return f"{made}Frequency (Hz),Z' (ohm),-Z'' (ohm)\n{rows}"


def decay(lifetime: float, seed: int) -> str:
    """A decay of 20 000 counts at its peak in 1000 channels of 0.1 ns, with the response: a Gaussian of 0.3 ns FWHM.

    Each event begins anywhere within its channel, and is counted in the channel in which its photon comes: so it is
    drawn, photon by photon, that no formula of the program is used.
    """
    chance = np.random.default_rng(seed)
    width, channels = 0.1, 1000
    edges = np.arange(channels + 1) * width
    photons = int(20_000 * lifetime / width)
    begun = chance.normal(5.0, 0.3 / 2.3548, photons)
    arrived = begun + chance.exponential(lifetime, photons)
    counts = np.histogram(arrived, edges)[0] + chance.poisson(3.0, channels)
    response = np.histogram(chance.normal(5.0, 0.3 / 2.3548, 400_000), edges)[0]
    rows = "".join(
        f"{time:.1f};{n};{r}\n".replace(".", ",") for time, n, r in zip(edges[:-1], counts, response, strict=True)
    )
    return f"# made from one lifetime of {lifetime:g} ns, background 3 a channel\nTime (ns);Counts;IRF\n{rows}"


def absorbance(thickness: float, seed: int) -> str:
    """A film's absorbance, 380 to 800 nm: an edge at 515 nm with an exciton, 0.01 of offset, noise of 0.0005."""
    chance = np.random.default_rng(seed)
    wavelength = np.arange(380.0, 801.0)
    edge = 0.5 / (1 + np.exp((wavelength - 512.0) / 5.0)) * (1 + (512.0 - np.minimum(wavelength, 512.0)) / 150.0)
    exciton = 0.12 * np.exp(-0.5 * ((wavelength - 505.0) / 8.0) ** 2)
    values = thickness * (edge + exciton) + 0.01 * seed + 0.0005 * chance.normal(size=wavelength.size)
    rows = "".join(f"{at:.0f}\t{one:.5f}\n" for at, one in zip(wavelength, values, strict=True))
    made = f"# made with a thickness of {thickness:g} and an offset of {0.01 * seed:g}\n"
    return f"{made}Wavelength (nm)\tAbsorbance\n{rows}"


def examples() -> dict[str, str]:
    """Every example file's text by its name."""
    made = {f"impedance/{name}.csv": impedance(value) for name, value in ARCS.items()}
    made["impedance/depressed.csv"] = impedance(5000.0, exponent=0.85)
    made |= {f"pl_decay/{name}.csv": decay(tau, seed) for seed, (name, (_, tau)) in enumerate(FILMS.items(), 1)}
    return made | {"absorbance/before.csv": absorbance(1.0, 1), "absorbance/after.csv": absorbance(0.62, 2)}


def main() -> int:
    """Write the examples anew."""
    for name, text in examples().items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
