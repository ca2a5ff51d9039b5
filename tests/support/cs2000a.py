"""What the driver of the CS-2000A and the meter say to each other in the usual states."""

import struct

import numpy as np

from drivers.cs2000a.messages import (
    BLOCK_LENGTHS,
)

# A reading of a white source as a real instrument sent it
CONDITIONS = "OK00,0,0,000859000,1,0,0,0,00"
COLORIMETRY = (
    "OK00,6.0544e-1,133.99,1.2620e+2,1.3399e+2,1.1334e+2,0.3379,0.3587,0.2039,0.4870, 5303,+0.0065,561.36,9.0400,"
    "1.3798e+2,1.4551e+2,1.2168e+2,0.3405,0.3591,0.2055,0.4876, 5253,+0.0063,558.71,9.9100"
)
REMOTE = ("RMTS,2", "OK00")
IDENTITY = ("IDDR", "OK00,CS-2000A ,2,1234567")
WAVELENGTH = np.arange(380, 781)
SPECTRUM = 1e-2 * np.exp(-0.5 * ((WAVELENGTH - 520) / 8.07) ** 2)


def in_hex(values):
    return ",".join(struct.pack(">f", value).hex().upper() for value in values)


def blocks(spectrum=SPECTRUM):
    parts = np.split(spectrum, np.cumsum(BLOCK_LENGTHS)[:-1])
    return [(f"MEDR,1,1,{n}", f"OK00,{in_hex(part)}") for n, part in enumerate(parts, start=1)]


# The lines of a measurement are read byte by byte, so they carry their line feed here
MEASUREMENT = [("MEAS,1", "OK00,014\n"), (None, "OK00\n")]


def spectrum_of(meter):
    meter.start()
    meter.wait()
    return meter.read_spectrum()
