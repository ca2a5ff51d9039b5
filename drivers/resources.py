"""Addresses before anything is open: who is there, one name for each, and why one cannot be opened."""

from __future__ import annotations

import os
import re
import warnings
from typing import Any

import pyvisa
from pyvisa.rname import InvalidResourceName, to_canonical_name

from drivers.errors import CannotConnect

#: What PyVISA, pySerial and the operating system raise; pySerial's exceptions are OSErrors.
FOREIGN = (pyvisa.Error, OSError)

_DEVICE_FILE = re.compile(r"ASRL\d*:*(/.+)::INSTR", re.IGNORECASE)
_WINDOWS_PORT = re.compile(r"^ASRLCOM(?=\d)")


def list_resources(visa_library: Any = "") -> tuple[str, ...]:
    """Every address that VISA can see; serial ports are listed whether something is connected or not.

    :raises CannotConnect: there is no VISA.
    """
    try:
        with warnings.catch_warnings():
            # PyVISA-py tells of optional packages that would find more instruments on the network
            warnings.simplefilter("ignore")
            return tuple(pyvisa.ResourceManager(visa_library).list_resources("?*"))
    except (*FOREIGN, ValueError) as error:
        raise _no_visa(error) from error


def load(visa_library: Any = "") -> object:
    """Load a VISA library, which takes its time, before it is needed; it stays loaded while what this returns is kept.

    :raises CannotConnect: there is none.
    """
    try:
        return pyvisa.ResourceManager(visa_library)
    except (*FOREIGN, ValueError) as error:
        raise _no_visa(error) from error


def _no_visa(error: Exception) -> CannotConnect:
    hint = 'Install NI-VISA or Keysight IO Libraries, or write visa: "@py" in the bench file'
    return CannotConnect("VISA", f"cannot be used ({error})", hint)


def canonical_resource(resource: str) -> str:
    """One name for one address, however it is written: ``gpib::24`` is ``GPIB0::24::INSTR``.

    Links to a serial port's device file are followed. What VISA would not take is returned in capitals.
    """
    if device := _DEVICE_FILE.fullmatch(resource):
        resource = f"ASRL{os.path.realpath(device[1])}::INSTR"
    name = _WINDOWS_PORT.sub("ASRL", resource.upper())
    try:
        return str(to_canonical_name(name))
    except InvalidResourceName:
        return name


#: What helps when an address cannot be opened, by what PyVISA, pySerial or the system says.
_WAYS_IN = (
    ("linux-gpib", "Install the VISA of the GPIB adapter (NI-VISA, Keysight IO Libraries), or linux-gpib"),
    ("refused", "Check address and port number: the computer is there, but nothing listens at this port"),
    ("Name or service|getaddrinfo|nodename", "Check the name of the host, or write its number"),
    (
        "No such file|FileNotFound",
        "Plug it in and check the port's name; `python -m serial.tools.list_ports` lists all",
    ),
    ("Permission denied", "Join the group that owns the port (Linux: dialout), then log in again"),
    ("Access is denied|busy", "Close the other program that uses the port"),
)
_WAY_IN = "Check power, cable and address; `pyvisa-info` and `pyvisa-shell` list what can be reached"


def how_to_open(problem: str) -> str:
    """What to do about an address that cannot be opened for this reason."""
    return next((hint for pattern, hint in _WAYS_IN if re.search(pattern, problem, re.IGNORECASE)), _WAY_IN)
