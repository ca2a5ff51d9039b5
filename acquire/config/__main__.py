"""``python -m acquire.config`` brings the schema files and the reference of every key up to date.

``--write-schemas configs/schema``, ``--write-reference docs/reference/yaml.md``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from acquire.config.reference import write_reference
from acquire.config.schema import write_schemas


def main() -> None:
    """Write what is made from the models of the configuration files."""
    parser = argparse.ArgumentParser(prog="python -m acquire.config", description=main.__doc__)
    parser.add_argument("--write-schemas", type=Path, metavar="DIR", help="the JSON Schemas, for editors")
    parser.add_argument("--write-reference", type=Path, metavar="FILE.md", help="every key, for people")
    wanted = parser.parse_args()
    if wanted.write_schemas is None and wanted.write_reference is None:
        parser.error("nothing to write: give --write-schemas DIR or --write-reference FILE.md")
    if wanted.write_schemas is not None:
        for path in write_schemas(wanted.write_schemas):
            print(path)
    if wanted.write_reference is not None:
        write_reference(wanted.write_reference)
        print(wanted.write_reference)


if __name__ == "__main__":
    main()
