import subprocess
import sys

import pytest

LATER = """
import sys
from drivers.keithley2400.driver import Keithley2400
from drivers.keithley2000.driver import Keithley2000
print("pandas" in sys.modules, "pymeasure.instruments.keithley" in sys.modules)
from pymeasure.instruments import keithley
print(issubclass(Keithley2400, keithley.Keithley2400), issubclass(Keithley2000, keithley.Keithley2000))
print(hasattr(keithley, "Keithley2281S_PS") or hasattr(keithley, "Keithley2281S"))
"""
BEFORE = """
from pymeasure.instruments import keithley
from drivers.keithley2400.driver import Keithley2400
print(issubclass(Keithley2400, keithley.Keithley2400), keithley.Keithley2400.__module__)
"""


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (LATER, "False False\nTrue True\nTrue\n"),
        (BEFORE, "True pymeasure.instruments.keithley.keithley2400\n"),
    ],
    ids=["later", "before"],
)
def test_the_drivers_take_two_classes_of_pymeasure_and_leave_its_package_as_it_was(program, said):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == said
