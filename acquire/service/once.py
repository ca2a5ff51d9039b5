"""A wish with a key of its own is carried out once: a page sends it again where the answer was lost."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Made = TypeVar("Made")

MOST_KEYS = 1000  # the newest are known


class Once(Generic[Made]):
    """What came of each key, one wish after the other; ``again`` says what is given of it to who asks once more."""

    def __init__(self, again: Callable[[Made], Made] = lambda made: made) -> None:
        self._again = again
        self._turn = threading.Lock()
        self._made: OrderedDict[str, Made] = OrderedDict()

    def __call__(self, key: str | None, make: Callable[[], Made]) -> Made:
        """What ``make`` makes, or what came of the same key before; without a key always anew.

        :raises Exception: ``make`` raises it; the key is free then.
        """
        with self._turn:
            if key and key in self._made:
                return self._again(self._made[key])
            made = make()
            if key:
                self._made[key] = made
                while len(self._made) > MOST_KEYS:
                    self._made.popitem(last=False)
            return made
