"""Whether the folders of a service can be used: tried, as their rights say nothing of a full disk or a share."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator

from acquire.service.settings import Settings

AGAIN = 5.0  # s between two tries: anybody may ask
PATIENCE = 2.0  # s: a share that is gone may take minutes to say so
_SOME = b"\0" * 4096


class Folders:
    """The folders of a service, tried at most every :data:`AGAIN` s however many ask."""

    def __init__(self, settings: Settings, now: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._now = settings, now
        self._turn = threading.Lock()
        self._tried = -AGAIN
        self._problems: list[str] = []

    def problems(self) -> list[str]:
        """What is wrong with them, without their names: who asks may be anybody."""
        if not self._turn.acquire(timeout=PATIENCE):
            return ["the folders of the service do not answer; a share may be gone"]
        try:
            if self._now() - self._tried >= AGAIN:
                self._problems, self._tried = list(_problems(self._settings)), self._now()
            return self._problems
        finally:
            self._turn.release()


def _problems(settings: Settings) -> Iterator[str]:
    for what, folder in (("the folder of the service", settings.data), ("the folder of run files", settings.runs)):
        if not folder.is_dir():
            yield f"{what} {'is no folder' if folder.exists() else 'is gone'}"
            continue
        try:
            with tempfile.TemporaryFile(dir=folder, prefix=".health-") as file:
                file.write(_SOME)
        except OSError as error:
            yield f"{what} cannot be written to ({error.strerror or 'no reason given'})"
    if not settings.recipes.is_dir():
        yield "the folder of recipes is gone"
