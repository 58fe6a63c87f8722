"""The garbage collector, kept off the hot path."""

import gc


def spare_the_loaded() -> None:
    """Never look again at what is loaded now (all of TensorFlow), and look at the rest less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
