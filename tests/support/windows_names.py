"""What Windows takes as the name of a file."""

from __future__ import annotations

import re


def refused_by_windows(path: str) -> bool:
    """Whether Windows makes no such file, or makes another one."""
    wrong = r"""[<>:"\\|?*\x00-\x1f]|[ .]$|^(con|prn|aux|nul|com\d|lpt\d) *(\.|$)"""
    return any(re.search(wrong, part, re.IGNORECASE) for part in path.split("/"))
