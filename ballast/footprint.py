"""How much memory a process keeps that has loaded what it runs."""

from __future__ import annotations

import ctypes
import gc
from typing import Final

# Of glibc's malloc.h: from which size on a block is mapped by itself, and goes back to the system as soon as it is free; how much may
# be free at the end of the heap; how many heaps there are. glibc raises the first two to the largest block that was ever freed:
# after one password's hash, which takes 19 MiB, they would stay.
_MALLOC: Final = {-3: 1024 * 1024, -1: 256 * 1024, -8: 1}


def settle() -> None:
    """For once everything is loaded and no thread runs yet: what is there stays, and what is free goes back to the system.

    The garbage collector never looks at it again, so it does not write to it either: processes that are forked from this one share it.
    Threads of Python wait for each other anyway, so they share one heap of C's too, where each would have one of some megabytes.
    """
    gc.collect()
    gc.freeze()
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim"):  # other systems' C libraries have neither
        for option, value in _MALLOC.items():
            libc.mallopt(option, value)
        libc.malloc_trim(0)
