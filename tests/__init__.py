"""The tests; a package, so that its folders never stand in for the packages they test."""

import os

# Before numpy is loaded, and for what the tests start: one thread of OpenBLAS, as the command itself has it. A second
# one takes a tenth of a second of computing in each process, and there are hundreds
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
