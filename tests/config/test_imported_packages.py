"""What an import takes in."""

import subprocess
import sys


def test_a_quantity_takes_in_no_package_that_it_does_not_need():
    program = (
        "import sys\n"
        "from acquire.config.quantities import conversion_factor\n"
        "print(conversion_factor('mA', 'A'), sorted({'dask', 'xarray', 'pandas'} & set(sys.modules)))\n"
        "import dask, pint\n"
        "print(dask.__name__, pint.Quantity(3, 'm').to('cm').magnitude)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "0.001 []\ndask 300.0\n"
