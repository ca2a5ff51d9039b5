"""Numbers and texts as the service's JSON has them: every number as the file holds it, to the last bit. Pure."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

import numpy as np


def plain(values: np.ndarray[Any, Any]) -> list[Any]:
    """A column as JSON has it: texts of bytes, None for a number that is missing; (n,) or (n, m)."""
    if values.dtype.kind == "S":
        return [text.decode(errors="replace") for text in values.tolist()]
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        numbers = values.astype(object)
        numbers[~np.isfinite(values)] = None
        return list(numbers.tolist())
    return list(values.tolist())


def known(value: float | None) -> float | None:
    """A number as JSON has it."""
    return value if value is not None and isfinite(value) else None


def compact(content: Any) -> bytes:
    """JSON on one line. Python writes the shortest digits that give the same double again."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
