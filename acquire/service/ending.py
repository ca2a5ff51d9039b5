"""The end of the service: the runs that it started end with it, and their outputs go off first.

Those of another service go on, and so do all where another one has the same folder: it looks after them.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from acquire.safety.lock import clock_time
from acquire.safety.running import NotHeard, RunningNow, running, stopping
from acquire.service.queue_alone import alone
from acquire.service.queue_runner import LOCK
from acquire.service.settings import Settings

LOG = logging.getLogger("acquire.service")

PATIENCE = 60.0  # s for an output
AT_ONCE = 8
BY = "the service, which ends"


def end_runs(settings: Settings, mailboxes: Path | None = None, *, held: bool = False) -> list[str]:
    """Ask each run that was started from a page to end, and wait until its output is off; what came of it, in words.

    Runs that people started at a terminal go on. ``held``: the runner of this service holds its lock still.
    """
    if held:
        return _end_all(settings, mailboxes)
    with ExitStack() as until_over:
        try:
            last = until_over.enter_context(alone(settings.data / LOCK))
        except OSError:
            last = True
        if not last:
            LOG.info("another service has the folder %s: the runs go on, and it looks after them", settings.data)
            return []
        return _end_all(settings, mailboxes)


def _end_all(settings: Settings, mailboxes: Path | None) -> list[str]:
    logs = settings.data / "logs"
    started = {log.stem for log in logs.glob("*.log")} if logs.is_dir() else None  # gone: better one too many
    ours = [
        one
        for one in running(mailboxes)
        if one.ours and one.started_for and _is_here(one, settings.runs)
        if started is None or one.started_for in started
    ]
    if not ours:
        return []
    with ThreadPoolExecutor(AT_ONCE) as threads:
        said = list(threads.map(_ended, ours))
    for text in said:
        LOG.info("%s", text)
    return said


def _is_here(run: RunningNow, folder: Path) -> bool:
    """Whether its run file lies in the folder of this service, or it has none yet."""
    return not run.path or Path(run.path).absolute().is_relative_to(folder.absolute())


def _ended(run: RunningNow) -> str:
    last = run
    try:
        for now in stopping(run, BY, patience=PATIENCE, until_off=True):
            last = now
    except NotHeard as problem:
        return f"{run}: {problem}"
    if last.output == "off" and last.asked:
        return f"{run}: output off, asked at {clock_time(last.asked)}"
    return f"{run}: has ended; its output is {last.output}"
