"""Who is told of runs while a service runs: as ``service.yaml`` says, which is read again when it changes.

A service need not be ended for that, and its run with it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from acquire.config import ConfigurationError
from acquire.service.notification_settings import FILE_NAME, Notifications, read_settings
from acquire.service.notifications import Notifier
from acquire.service.other_runs import OtherRuns
from acquire.service.queue_messages import Messages

LOOK = 2.0  # s between two looks at the file
LONGEST_SENDING = 60.0  # s that a message under way may take

_log = logging.getLogger("acquire.service.notifications")


class Telling:
    """Tells people of what stands in ``messages``, and puts there what ``others`` sees.

    :raises acquire.config.ConfigurationError: the file of settings is wrong at the start. Later, what held before holds
        on, and the log says what is wrong.
    """

    def __init__(
        self,
        folder: Path,
        messages: Messages,
        others: OtherRuns,
        *,
        teller: Callable[[Messages, Notifications], Notifier] = Notifier,
    ) -> None:
        self._folder, self._messages, self._others, self._teller = folder, messages, others, teller
        self._stamp = self._stamp_now()
        self.notifier = teller(messages, read_settings(folder))
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=others.run, args=(self._over, lambda: bool(self.notifier.channels)), daemon=True),
            threading.Thread(target=self._run, daemon=True),
        ]

    def start(self) -> None:
        """Tell from now on."""
        self.notifier.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Tell no more; what is not told yet is told after the next start."""
        self._over.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(10.0)
        self.notifier.stop()

    def _run(self) -> None:
        while not self._over.wait(LOOK):
            self.look()

    def look(self) -> None:
        """Read the file again if it was changed; raises nothing."""
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            told = read_settings(self._folder)
        except (ConfigurationError, OSError) as problem:
            _log.error("what was said before holds on: %s", problem)
            return
        self.notifier.stop(LONGEST_SENDING)  # so that nobody is told twice
        self.notifier = self._teller(self._messages, told)
        self.notifier.start()
        _log.info("%s was read again: %s", FILE_NAME, ", ".join(self.notifier.channels) or "nobody is told")

    def _stamp_now(self) -> tuple[int, int, int] | None:
        try:
            there = (self._folder / FILE_NAME).stat()
        except OSError:
            return None
        return there.st_mtime_ns, there.st_size, there.st_ino
