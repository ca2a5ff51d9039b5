"""What is known of the relay boards with the text commands of :mod:`drivers.relay_board.messages`."""

from __future__ import annotations

from drivers.specification import PixelSwitchSpecification, SerialLine

SPECIFICATION = PixelSwitchSpecification(
    name="relay board",
    maker="NUMATO",
    identities=("RELAY",),
    serial=SerialLine(baud_rate=9600, terminator="\r"),
    highest_baud_rate=115200,
    relays=32,
)

#: Until a contact is steady, s: twice what miniature power relays need at most, bounce included.
OPERATE_TIME = 20e-3
