"""The trigger-link cable between two instruments: four TTL lines, of which only falling edges matter."""

from __future__ import annotations

from collections.abc import Callable

LINES = (1, 2, 3, 4)


class TriggerLink:
    """Lines 1 to 4 of a trigger-link cable (Keithley model 8501); what one instrument pulses, all listeners hear."""

    def __init__(self) -> None:
        self._listeners: dict[int, list[Callable[[], None]]] = {line: [] for line in LINES}

    def subscribe(self, line: int, callback: Callable[[], None]) -> None:
        """Have ``callback`` called at each pulse on ``line``; KeyError for a line that does not exist."""
        self._listeners[line].append(callback)

    def pulse(self, line: int) -> None:
        """Pull ``line`` low for a moment; KeyError for a line that does not exist."""
        for callback in self._listeners[line]:
            callback()
