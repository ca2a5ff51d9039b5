"""What several tests need: shipped configuration, benches made from it, whole runs."""

from __future__ import annotations

import gc
import os
import pickle
import signal
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import typer.main

from acquire import session
from acquire.bench.site import Site
from acquire.records import Event
from acquire.run_file import reading_apart
from acquire.run_file.read import ArchiveError
from acquire.safety.interruption import StopRequest

# Processes that tests start share what is compiled, whatever this one was told: compiling is a quarter of their start
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Nor do they inherit that Ctrl-C is ignored, where a shell started the tests in the background
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "configs"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="the tests marked `long` as well (make thorough)")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays to the end: nobody looks for garbage in it, neither now nor at every turn later on."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    left_out = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


@pytest.fixture(scope="session", autouse=True)
def what_runs_remember(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What was said for a run is remembered here, not in the folder of whoever runs the tests."""
    folder = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))  # for programs of their own, where the system goes by it
        patch.setattr("platformdirs.user_state_path", lambda name, appauthor: folder / name)
        patch.setenv("XDG_DATA_HOME", str(folder / "data"))
        patch.setattr("platformdirs.user_data_path", lambda name, appauthor=None: folder / "data" / name)
        yield


@pytest.fixture(scope="session", autouse=True)
def where_runs_are_spoken_to(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Runs in this process have their mailboxes here, not among those of the computer."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("acquire.safety.mailbox.runs_folder", lambda: folder)
        yield


@pytest.fixture(scope="session", autouse=True)
def commands_are_made_once() -> Iterator[None]:
    """All commands are made of their functions once, as in a process: each time takes longer than most of them do."""
    made = cache(typer.main.get_command)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.main.get_command", made)
        patch.setattr("typer.testing._get_command", made)
        yield


@pytest.fixture
def bench_file(tmp_path: Path) -> Callable[..., Path]:
    """Write the shipped simulated bench with pieces of its text replaced; the result stands in ``tmp_path``."""

    def write(replacements: dict[str, str]) -> Path:
        text = (CONFIGS / "benches" / "simulated.yaml").read_text(encoding="utf-8")
        for old, new in {"../": f"{CONFIGS.as_posix()}/", **replacements}.items():
            assert old in text, old
            text = text.replace(old, new)
        path = tmp_path / "bench.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def sweep_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a shipped sweep with pieces of its text replaced; the result stands in ``tmp_path``."""

    def write(name: str, replacements: dict[str, str]) -> Path:
        text = (CONFIGS / "sweeps" / name).read_text(encoding="utf-8")
        for old, new in {"../": f"{CONFIGS.as_posix()}/", **replacements}.items():
            assert old in text, old
            text = text.replace(old, new)
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run files are read in this process, not in one of their own: each of these takes a third of a second to start."""

    def answers(
        what: str, paths: Sequence[Path], *_patience: float, beside: Mapping[str, str] | None = None
    ) -> list[tuple[Path, Any]]:
        answer = partial(reading_apart._work()[what], **(beside or {}))
        return [(path, sent(reading_apart._tried(answer, path), path)) for path in paths]

    def sent(answer: Any, path: Path) -> Any:
        """The answer as it is understood on this side; libraries that tests load may write errors in their own way."""
        if isinstance(answer, ArchiveError):
            return answer
        return reading_apart._understood(pickle.dumps(answer, protocol=5), path)

    monkeypatch.setattr(reading_apart, "_answers", answers)


def run_sweep_file(
    sweep: Path,
    output: Path,
    bench: Path | None = None,
    watch: Callable[[Event], None] = lambda event: None,
    site: Site | None = None,
    *,
    with_pretest: bool = False,
) -> session.RunResult:
    """Prepare and run a sweep in this process; ``site`` stands in for that of its bench file."""
    return session.run(session.prepare(sweep, bench, with_pretest=with_pretest), output, watch, StopRequest(), site)
