"""How a spectrum is exposed: the mode of the spectroradiometer, how long it takes, and another mode where one fails.

Pure. An instrument that has too much light says so; one with too little gives noise, which only the spectrum shows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import sqrt
from typing import Literal

from acquire.photometry.choice import SIGNAL_TO_NOISE_LIMIT
from acquire.photometry.spectra import signal_to_noise
from acquire.records import Spectrum
from drivers import models

Speed = Literal["normal", "fast", "multi_normal", "multi_fast", "manual"]
InternalNd = Literal["auto", "on", "off"]

#: By how much an exposure that is set by hand is made shorter or longer for the next try.
STEP_OF_TIME = 10.0

#: Limits of an exposure that is set by hand, and the longest of several that are added up, s (CS-2000A).
SHORTEST_BY_HAND, LONGEST_BY_HAND, LONGEST_ADDED_UP = 0.005, 120.0, 16.0

#: The longest exposure that the instrument chooses itself, s; and how much less light its own filter lets through.
LONGEST_BY_ITSELF = {"normal": 120.0, "fast": 16.0}
FILTER = 22.4

#: A luminance counts as another one from this share of it on, where it is asked whether light fits a mode again.
_SAME_LIGHT = 0.01


class Trouble(StrEnum):
    """Why a spectrum is tried again."""

    TOO_BRIGHT = "too much light"
    TOO_DARK = "too little light"


@dataclass(frozen=True)
class ExposureMode:
    """Speed and built-in neutral density filter; ``integration_time`` [s] counts where the speed is set by hand."""

    speed: Speed = "normal"
    internal_nd: InternalNd = "auto"
    integration_time: float = 1.0

    @property
    def by_hand(self) -> bool:
        """Whether the time is given, and not chosen by the instrument."""
        return self.speed not in ("normal", "fast")

    def __str__(self) -> str:
        time = f" {self.integration_time:g} s" if self.by_hand else ""
        return f"speed {self.speed}{time}, ND {self.internal_nd}"


@dataclass(frozen=True)
class ExposureTimes:
    """How long a spectrum takes on a bench, by its luminance: ``model`` of the spectroradiometer, its angle [deg]."""

    model: str = ""
    measuring_angle: float = 1.0

    def total(self, luminance: float, mode: ExposureMode) -> float:
        """Seconds that a spectrum of ``luminance`` [cd/m^2] takes; 0 where the bench has no such instrument.

        That of white light, which takes longer than a narrow line.
        """
        if not self.model:
            return 0.0
        return (
            models.spectroradiometer(self.model)
            .exposure(
                max(luminance, 1e-3),
                measuring_angle=self.measuring_angle,
                speed_mode=mode.speed,
                integration_time=mode.integration_time,
                internal_nd=mode.internal_nd,
            )
            .total
        )


def another_mode(mode: ExposureMode, trouble: Trouble, tried: Collection[ExposureMode]) -> ExposureMode | None:
    """The mode to try next after one in which there was ``trouble``, none of those ``tried``; None where none helps."""
    others = _darker(mode) if trouble is Trouble.TOO_BRIGHT else _brighter(mode)
    return next((other for other in others if other not in tried), None)


def _darker(mode: ExposureMode) -> Iterator[ExposureMode]:
    """Modes for more light, the least change first: the filter, then less time."""
    if mode.internal_nd == "off":
        yield replace(mode, internal_nd="on")
    if mode.speed == "manual" and mode.integration_time > SHORTEST_BY_HAND:
        yield replace(mode, integration_time=max(mode.integration_time / STEP_OF_TIME, SHORTEST_BY_HAND))


def _brighter(mode: ExposureMode) -> Iterator[ExposureMode]:
    """Modes for less light: without the filter, then more time, then as long as the instrument itself finds right."""
    if mode.internal_nd == "on":
        yield replace(mode, internal_nd="off" if mode.speed == "manual" else "auto")
    if mode.speed == "manual" and mode.integration_time < LONGEST_BY_HAND:
        yield replace(mode, integration_time=min(mode.integration_time * STEP_OF_TIME, LONGEST_BY_HAND))
    if mode.speed.startswith("multi_") and mode.integration_time < LONGEST_ADDED_UP:
        yield replace(mode, integration_time=LONGEST_ADDED_UP)
    if mode.speed != "manual" and mode.speed != "normal":
        yield replace(mode, speed="normal", integration_time=1.0)


def clearness(spectrum: Spectrum) -> float:
    """The largest sample of a spectrum over the noise of one; 0 where there is no light in it."""
    return signal_to_noise(spectrum.spectral_radiance) if spectrum.spectral_radiance.max() > 0.0 else 0.0


def _may_do(spectrum: Spectrum, mode: ExposureMode) -> bool:
    """Whether a spectrum with too little light may be clear in another mode: noise falls with the root of the time."""
    longest = mode.integration_time if mode.by_hand else LONGEST_BY_ITSELF[mode.speed]
    gain = (FILTER if spectrum.internal_nd and mode.internal_nd != "on" else 1.0) * sqrt(
        longest / (spectrum.integration_time or longest)
    )
    return clearness(spectrum) * gain >= SIGNAL_TO_NOISE_LIMIT


class Tries:
    """The tries of one spectrum: which mode is next, and the best spectrum so far."""

    def __init__(self, first: ExposureMode, retries: int) -> None:
        self._left = retries
        self._trouble: Trouble | None = None
        #: The mode of the next try, None when there is none; and those of the tries so far.
        self.mode: ExposureMode | None = first
        self.tried: list[ExposureMode] = []
        #: The clearest spectrum so far, None while there is none.
        self.best: Spectrum | None = None
        #: What was wrong before the last try, which mended it; None where nothing was, or it was not.
        self.helped: Trouble | None = None

    def judged(self, spectrum: Spectrum | None) -> str:
        """Take what came of a try, None for too much light; what is to be noted of it, empty for nothing."""
        mode = self.mode
        assert mode is not None
        self.tried.append(mode)
        if spectrum is not None:
            better = self.best is None or clearness(spectrum) > clearness(self.best)
            self.best = replace(spectrum if better or self.best is None else self.best, tries=len(self.tried))
        before, self._trouble = self._trouble, _trouble(spectrum)
        self.mode = None
        if self._trouble is None:
            self.helped = before
            return f"try {len(self.tried)} ({mode}): clear" if before else ""
        self.mode = self._next(mode, self._trouble, spectrum)
        outcome = f"again with {self.mode}" if self.mode else "not tried again"
        return f"try {len(self.tried)} ({mode}): {self._trouble}; {outcome}" if self.mode or before else ""

    def _next(self, mode: ExposureMode, trouble: Trouble, spectrum: Spectrum | None) -> ExposureMode | None:
        if not self._left:
            return None
        self._left -= 1
        other = another_mode(mode, trouble, self.tried)
        return other if other is None or spectrum is None or _may_do(spectrum, other) else None


def _trouble(spectrum: Spectrum | None) -> Trouble | None:
    if spectrum is None:
        return Trouble.TOO_BRIGHT
    return None if clearness(spectrum) >= SIGNAL_TO_NOISE_LIMIT else Trouble.TOO_DARK


@dataclass
class ModeInUse:
    """The mode that the next spectrum begins with: that of the plan, or what helped at such light before."""

    planned: ExposureMode
    _helped: dict[Trouble, tuple[float, ExposureMode]] = field(default_factory=dict)

    def at(self, luminance: float) -> ExposureMode:
        """The mode for a first try at ``luminance`` [cd/m^2]; NaN: the planned one."""
        for trouble, (where, mode) in self._helped.items():
            beyond = luminance / where if trouble is Trouble.TOO_BRIGHT else where / luminance if luminance else 0.0
            if beyond >= 1.0 - _SAME_LIGHT:
                return mode
        return self.planned

    def helped(self, trouble: Trouble, luminance: float, mode: ExposureMode) -> None:
        """Take note that a mode helped against a trouble at a luminance [cd/m^2]."""
        if luminance > 0.0:
            self._helped[trouble] = luminance, mode
