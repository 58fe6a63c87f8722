"""Calls of the model: which are made in a thread, and what is told of them."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from app.calls import ModelCalls
from models.errors import RowsRefused
from models.numpy_model import NumpyModel
from models.predictor import Columns, TopK


class Model(NumpyModel):
    """Notes in which thread it is called; refuses a first feature of 13."""

    def __init__(self, quick_rows: int) -> None:
        super().__init__(poison=13.0)
        self.quick_rows = quick_rows
        self.threads: list[int] = []

    def predict(self, columns: Columns) -> TopK:
        self.threads.append(threading.get_ident())
        return super().predict(columns)


@pytest.fixture(scope="module")
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as threads:
        yield threads


def rows(count: int, first: float = 1.0) -> Columns:
    return {"features": np.full((count, 4), first, np.float32)}


async def test_few_rows_of_a_quick_model_are_not_handed_to_a_thread(executor: ThreadPoolExecutor) -> None:
    took: list[float] = []
    calls, model, here = ModelCalls(executor, took.append, quick=True), Model(quick_rows=2), threading.get_ident()
    quick = [await calls.predict(model, rows(count)) for count in (1, 2)]
    assert model.threads == [here, here]
    others = [await calls.predict(model, rows(count)) for count in (3, 1)]
    assert model.threads[2] != here
    assert model.threads[3] == here
    assert [len(each.scores) for each in (*quick, *others)] == [1, 2, 3, 1]
    assert len(took) == 4


async def test_nobody_else_makes_quick_calls(executor: ThreadPoolExecutor) -> None:
    model = Model(quick_rows=2)
    await ModelCalls(executor, lambda _: None).predict(model, rows(1))
    assert model.threads != [threading.get_ident()]


async def test_a_quick_call_that_fails_fails_as_any_other(executor: ThreadPoolExecutor) -> None:
    took: list[float] = []
    calls = ModelCalls(executor, took.append, quick=True)
    for model in (Model(quick_rows=8), Model(quick_rows=0)):
        with pytest.raises(RowsRefused):
            await calls.predict(model, rows(1, first=13.0))
    assert (len(took), calls.longest_seconds) == (2, 0.0)


async def test_a_call_in_a_thread_leaves_the_event_loop_free(executor: ThreadPoolExecutor) -> None:
    go_on = threading.Event()

    class Waiting(Model):
        def predict(self, columns: Columns) -> TopK:
            assert go_on.wait(30)
            return super().predict(columns)

    calling = asyncio.ensure_future(ModelCalls(executor, lambda _: None).predict(Waiting(quick_rows=0), rows(1)))
    await asyncio.sleep(0)
    go_on.set()
    assert len((await calling).scores) == 1
