"""Memory that was given back is taken again without asking the kernel for it."""

import ctypes
import subprocess
import sys

import pytest

FAULTS = """
import ctypes
from resource import RUSAGE_SELF, getrusage
from app import heap

ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)  # PR_SET_THP_DISABLE: pages of 4 KiB, whatever the machine is set to
if {keeps}:
    heap.keep_buffers()
before = getrusage(RUSAGE_SELF).ru_minflt
for megabytes in range(8, 25):
    # Each larger than the one before: what glibc learns from those does not help.
    b"." * (megabytes << 20)
print(getrusage(RUSAGE_SELF).ru_minflt - before)
"""


def faults(*, keeps: bool) -> int:
    """How many pages a process touches for the first time while it takes and gives back large buffers."""
    program = FAULTS.format(keeps=keeps)
    return int(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="this C library has no mallopt, as glibc has")
def test_buffers_are_made_of_memory_that_is_at_hand():
    assert 4 * faults(keeps=True) < faults(keeps=False)
