"""Models that somebody else trained and published inside packages."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.zoo.archives import unpacked
from tests.zoo.case import Answer, Case, Rows, call
from tests.zoo.refused import Refused

_TAXI = "tfx/components/testdata/trainer/current/Format-Serving/export/chicago-taxi/1646034756"
_PUSHED = "tfx/components/testdata/pusher/model_push/1584391735"
_WHISKERS = "whacc/whacc_data/final_model/final_resnet50V2_HEAD/final_model_HEAD"

NAMES = ("anna", "rahul", "priyanka")
PROGRAMS = ("#include <stdio.h>\nint main(void) { return 0; }\n", "def f(x):\n    return [y for y in x]\n", "SELECT 1;")
TRIPS: Rows = [
    {"company": ["Flash Cab"], "trip_miles": [3.5], "fare": [12.25], "trip_start_hour": [9], "payment_type": ["Cash"]},
    {"trip_miles": [0.5], "trip_seconds": [300], "trip_start_day": [2]},
    {},
]


def _copied(inside: str) -> Callable[[Any, Path], None]:
    return lambda _, path: shutil.copytree(unpacked() / inside, path)


def _letters(name: str) -> list[int]:
    return [ord(letter) - ord("a") + 1 for letter in name] + [0] * (24 - len(name))


def _trip(tf: Any, row: Mapping[str, Any]) -> bytes:
    def feature(value: list[Any]) -> Any:
        if isinstance(value[0], str):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[each.encode() for each in value]))
        if isinstance(value[0], int):
            return tf.train.Feature(int64_list=tf.train.Int64List(value=value))
        return tf.train.Feature(float_list=tf.train.FloatList(value=value))

    features = tf.train.Features(feature={name: feature(value) for name, value in row.items()})
    example: bytes = tf.train.Example(features=features).SerializeToString()
    return example


def _taxi(tf: Any, path: Path, rows: Rows) -> Answer:
    return call(labels="classes")(tf, path, [{"inputs": _trip(tf, row)} for row in rows])


CASES = (
    Case(
        "naampy 0.5.0: the share of women with a name",
        _copied("naampy/model/naampy_rmse"),
        [{"input": _letters(name)} for name in NAMES],
        call(scores="dense_26", labels=["dense_26"]),
        exact=False,
    ),
    Case(
        "guesslang 2.2.1: the programming language of a text",
        _copied("guesslang/data/model"),
        [{"inputs": program} for program in PROGRAMS],
        call(labels="classes"),
        exact=False,
    ),
    Case("tfx 1.21.0: whether a taxi's driver is tipped", _copied(_TAXI), TRIPS, _taxi, exact=False),
    Case(
        "whacc 1.4.3: whether a whisker touches a pole",
        _copied(_WHISKERS),
        [{"input_1": np.linspace(0, 1, 2048, dtype=np.float32).tolist()}, {"input_1": [0.5] * 2048}],
        call(scores="dense_25", labels=["dense_25"]),
        exact=False,
    ),
)

REFUSED = (
    Refused(
        "basic-pitch 0.4.0: notes at every moment of a sound",
        _copied("basic_pitch/saved_models/icassp_2022/nmp"),
        r"no output can hold scores .*; there are: contour float32 \[None, 172, 264\]; note float32",
    ),
    Refused(
        "tfx 1.21.0: an op that TensorFlow has no more",
        _copied(_PUSHED),
        r"fails for made-up rows .*: No OpKernel was registered to support Op 'BoostedTreesBucketize'",
    ),
)
