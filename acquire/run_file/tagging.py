"""Tags and comments, made and taken off: additions to finished run files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import h5py

from acquire.config.overrides import GARBLED
from acquire.config.yaml_source import is_text
from acquire.run_file.additions import add
from acquire.run_file.loaded import HeldGroup
from acquire.run_file.placing import Waiting
from acquire.run_file.read import ArchiveError, Run
from acquire.run_file.remarks import (
    LONGEST_COMMENT,
    LONGEST_TAG,
    MOST_REMARKS,
    PLACE,
    Remark,
    RemarkKind,
    write_remarks,
)


@dataclass(frozen=True)
class Wish:
    """What is to be said of a run: a tag, a tag to be taken off, a comment; who says it, and when (ISO 8601).

    Each may be empty.
    """

    tag: str = ""
    remove: str = ""
    comment: str = ""
    user: str = ""
    time: str = ""


def objections(wish: Wish) -> list[str]:
    """What is wrong with a wish, whatever the file; empty where nothing is."""
    found = []
    for what, text in (("tag", wish.tag), ("comment", wish.comment), ("name of --user", wish.user)):
        if not is_text(text) or GARBLED in text:
            found.append(
                f"the {what} holds a control character, or one that the terminal did not pass on whole; type it anew"
            )
    for what, text, longest in (("tag", wish.tag, LONGEST_TAG), ("comment", wish.comment, LONGEST_COMMENT)):
        if len(text) > longest:
            found.append(f"the {what} has {len(text)} characters; {longest} is the most")
    if "\n" in wish.tag or "," in wish.tag:
        found.append("a tag is a few words, without commas and line ends; more goes into a comment (--comment)")
    return found


def say_of(path: Path, wish: Wish, waiting: Waiting | None = None) -> Run:
    """Do what a wish says to a finished run file, and give the run with its tags and comments.

    A tag that the run has already stays as it is.

    :raises acquire.run_file.read.ArchiveError: nothing was said: as :func:`acquire.run_file.additions.add`; there is no
        such tag to be taken off; or there is no room for more.
    """

    def change(run: Run, _: HeldGroup) -> Callable[[h5py.Group], object] | None:
        remarks = _with(run, wish)
        return None if remarks == run.remarks else lambda entry: write_remarks(entry, remarks)

    return add(path, PLACE, change, waiting)


def _with(run: Run, wish: Wish) -> tuple[Remark, ...]:
    """The remarks of a run when a wish is fulfilled.

    :raises ArchiveError: it cannot be.
    """
    remarks = list(run.remarks)
    if wish.remove:
        if wish.remove not in run.tags:
            there = f"its tags: {', '.join(run.tags)}" if run.tags else "it has no tag"
            raise ArchiveError(f"{run.path}: has no tag '{wish.remove}', and stays as it is; {there}")
        off = [one.kind is RemarkKind.TAG and one.text == wish.remove and not one.removed for one in remarks]
        remarks = [replace(one, removed=wish.time) if is_off else one for one, is_off in zip(remarks, off, strict=True)]
    if wish.tag and wish.tag not in run.tags:
        remarks.append(Remark(RemarkKind.TAG, wish.tag, wish.user, wish.time))
    if wish.comment:
        remarks.append(Remark(RemarkKind.COMMENT, wish.comment, wish.user, wish.time))
    if len(remarks) > MOST_REMARKS:
        raise ArchiveError(f"{run.path}: has {len(run.remarks)} tags and comments already, and takes no more")
    return tuple(remarks)
