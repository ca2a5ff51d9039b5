"""What this program is, and what it runs on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from acquire import __version__

#: Whose versions matter when something is reported: instruments, arithmetic, files.
PACKAGES = ("numpy", "h5py", "pyvisa", "pymeasure")


def version_text() -> str:
    """A line for a report: program, Python, system, packages."""
    parts = [f"Python {platform.python_version()}", f"{platform.system()} {platform.machine()}"]
    return f"acquire {__version__} ({', '.join([*parts, *map(_package, PACKAGES)])})"


def _package(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"no {name}"
