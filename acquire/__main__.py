"""``python -m acquire`` is the ``acquire`` command."""

import signal
import sys


def main() -> None:
    """Entry point of the ``acquire`` command: Ctrl-C ends it without a traceback, from the first import on."""
    try:
        from acquire.cli import main as command_line

        command_line()
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the exit status stands; nothing is left to interrupt


if __name__ == "__main__":
    main()
