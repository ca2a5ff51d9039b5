"""``python -m acquire`` is the ``acquire`` command."""

from acquire.cli import main

if __name__ == "__main__":
    main()
