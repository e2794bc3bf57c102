"""How a version fares: no batch of any thread is lost."""

from concurrent.futures import ThreadPoolExecutor

from serving.telemetry.fared import Fared


def test_no_batch_is_lost_between_threads() -> None:
    fared = Fared()

    def work(_: int) -> None:
        for _ in range(2000):
            fared.count(answered=3, invalid=1)
            fared.count(failed=2)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert fared.counts == (24_000, 16_000, 8_000)
