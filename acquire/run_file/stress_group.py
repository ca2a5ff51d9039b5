"""``/entry/stress``: what a run has put on its device, a number a quantity."""

from __future__ import annotations

from typing import Any

import h5py

from acquire.evaluation.device_stress import UNITS, Stress
from acquire.run_file.hdf5 import nx_group, plain_member, write_array

PLACE = "stress"

_MEANINGS = {
    "charge": "that went through the device, without its sign",
    "time": "at levels other than zero",
    "voltage": "largest, without its sign",
    "current": "largest, without its sign",
    "exposures": "of the spectroradiometer",
    "exposure_time": "of all exposures together",
}


def write_stress(entry: h5py.Group, stress: Stress) -> None:
    """Put it into an entry that has none."""
    group = nx_group(entry, PLACE, "NXcollection")
    for name, unit in UNITS.items():
        write_array(group, name, getattr(stress, name), unit, _MEANINGS[name])


def read_stress(entry: h5py.Group) -> Stress | None:
    """That of an entry; None in a file that is not finished, or older.

    :raises ValueError: it makes no sense.
    """
    if (group := plain_member(entry, PLACE)) is None:
        return None
    return Stress(**{name: _number(plain_member(group, name), whole=name == "exposures") for name in UNITS})


def _number(dataset: Any, *, whole: bool) -> Any:
    if dataset is None or dataset.shape != () or dataset.dtype.kind not in "if":
        raise ValueError(f"{PLACE} holds what is no number")
    return int(dataset[()]) if whole else float(dataset[()])
