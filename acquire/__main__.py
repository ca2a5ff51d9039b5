"""``python -m acquire`` is the ``acquire`` command. A Python that is too old can read this file, and is told by it."""

import os
import signal
import sys

OLDEST = (3, 11)  # as requires-python in pyproject.toml
ROOM = 256 * 2**20  # bytes of address space; a short run takes some 230 MB beside the interpreter
NO_MEMORY = "acquire: there is not enough memory; close other programs, or raise what limits it (ulimit -v)"

NOTHING_SENT = "nothing was sent to any instrument; press OUTPUT on the source to switch it off"
NOT_CONFIRMED = "THE OUTPUT MAY STILL BE ON; press OUTPUT on the source to switch it off"


def main() -> None:
    """Entry point of the ``acquire`` command: no traceback for Ctrl-C or want of memory, from the first import on."""
    if sys.version_info[:2] < OLDEST:
        _give_up(_too_old(), NOTHING_SENT)
    # Numpy's OpenBLAS takes memory for a thread on each core when it is loaded; nothing here is so large that a second
    # one would help
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        _see_whether_there_is_room()
        from acquire.cli.commands import main as command_line

        command_line()
    except KeyboardInterrupt:
        sys.exit(130)
    except MemoryError:
        _give_up(NO_MEMORY)
    except ImportError as error:
        _give_up(_cannot_be_loaded(error))
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the exit status stands; nothing is left to interrupt


def _too_old() -> str:
    needed, this = (".".join(map(str, version)) for version in (OLDEST, sys.version_info[:3]))
    return f"acquire: needs Python {needed} or newer, and this is Python {this} ({sys.executable})"


def _see_whether_there_is_room() -> None:
    """Ask for memory and give it back.

    :raises MemoryError: OpenBLAS would end the program without asking us.
    """
    from mmap import mmap

    try:
        mmap(-1, ROOM).close()
    except OSError as error:
        if not _is_off():
            raise MemoryError from error
        if not _can_be_loaded():  # off is tried with whatever memory there is
            _give_up(NO_MEMORY, NOTHING_SENT)


def _is_off() -> bool:
    return sys.argv[1:2] == ["off"]


def _can_be_loaded() -> bool:
    """Whether OpenBLAS lets a program live in the memory there is: tried in another one, which it may end."""
    import subprocess

    parts = "import subprocess, acquire.cli.commands, acquire.config, acquire.bench.opening"
    try:
        tried = subprocess.run([sys.executable, "-c", parts], capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return tried.returncode == 0


def _cannot_be_loaded(error: ImportError) -> str:
    """Why, in one line. Numpy makes an error of many lines of it, the first error among them."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    first = next((line for line in lines if line.startswith("Original error was: ")), lines[0])
    hint = "install it again, or free memory if that is what is missing"
    return f"acquire: a part of the program cannot be loaded ({''.join(filter(str.isprintable, first))}); {hint}"


def _give_up(line: str, of_the_output: str = NOT_CONFIRMED) -> None:
    if _is_off():
        line += f"; {of_the_output}"
    if sys.stderr is not None:
        sys.stderr.write(f"{line}\n")
    sys.exit(1)


if __name__ == "__main__":
    main()
