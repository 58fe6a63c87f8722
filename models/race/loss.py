"""The Plackett-Luce loss: how surprising the order at the end is when strengths decide each place in turn."""

from typing import Any

NEVER = -1e9
"""The logarithm of the strength of nobody."""


def plackett_luce(seen: Any, scores: Any, top: float = 0.0) -> Any:
    """Return `[...]`, the negative log-likelihood of the order in which the lists stand, per place that was open.

    The first place goes to one of all with a probability in proportion to exp(score), the second to one of the others,
    and so on (R. L. Plackett, The Analysis of Permutations, 1975; as a loss ListMLE, Xia et al., 2008).

    Args:
        seen: `[..., K]`, 1 for a participant, 0 behind the last one.
        scores: `[..., K]`, participants in the order in which they finished.
    """
    from keras import ops

    scores = ops.where(seen > 0, scores, NEVER)
    length = scores.shape[-1]
    # Row k: all who were still to finish when place k was given.
    open_to = ops.triu(ops.ones((length, length)))
    remaining = ops.logsumexp(ops.where(open_to > 0, scores[..., None, :], NEVER), axis=-1)
    weights = seen / ops.arange(1, length + 1, dtype="float32") ** top
    return ops.sum(weights * (remaining - scores), axis=-1) / ops.sum(weights, axis=-1)
