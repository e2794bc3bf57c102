"""A page waits so long for a store and no longer; what a store says comes through, and few threads ask however many pages wait."""

import threading

import pytest

from contracts.errors import StoreError
from monitor.console.patience import Patience


def test_answers_come_in_the_order_of_the_questions_and_errors_as_they_are() -> None:
    def away() -> int:
        raise StoreError("s3 is away")

    patience = Patience("the store", 2)
    first, second, third = patience.ask_all([lambda: 1, away, lambda: 3])
    assert (first(), third(), patience.ask(lambda: 4)) == (1, 3, 4)
    with pytest.raises(StoreError, match="s3 is away"):
        second()


def test_a_store_that_hangs_is_left_and_asked_by_few() -> None:
    answers, at_work, most = threading.Event(), threading.Semaphore(0), 2
    patience = Patience("the store", most, 0.02)

    def hangs() -> int:
        at_work.release()
        answers.wait()
        return 1

    for _ in range(3):
        for answer in patience.ask_all([hangs] * 5):
            with pytest.raises(StoreError, match="the store has not answered"):
                answer()
    asked = 0
    while at_work.acquire(blocking=False):
        asked += 1
    assert asked == most  # the others were never asked, and wait for nobody
    answers.set()
    patient = Patience("the store", most, 10.0)
    assert [answer() for answer in patient.ask_all([lambda n=n: n for n in range(9)])] == list(range(9))  # type: ignore[misc]


def test_questions_that_wait_go_on_when_a_thread_is_free() -> None:
    patience, alone = Patience("the store", 1, 10.0), threading.Lock()

    def one() -> bool:
        if not alone.acquire(blocking=False):
            return False
        alone.release()
        return True

    assert all(answer() for answer in patience.ask_all([one] * 50))
