"""The runs that go on, as other programs of this computer see them, and what is asked of them.

What is read here was written by others, and any text may stand in it: see :mod:`acquire.safety.mailbox`.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import isfinite, nan
from pathlib import Path
from typing import Any

from acquire.safety import mailbox
from acquire.safety.lock import clock_time
from acquire.safety.mailbox import Answer, NotUnderstood, got, put
from acquire.safety.visible import one_line

#: How long a run has to answer a request, and to switch its output off once it was asked to stop, s.
PATIENCE, LONGEST_END = 5.0, 60.0

#: How often it is looked for an answer, s.
_LOOK = 0.05


class NotHeard(Exception):
    """A request came to nothing; ``hint`` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.args[0]}. {self.hint}" if self.hint else str(self.args[0])


class NotRunning(NotHeard):
    """No run goes on that is called so, or several do."""


class NotAllowed(NotHeard):
    """The run is that of another user, who alone may speak to it."""


class NoAnswer(NotHeard):
    """The run does not answer."""


@dataclass(frozen=True)
class RunningNow:
    """A process that carries out runs, and the run that it is at, as it published that last.

    ``name`` is that of its folder; ``run_id`` and ``path`` of the run file are empty before there is one. ``kind``:
    sweep, lifetime or by_hand; ``start_time`` (ISO 8601) is that of its file, ``measured_by`` the user named there,
    ``source_unit`` V or A, ``batch`` the title of the batch that it is one of. ``phase``: opening, measuring, paused,
    asking, ending or ended; ``doing`` in words, and what each of ``instruments`` does, by its role. ``question`` and
    ``question_id``: what is asked of a person. ``output``: on, off or unknown; ``asked`` when the instrument said so
    (ISO 8601), empty where it did not. ``points`` done of ``most_points``; ``left`` [s], NaN where nobody knows.
    ``takes``: the kinds of requests that are taken now. ``started_for``: for whom it was started from elsewhere.
    ``told`` when all this was published. ``lives``: its process does.
    """

    name: str
    run_id: str = ""
    path: str = ""
    title: str = ""
    sample: str = ""
    kind: str = ""
    batch: str = ""
    start_time: str = ""
    source_unit: str = ""
    measured_by: str = ""
    process: int = 0
    user: str = ""
    host: str = ""
    program: str = ""
    since: str = ""
    phase: str = "opening"
    doing: str = ""
    question: str = ""
    question_id: str = ""
    output: str = "unknown"
    asked: str = ""
    instruments: Mapping[str, str] = field(default_factory=dict)
    points: int = 0
    most_points: int = 0
    spectra: int = 0
    left: float = nan
    takes: tuple[str, ...] = ()
    started_for: str = ""
    told: str = ""
    lives: bool = True
    folder: Path = field(default=Path(), compare=False)

    @property
    def ours(self) -> bool:
        """Whether this user may ask something of it."""
        return os.access(self.folder / mailbox.REQUESTS, os.W_OK | os.X_OK)

    def __str__(self) -> str:
        what = self.path or self.title or "a run that is opening its bench"
        return f"{what} (process {self.process} of {self.user}, since {clock_time(self.since)})"


def running(folder: Path | None = None, *, left_behind: bool = False) -> list[RunningNow]:
    """The processes that carry out runs on this computer, the oldest first.

    ``left_behind``: those instead that ended without saying goodbye, within the last day.
    """
    found: list[RunningNow] = []
    with suppress(OSError), os.scandir(folder or mailbox.runs_folder()) as entries:
        places = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
        for place in places:
            with suppress(OSError, NotUnderstood):
                now = replace(_now(place), lives=mailbox.lives(place))
                if now.phase != "ended" and now.lives is not left_behind:
                    found.append(now)
    return sorted(found, key=lambda now: (now.since, now.name))


def seen(run: RunningNow) -> RunningNow | None:
    """The same process as it is now, also one that has ended a moment ago; None when nothing is left of it."""
    for attempt in range(3):  # Windows lets nobody read what is being replaced
        try:
            return replace(_now(run.folder), lives=mailbox.lives(run.folder))
        except FileNotFoundError:
            return None
        except (OSError, NotUnderstood):
            time.sleep(_LOOK * attempt)
    return None


def _now(place: Path) -> RunningNow:
    """:raises NotUnderstood: it publishes something else.
    :raises OSError: it cannot be read.
    """
    state = got(place / mailbox.STATE, mailbox.LONGEST_STATE)
    plain: dict[str, Any] = {key: _text(state, key) for key in _TEXTS if key in state}
    plain |= {key: value for key in _NUMBERS if isinstance(value := state.get(key), int)}
    doing, left, takes = state.get("instruments"), state.get("left"), state.get("takes")
    return RunningNow(
        name=place.name,
        folder=place,
        instruments={one_line(str(role)): one_line(str(text))[:500] for role, text in doing.items()}
        if isinstance(doing, dict)
        else {},
        left=float(left) if isinstance(left, int | float) and isfinite(left) else nan,
        takes=tuple(one_line(str(kind)) for kind in takes) if isinstance(takes, list) else (),
        **plain,
    )


_TEXTS = (
    *("run_id", "path", "title", "sample", "kind", "user", "host", "program", "since", "phase", "doing", "question"),
    *("question_id", "output", "asked", "started_for", "told", "start_time", "source_unit", "measured_by", "batch"),
)
_NUMBERS = ("process", "points", "most_points", "spectra")


def _text(state: Mapping[str, Any], key: str) -> str:
    value = state[key]
    if not isinstance(value, str):
        raise NotUnderstood(f"its {key} is no text")
    return one_line(value)[:4096]


def named(run: str, among: Sequence[RunningNow]) -> RunningNow:
    """The one of ``among`` that is called so: by run_id (four characters are enough), run file, process or folder.

    :raises NotRunning: there is none, or several.
    """
    found = [now for now in among if _is_called(now, run)]
    if len(found) == 1:
        return found[0]
    if found:
        raise NotRunning(f"{run} may be {' or '.join(map(str, found))}", "Name it by its process")
    others = "; ".join(map(str, among))
    raise NotRunning(f"no run goes on that is called {run}", f"There is {others}" if others else "No run goes on")


def _is_called(now: RunningNow, run: str) -> bool:
    if not run:
        return False
    if run in (now.name, now.run_id, str(now.process)) or (len(run) >= 4 and now.run_id.startswith(run)):
        return True
    return bool(now.path) and (run == Path(now.path).name or Path(run).absolute() == Path(now.path))


def post(
    run: RunningNow | str,
    request: Mapping[str, Any] | str,
    by: str = "",
    *,
    patience: float = PATIENCE,
    folder: Path | None = None,
) -> Answer:
    """Ask something of a run and wait for its answer, ``patience`` s at most: a kind, or that with further fields.

    :raises NotRunning: it does not go on, or ended before it answered.
    :raises NotAllowed: it is that of another user.
    :raises NoAnswer: it does not answer; the request was withdrawn.
    """
    now = run if isinstance(run, RunningNow) else named(run, running(folder))
    content = {"kind": request} if isinstance(request, str) else dict(request)
    name = f"{time.time_ns():020d}-{secrets.token_hex(8)}.json"
    question, answer = (now.folder / place / name for place in (mailbox.REQUESTS, mailbox.ANSWERS))
    try:
        put(question, {**content, "by": by})
    except PermissionError as error:
        who = "the one whose run it is" if sys.platform == "win32" else f"{now.user}, whose run it is, or root"
        raise NotAllowed(f"{now} may not be spoken to by you", f"Ask {who}") from error
    except OSError as error:
        raise NotRunning(f"{now} has ended", "") from error
    until = time.monotonic() + patience
    while time.monotonic() < until and _lives(now):
        if (found := _answer(answer)) is not None:
            return found
        time.sleep(_LOOK)
    with suppress(OSError):
        question.unlink()
    if (found := _answer(answer)) is not None:
        return found
    after = seen(now)
    if after is None or not after.lives or after.phase == "ended":
        raise NotRunning(f"{now} has ended", "")
    raise NoAnswer(
        f"{now} does not answer within {patience:g} s",
        f"Press Ctrl-C where it was started, or end process {now.process}: its guardian switches the output off",
    )


def _lives(now: RunningNow) -> bool:
    try:
        return mailbox.lives(now.folder)
    except OSError:
        return now.folder.exists()


def _answer(path: Path) -> Answer | None:
    """The answer in a file, which is taken away; None while there is none."""
    try:
        content = got(path, mailbox.LONGEST_REQUEST)
    except (OSError, NotUnderstood):
        return None
    with suppress(OSError):
        path.unlink()
    return Answer(content.get("done") is True, one_line(str(content.get("text", "")))[:2000])


def once_in(run: RunningNow, phases: Collection[str], patience: float) -> RunningNow:
    """The run as it is once it is in one of these phases, or has ended, or after ``patience`` s, whatever it does."""
    until, now = time.monotonic() + patience, run
    while time.monotonic() < until:
        now = seen(run) or replace(now, phase="ended", lives=False)
        if now.phase in phases or now.phase == "ended" or not now.lives:
            break
        time.sleep(_LOOK)
    return now


def stopping(
    run: RunningNow, by: str = "", *, patience: float = LONGEST_END, until_off: bool = False
) -> Iterator[RunningNow]:
    """Ask a run to stop, and follow it until its output is off and it has ended; each change of what it does.

    The last one given says how it ended; its ``output`` is unknown where it ended without a word. ``until_off``: follow
    it only until the instrument has said, after it was asked to stop, that the output is off; its file comes later.

    :raises NotHeard: as :func:`post`.
    :raises NoAnswer: it goes on after ``patience`` s.
    """
    begun = datetime.now(UTC) - timedelta(milliseconds=1)  # what it says of itself it says in whole ones
    answer = post(run, "stop", by)
    if not answer.done:
        raise NoAnswer(f"{run}: {answer.text}")
    until, before = time.monotonic() + patience, run
    while time.monotonic() < until:
        now = seen(run)
        if now is None:
            yield replace(before, phase="ended", lives=False)
            return
        off = until_off and _is_off_since(now, begun)
        if off or (now.phase, now.doing, now.output) != (before.phase, before.doing, before.output):
            yield now
        if off:
            return
        before = now
        if now.phase == "ended" or not now.lives:
            if now.phase != "ended":
                yield replace(now, output="unknown", asked="")
            return
        time.sleep(_LOOK)
    hint = f"Look at the instrument, and press OUTPUT where it is lit; then end process {run.process}"
    raise NoAnswer(f"{run} goes on {patience:g} s after it was asked to stop: {before.doing}", hint)


def _is_off_since(now: RunningNow, moment: datetime) -> bool:
    """Whether the instrument has said since then that the output is off: what it said before a pause tells nothing."""
    try:
        return now.output == "off" and datetime.fromisoformat(now.asked) >= moment
    except (ValueError, TypeError):  # it was never asked, or the text is none of ours
        return False
