"""A relay board on a simulated line, with a resistor of n kohm behind relay n."""

import numpy as np

from drivers.relay_board.driver import RelayBoard
from drivers.simulated.clock import VirtualClock
from drivers.simulated.fixture import NoiseSettings, TestFixture
from drivers.simulated.loads import OpenCircuit, Resistor
from drivers.simulated.photodiode import Photodiode
from drivers.simulated.relay_board.twin import RelayBoardOptions, RelayBoardTwin
from drivers.simulated.visa import SimulatedVisaLibrary

ADDRESS = {"serial": "ASRL5::INSTR", "socket": "TCPIP0::relays::5025::SOCKET"}


def board(interface="serial", **options):
    """The twin, and the driver at the other end of its line."""
    clock = VirtualClock()
    photodiode = Photodiode(etendue=1e-9, responsivity=np.zeros(401), gain=1.0, dark_current=0.0)
    fixture = TestFixture(clock, OpenCircuit(), photodiode, NoiseSettings.none(), 1)
    fixture.put_in({relay: Resistor(1e3 * relay) for relay in (1, 2, 3, 4)})
    twin = RelayBoardTwin(fixture, RelayBoardOptions(interface=interface, **options))
    library = SimulatedVisaLibrary(clock, {ADDRESS[interface]: twin})
    return twin, RelayBoard(ADDRESS[interface], visa_library=library)
