"""The C library's allocator, told to keep what the next fetch takes again."""

import ctypes

# The names and numbers of glibc, see mallopt(3).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
# As far as glibc would go by itself; what is larger comes from the kernel each time.
_MMAP_BYTES = 32 << 20
# As much as a few fetches may lie unused at the end of the heap.
_TRIM_BYTES = 128 << 20


def keep_buffers() -> None:
    """Make buffers up to 32 MiB out of memory that is at hand, and let some 128 MiB of it lie unused; where glibc is.

    A fetch of many partitions takes tens of megabytes, three times over until it is cut into records. By itself glibc
    gives them back each time, and the kernel clears every page of the next ones: behind by a hundred thousand records,
    that is a tenth of what it takes to catch up.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _TRIM_BYTES)
