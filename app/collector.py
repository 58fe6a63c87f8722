"""Python's garbage collector, kept from walking over TensorFlow's million objects again and again."""

import asyncio
import gc

_GENERATIONS = (100_000, 20, 100)
# Chunks that a version has begun with have left it by then.
_SOON_SECONDS = 1.0


def spare() -> None:
    """Leave all that exists now out of future collections; the second time nothing happens.

    Records come and go in thousands and die by reference count; at the default threshold of 700 new objects the
    collector would run for every few of them, which costs more than decoding them. Models are loaded after this, so
    that those which no longer serve are collected.
    """
    if gc.get_threshold() != _GENERATIONS:
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GENERATIONS)


def collect_soon() -> None:
    """Free a model that was let go, once the event loop that runs now is done with its last records.

    TensorFlow's objects refer to each other in circles.
    """
    asyncio.get_running_loop().call_later(_SOON_SECONDS, gc.collect)
