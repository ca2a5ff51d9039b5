"""The driver of the relay board: its bytes, what it refuses, and that no two contacts are ever closed at a time."""

import pytest

from drivers.errors import InstrumentTimeout, RefusedByDriver, SettingNotTaken
from drivers.relay_board import messages
from drivers.relay_board.driver import RelayBoard
from tests.drivers.conftest import NOTHING
from tests.support.relay_board import board

ALL = ("relay readall", ">relay readall")
#: What is sent, and the echo; then what the board says, without line ends: from the manual of such boards.
OPENED = [ALL, (None, "08"), ("relay writeall 00", "relay writeall 00"), (None, NOTHING), ALL, (None, "00")]


def test_it_breaks_before_it_makes_and_reads_back(transcript):
    closing = [("relay on 3", ">relay on 3"), (None, NOTHING), ALL, (None, "08"), ALL, (None, "08")]
    with transcript(RelayBoard, [*OPENED, *closing]) as relays:
        relays.select(4)
        assert relays.settings() == {"relay": 4}


@pytest.mark.parametrize(("digits", "sent", "reply"), [(1, "0", "8"), (2, "00", "80"), (4, "0000", "8000"),
                                                       (8, "00000000", "80000000")])  # fmt: skip
def test_boards_of_other_sizes(digits, sent, reply):
    assert messages.open_all(digits) == f"relay writeall {sent}"
    assert messages.closed_relays(reply) == ((4 * digits,), digits)
    assert (
        messages.switch_on(4 * digits) == {1: "relay on 3", 2: "relay on 7", 4: "relay on F", 8: "relay on V"}[digits]
    )


@pytest.mark.parametrize("reply", ["", "000", "on", "0x", "10000", "G0", "-1", " 1"])
def test_what_is_no_state_of_relays(reply):
    with pytest.raises(ValueError, match="not the state of relays"):
        messages.closed_relays(reply)


@pytest.mark.parametrize("interface", ["serial", "socket"])
def test_a_pixel_at_a_time_on_the_twin(interface):
    twin, relays = board(interface)
    identity = relays.identify()
    assert relays.specification.fits(identity.maker, identity.model)
    seen = []
    for relay in (1, 4, 2, 2, None):
        relays.select(relay)
        seen.append((twin.contacts, relays.selected, twin.fixture.drive_voltage(1.0, 1.0).current))
        twin.fixture.disconnect()
    assert seen == [
        ((1,), 1, 1e-3), ((4,), 4, 0.25e-3), ((2,), 2, 0.5e-3), ((2,), 2, 0.5e-3), ((), None, 0.0)
    ]  # fmt: skip
    assert twin.most_closed == 1
    assert twin.switched_live == 0


def test_the_twin_tells_a_switch_under_voltage():
    twin, relays = board()
    twin.fixture.drive_voltage(1.0, 1.0)
    relays.select(2)
    assert twin.switched_live == 1


@pytest.mark.parametrize("relay", [-1, 0, 9, 33])
def test_a_relay_that_is_not_there_is_refused_before_anything_is_switched(relay):
    twin, relays = board()
    relays.select(2)
    with pytest.raises(RefusedByDriver, match=f"no relay {relay} on a board with 1 to 8"):
        relays.select(relay)
    assert twin.contacts == (2,)


def test_a_relay_that_the_board_is_not_fitted_with():
    twin, relays = board(relays=2)
    with pytest.raises(SettingNotTaken, match="sent relay 3 closed, reads back all open"):
        relays.select(3)
    assert twin.contacts == ()


def test_a_board_that_is_silent():
    twin, relays = board()
    twin.receive = lambda data, end=False: None
    with pytest.raises(InstrumentTimeout, match="no answer to relay readall within 2 s"):
        relays.select(1)


def test_a_relay_that_was_closed_by_somebody_else_is_opened_again(monkeypatch):
    twin, relays = board()
    original = twin.receive

    def meddled(data, end=False):
        original(data)
        if b"relay on 0" in data:
            original(b"relay on 1\r")

    monkeypatch.setattr(twin, "receive", meddled)
    with pytest.raises(SettingNotTaken, match=r"sent relay 1 closed, reads back relay 1 and 2 closed"):
        relays.select(1)
    twin.fixture.clock.advance(0.1)
    assert twin.contacts == ()


def test_half_a_command_of_a_program_that_was_killed():
    twin, relays = board()
    twin.receive(b"relay wri")
    assert relays.identify().serial == "00000000"


@pytest.mark.parametrize(
    "typed", [b"relay", b"relay on", b"relay on 9", b"relay on a", b"relay writeall 0", b"\xff\x00"]
)
def test_what_the_board_does_not_understand_is_answered_by_its_prompt(typed):
    twin, _ = board(instant=True)
    twin.receive(typed + b"\r")
    reply, _ = twin.transmit()
    assert reply.endswith(b"\n\r>")
    assert twin.contacts == ()
