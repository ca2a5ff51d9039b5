"""``python -m acquire.config --write-schemas configs/schema`` brings the schema files up to date."""

from __future__ import annotations

import argparse
from pathlib import Path

from acquire.config.schema import write_schemas


def main() -> None:
    """Write the JSON Schemas of the configuration files."""
    parser = argparse.ArgumentParser(prog="python -m acquire.config", description=main.__doc__)
    parser.add_argument("--write-schemas", type=Path, metavar="DIR", required=True)
    for path in write_schemas(parser.parse_args().write_schemas):
        print(path)


if __name__ == "__main__":
    main()
