"""What a CS-2000A refuses, by its error codes; the branch of the tree in :mod:`drivers.errors`.

Codes after the CS-2000 Communication Specifications Rev. 7.00 (Konica Minolta, 2020).
"""

from __future__ import annotations

from drivers.errors import RefusedByInstrument


class RemoteLost(RefusedByInstrument):
    """The spectroradiometer left remote mode, or does not know the command (ER00)."""


class MeasurementBusy(RefusedByInstrument):
    """The spectroradiometer is measuring (ER02)."""


class CalibrationMissing(RefusedByInstrument):
    """No compensation or user calibration is stored for this setting (ER05)."""


class OverRange(RefusedByInstrument):
    """Too much light, or light that flickers too strongly (ER10)."""


class ParameterRefused(RefusedByInstrument):
    """A parameter is out of range, or the command does not fit the moment (ER17)."""


class NoSpectrum(RefusedByInstrument):
    """There are no measured values to read (ER20)."""


class SensorTemperature(RefusedByInstrument):
    """The sensor is not at its working temperature (ER51, ER52)."""


class SynchronisationLost(RefusedByInstrument):
    """The external synchronisation signal is missing or outside 20 Hz to 200 Hz (ER71)."""


class AngleNotSet(RefusedByInstrument):
    """The measuring-angle knob is between two stops, or was moved during a reading (ER83)."""


class InstrumentFault(RefusedByInstrument):
    """The instrument reports a fault of its own: memory, shutter, filter mechanism, fan."""
