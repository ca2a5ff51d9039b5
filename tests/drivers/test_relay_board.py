"""The driver of the relay board: its bytes, what it refuses, and that no two contacts are ever closed at a time."""

import pytest

from drivers.errors import InstrumentTimeout, RefusedByDriver, SettingNotTaken, UnexpectedReply
from drivers.relay_board import messages
from drivers.relay_board.driver import RelayBoard, SwitchSettings
from tests.drivers.conftest import NOTHING
from tests.support.relay_board import board

#: What is sent, and the echo; then what the board says, without line ends: from the manual of such boards.
OPENED = [
    ("relay writeall 00", "relay writeall 00"), (None, NOTHING), ("relay readall", "relay readall"), (None, "00"),
]  # fmt: skip


def test_it_breaks_before_it_makes_and_reads_back(transcript):
    closing = [("relay on 3", ">relay on 3"), (None, NOTHING), ("relay readall", ">relay readall"), (None, "08")]
    with transcript(RelayBoard, [*OPENED, *OPENED, *closing]) as relays:
        relays.configure(SwitchSettings(channels=8))
        relays.select(3)
        assert relays.settings() == {"channels": 8}


@pytest.mark.parametrize(("channels", "sent", "reply"), [(1, "0", "1"), (4, "0", "8"), (16, "0000", "8000"),
                                                         (32, "00000000", "80000000")])  # fmt: skip
def test_boards_of_other_sizes(channels, sent, reply):
    assert messages.open_all(channels) == f"relay writeall {sent}"
    assert messages.closed_relays(reply, channels) == (channels - 1,)
    assert (
        messages.switch_on(channels - 1)
        == {1: "relay on 0", 4: "relay on 3", 16: "relay on F", 32: "relay on V"}[channels]
    )


@pytest.mark.parametrize("reply", ["", "0", "000", "on", "0x", "100", "G0"])
def test_what_is_no_state_of_eight_relays(reply):
    with pytest.raises(ValueError, match="8 relays"):
        messages.closed_relays(reply, 8)


@pytest.mark.parametrize("interface", ["serial", "socket"])
def test_a_pixel_at_a_time_on_the_twin(interface):
    twin, relays = board(interface)
    identity = relays.identify()
    assert relays.specification.fits(identity.maker, identity.model)
    relays.configure(SwitchSettings())
    seen = []
    for channel in (0, 3, 1, 1, None):
        relays.select(channel)
        seen.append((twin.contacts, relays.closed, twin.fixture.drive_voltage(1.0, 1.0).current))
        twin.fixture.disconnect()
    assert seen == [
        ((0,), (0,), 1e-3), ((3,), (3,), 0.25e-3), ((1,), (1,), 0.5e-3), ((1,), (1,), 0.5e-3), ((), (), 0.0)
    ]  # fmt: skip
    assert twin.most_closed == 1
    assert twin.switched_live == 0


def test_the_twin_tells_a_switch_under_voltage():
    twin, relays = board()
    relays.configure(SwitchSettings())
    twin.fixture.drive_voltage(1.0, 1.0)
    relays.select(2)
    assert twin.switched_live == 1


@pytest.mark.parametrize("channel", [-1, 8, 31])
def test_a_relay_that_is_not_there_is_refused_before_anything_is_sent(channel):
    twin, relays = board()
    relays.configure(SwitchSettings())
    relays.select(2)
    with pytest.raises(RefusedByDriver, match=f"no relay {channel} among 8"):
        relays.select(channel)
    assert twin.contacts == (2,)
    with pytest.raises(RefusedByDriver, match="no board has 5 relays"):
        relays.configure(SwitchSettings(channels=5))


def test_nothing_is_switched_before_the_board_is_known():
    _, relays = board()
    with pytest.raises(RefusedByDriver, match="not configured"):
        relays.select(0)


def test_another_board_than_the_bench_file_says():
    _, relays = board(channels=16)
    with pytest.raises(UnexpectedReply, match="Has the board 8 relays"):
        relays.configure(SwitchSettings(channels=8))


def test_a_board_that_is_silent():
    twin, relays = board()
    relays.configure(SwitchSettings())
    twin.receive = lambda data, end=False: None
    with pytest.raises(InstrumentTimeout, match="no answer to relay writeall 00 within 2 s"):
        relays.select(0)


def test_a_relay_that_was_closed_by_somebody_else_is_opened_again(monkeypatch):
    twin, relays = board()
    relays.configure(SwitchSettings())
    original = twin.receive

    def meddled(data, end=False):
        original(data)
        if b"relay on 0" in data:
            original(b"relay on 1\r")

    monkeypatch.setattr(twin, "receive", meddled)
    with pytest.raises(SettingNotTaken, match=r"sent relay 0 closed, reads back relay 0 and 1 closed"):
        relays.select(0)
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
    twin, _ = board(channels=8, instant=True)
    twin.receive(typed + b"\r")
    reply, _ = twin.transmit()
    assert reply.endswith(b"\n\r>")
    assert twin.contacts == ()
