"""Where the instruments of a bench are reached, and by which clock they live: the real site or a simulated one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Site:
    """A VISA library, by name or as such, the clock [s] that runs with it, and how so many s are let pass on it."""

    visa_library: Any
    clock: Callable[[], float]
    wait: Callable[[float], None]
