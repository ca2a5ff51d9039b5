"""What is known of the Vaisala HMP60 and HMP110 series: their line, and how well they know the room.

Sources: HMP60 and HMP110 Series User's Guide M211060EN, whose serial line is 19200 8N1 as from the factory; accuracy of
the HMP110 at 0 to 40 degC by its data sheet.
"""

from __future__ import annotations

from drivers.specification import LoggerSpecification, SerialLine

SPECIFICATION = LoggerSpecification(
    name="Vaisala HMP110",
    maker="VAISALA",
    identities=("HMP", "HMT", "HMD", "HMW"),
    serial=SerialLine(baud_rate=19200, terminator="\r"),
    highest_baud_rate=57600,
    temperature_limit=0.2,
    humidity_limit=0.015,
)
