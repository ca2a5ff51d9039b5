"""QuickEdit of a Windows console: off during a run and restored, by a console that keeps its mode as Windows does."""

from __future__ import annotations

from typing import Any

import pytest

from acquire.safety.quick_edit import without_quick_edit

# consoleapi.h
PROCESSED, INSERT, QUICK_EDIT, EXTENDED = 0x1, 0x20, 0x40, 0x80
CONSOLE = 0x54


class Console:
    """kernel32, as far as it is about the mode of one console; without EXTENDED, QuickEdit and insert stay."""

    def __init__(self, mode: int | None) -> None:
        self.mode, self.open = mode, 0

    def CreateFileW(self, name: str, access: Any, *_: object) -> int:  # noqa: N802  # as Windows calls it
        assert (name, access.value) == ("CONIN$", 0xC0000000)
        if self.mode is None:
            return -1
        self.open += 1
        return CONSOLE

    def GetConsoleMode(self, handle: int, mode: Any) -> int:  # noqa: N802
        assert handle == CONSOLE
        assert self.mode is not None
        mode._obj.value = self.mode
        return 1

    def SetConsoleMode(self, handle: int, mode: int) -> int:  # noqa: N802
        assert handle == CONSOLE
        assert self.mode is not None
        kept = 0 if mode & EXTENDED else self.mode & (QUICK_EDIT | INSERT)
        self.mode = mode & ~(0 if mode & EXTENDED else QUICK_EDIT | INSERT) | kept
        return 1

    def CloseHandle(self, handle: int) -> int:  # noqa: N802
        assert handle == CONSOLE
        self.open -= 1
        return 1


@pytest.mark.parametrize("before", [PROCESSED | INSERT | QUICK_EDIT | EXTENDED, PROCESSED | EXTENDED])
def test_it_is_off_inside_and_as_it_was_afterwards_whatever_happens(before: int) -> None:
    console = Console(before)
    inside = []

    def fails() -> None:
        with without_quick_edit(console):
            inside.append(console.mode)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert inside == [before & ~QUICK_EDIT]
    assert (console.mode, console.open) == (before, 0)


def test_a_process_without_a_console_goes_on() -> None:
    console = Console(None)
    inside = False
    with without_quick_edit(console):
        inside = True
    assert inside
    assert console.open == 0
