"""The confluent-kafka loop for races, its standings in memory alone: `python -m benchmarks.peers.race_loop`.

What it does not do: keep the standings when it ends, know an older record from a newer one, notice a bad record.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import tensorflow as tf

from benchmarks.peers import loop, settings
from benchmarks.peers.settings import BATCH_SIZE


class _Scorer:
    """The SavedModel, its inputs given to it as one tensor: thirty tensors of one number each take far longer."""

    def __init__(self, path: str) -> None:
        # Kept alive for the whole process: the signature alone does not hold on to its variables.
        (version,) = Path(path).iterdir()
        self._model = tf.saved_model.load(str(version))
        signature = self._model.signatures["serving_default"]
        self.names = sorted(signature.structured_input_signature[1])

        def together(rows: Any) -> Any:
            return signature(**dict(zip(self.names, tf.unstack(rows, axis=1), strict=True)))["scores"]

        wanted = [tf.TensorSpec([None, len(self.names)], tf.float32)]
        self._function = tf.function(together, input_signature=wanted, autograph=False).get_concrete_function()
        for rows in (BATCH_SIZE, 1):
            self.scores(np.zeros((rows, len(self.names)), np.float32))

    def scores(self, rows: npt.NDArray[np.float32]) -> list[float]:
        scores: list[float] = self._function(tf.constant(rows)).numpy()[:, 0].tolist()
        return scores


def main() -> None:
    """Rank races until SIGTERM."""
    told = settings.from_environment()
    rank = ranker(told)
    loop.run(told, lambda messages: rank([message.value() for message in messages]))


def ranker(told: settings.PeerSettings) -> Callable[[Sequence[bytes]], list[bytes]]:
    """Return what ranks the values of records, one after the other; it keeps the standings."""
    scorer = _Scorer(told.model_path)
    inputs = itemgetter(*scorer.names)
    standings: defaultdict[str, dict[str, float]] = defaultdict(dict)

    def rank(values: Sequence[bytes]) -> list[bytes]:
        records = [orjson.loads(value) for value in values]
        scores = scorer.scores(np.array([inputs(record) for record in records], np.float32))
        rankings = []
        for record, score in zip(records, scores, strict=True):
            group = standings[record["group"]]
            group[record["member"]] = score
            places = sorted(group.items(), key=itemgetter(1), reverse=True)
            ranking = [{"rank": at, "label": who, "score": got} for at, (who, got) in enumerate(places, 1)]
            rankings.append(orjson.dumps({"id": record["id"], "group": record["group"], "predictions": ranking}))
        return rankings

    return rank


if __name__ == "__main__":
    main()
