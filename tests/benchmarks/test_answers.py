import json
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from confluent_kafka import Message

from benchmarks.answers import AnswerKey
from benchmarks.errors import BenchmarkFailed
from benchmarks.records import DISTINCT, headers, key

_COUNT = 3
_SCORES = np.random.default_rng(5).random((DISTINCT, 4), np.float32)
_KEY = AnswerKey(_SCORES, top_k=2, on_gpu=False)
_ADDED = [(name, b"1") for name in ("model-name", "model-version", "source-topic", "source-partition", "source-offset")]


def _message(number: int, *, change: Callable[[list[dict[str, object]]], None] = lambda _: None) -> Message:
    best = np.argsort(-_SCORES[number])[:2].tolist()
    entries = [
        {"rank": place, "label": str(label), "score": float(_SCORES[number, label])}
        for place, label in enumerate(best, 1)
    ]
    change(entries)
    value = {"id": f"r{number}", "model": "mlp", "model_version": "unversioned", "predictions": entries}
    return Message(
        topic="out", value=json.dumps(value).encode(), key=key(number), headers=[*headers(number, 0), *_ADDED]
    )


def _check(messages: Sequence[Message], *, ranked: bool = True) -> None:
    _KEY.check("somebody", messages, _COUNT, ranked=ranked)


def _right() -> list[Message]:
    return [_message(number) for number in range(_COUNT)]


def test_right_answers_pass_in_any_order() -> None:
    _check(_right())
    _check(_right()[::-1])


def test_a_lost_record_is_noticed() -> None:
    with pytest.raises(BenchmarkFailed, match="1 records lost, 0 published again"):
        _check(_right()[1:])


def test_a_record_published_again_is_noticed() -> None:
    with pytest.raises(BenchmarkFailed, match="0 records lost, 1 published again"):
        _check([*_right(), _message(1)])


def test_a_score_that_tensorflow_did_not_give_is_noticed() -> None:
    def off(entries: list[dict[str, object]]) -> None:
        entries[1]["score"] = float(str(entries[1]["score"])) + 1e-4

    with pytest.raises(BenchmarkFailed, match="scores differ"):
        _check([*_right()[:2], _message(2, change=off)])


def test_a_label_beside_another_classs_score_is_noticed() -> None:
    def swap(entries: list[dict[str, object]]) -> None:
        entries[0]["label"], entries[1]["label"] = entries[1]["label"], entries[0]["label"]

    with pytest.raises(BenchmarkFailed, match="scores differ"):
        _check([*_right()[:2], _message(2, change=swap)])


def test_entries_in_the_wrong_order_are_noticed() -> None:
    with pytest.raises(BenchmarkFailed, match="scores differ"):
        _check([*_right()[:2], _message(2, change=lambda entries: entries.reverse())])


def test_a_missing_entry_is_noticed() -> None:
    with pytest.raises(BenchmarkFailed, match="2 entries"):
        _check([*_right()[:2], _message(2, change=lambda entries: entries.pop())])


@pytest.mark.parametrize("change", ["key", "headers"])
def test_a_changed_key_or_header_is_noticed(change: str) -> None:
    message = _message(2)
    if change == "key":
        message.set_key(b"another")
    else:
        message.set_headers(_ADDED)
    with pytest.raises(BenchmarkFailed, match="r2 came with"):
        _check([*_right()[:2], message])


def test_echoes_are_checked_for_everything_but_scores() -> None:
    wrong = _message(2, change=lambda entries: entries.clear())
    _check([*_right()[:2], wrong], ranked=False)
