"""Switching a 2450 off, over any open link."""

from __future__ import annotations

from typing import Any

OFF = (":SOUR:VOLT 0", ":SOUR:CURR 0", ":OUTP OFF")


def make_safe(adapter: Any, source: str | None = None, level: float | None = None) -> None:
    off_again(adapter)


def off_again(adapter: Any) -> None:
    for message in OFF:
        adapter.write(message)


def is_off(adapter: Any) -> bool:
    adapter.write(":OUTP?")
    return adapter.read().strip() == "0"
