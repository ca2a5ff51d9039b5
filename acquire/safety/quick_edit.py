"""While a run goes on, a click into a Windows console stops nothing: QuickEdit is off, and as it was afterwards.

With QuickEdit on, a console takes nothing more from the first click into it to the next key: the display would stand
still, and the last word on the output with it. Ctrl-C, the wheel and the menu of the window go on working.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, OPEN_EXISTING (CreateFileW, fileapi.h)
_READ_WRITE, _SHARED, _EXISTING = 0xC0000000, 0x3, 3
_INVALID_HANDLE = -1

# ENABLE_QUICK_EDIT_MODE counts only together with ENABLE_EXTENDED_FLAGS (SetConsoleMode, consoleapi.h)
_QUICK_EDIT, _EXTENDED_FLAGS = 0x40, 0x80


@contextmanager
def without_quick_edit(kernel32: Any) -> Iterator[None]:
    """Inside, the console of this process is not in QuickEdit mode, wherever its streams lead; none is no error.

    ``kernel32`` is Windows' own library.
    """
    console = kernel32.CreateFileW("CONIN$", ctypes.c_uint(_READ_WRITE), _SHARED, None, _EXISTING, 0, None)
    before = ctypes.c_uint()
    if console == _INVALID_HANDLE or not kernel32.GetConsoleMode(console, ctypes.byref(before)):
        yield
        return
    kernel32.SetConsoleMode(console, before.value & ~_QUICK_EDIT | _EXTENDED_FLAGS)
    try:
        yield
    finally:
        kernel32.SetConsoleMode(console, before.value | _EXTENDED_FLAGS)
        kernel32.CloseHandle(console)
