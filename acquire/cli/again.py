"""What was said for a run by options, and is remembered for ``--again``.

One small file of the user's own for each output folder, bench file and computer: nobody gets the pixel area of somebody
else who writes into the same folder, nor that of the bench beside.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from acquire.cli.terminal import say, whoever_listens
from acquire.config import ConfigurationError, Problem, Said, places_of
from acquire.config.overrides import PLACES
from acquire.config.yaml_source import read_start
from acquire.run_file.placing import write_over

LARGEST = 1 << 16  # bytes


def said(
    given: Mapping[str, str | None], again: bool, sweep: Path, bench: Path | None, output: Path | None
) -> list[Said]:
    """What is said for a run: by its options, ``given`` by name, and with ``--again`` by those of the run before.

    :raises acquire.config.ConfigurationError: nothing is remembered, or not in a form that can be used.
    """
    now = {option: text for option, text in given.items() if text is not None}
    before = remembered(sweep, bench, output) if again else {}
    return [
        Said(option, now.get(option, before.get(option, "")), option not in now)
        for option in PLACES
        if option in now or option in before
    ]


def remember(spoken: Sequence[Said], sweep: Path, bench: Path | None, output: Path | None) -> None:
    """Keep what was said for a run, if anything was; that it cannot be kept costs the run nothing but a line."""
    if not spoken:
        return
    try:
        path, folder = _place(sweep, bench, output)
        content = {
            "folder": folder,
            "when": datetime.now().astimezone().isoformat(timespec="seconds"),
            "said": {one.option: one.text for one in spoken},
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        write_over(path, (json.dumps(content, indent=1) + "\n").encode("ascii"))
    except (OSError, RuntimeError, ConfigurationError) as error:
        with whoever_listens(sys.stderr):
            say(sys.stderr, f"what was said for this run cannot be remembered for --again: {error}")


def remembered(sweep: Path, bench: Path | None, output: Path | None) -> dict[str, str]:
    """What was said for the last run, of those that anything was said for, into this folder with this bench.

    :raises acquire.config.ConfigurationError: nothing is remembered, or not in a form that can be used.
    """
    hint = "say it once more, without --again"
    try:
        path, folder = _place(sweep, bench, output)
    except (OSError, RuntimeError) as error:  # a link that leads to itself; a user whom the system does not know
        raise _refusal(f"what was said before cannot be found: {error}", hint) from error
    try:
        return _understood(json.loads(read_start(path, LARGEST)))
    except FileNotFoundError:
        message = f"nothing is remembered of runs into {folder} on this bench"
        raise _refusal(message, "say it by --sample, --area and so on; the next run can have it again") from None
    except OSError as error:
        raise _refusal(f"{path} cannot be read ({error.strerror or error})", hint) from error
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise _refusal(f"{path} is damaged: what was said before is lost", hint) from error


def _understood(content: Any) -> dict[str, str]:
    """The texts by their options; an error of whatever kind where there are none."""
    texts = content["said"]
    if not texts or not all(option in PLACES and isinstance(text, str) for option, text in texts.items()):
        raise ValueError("something else stands there")
    return dict(texts)


def _refusal(message: str, hint: str) -> ConfigurationError:
    return ConfigurationError([Problem(Path(), None, None, "", message, hint, option="--again")])


def _place(sweep: Path, bench: Path | None, output: Path | None) -> tuple[Path, str]:
    """The file in which it is remembered what was said for runs into a folder on a bench, and that folder.

    :raises OSError: a link leads to itself.
    :raises RuntimeError: who the user is cannot be found out.
    """
    from platformdirs import user_state_path

    named, bench_file = places_of(sweep, bench)
    folder, of_bench = (os.path.normcase(path.resolve()) for path in (output or Path(named), bench_file))
    mark = sha256(json.dumps([folder, of_bench, platform.node()]).encode()).hexdigest()[:16]
    return user_state_path("jvl-bench", appauthor=False) / f"again_{mark}.json", folder
