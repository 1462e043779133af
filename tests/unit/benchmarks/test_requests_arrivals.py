from benchmarks.requests_arrivals import draw_arrivals, send_arrivals
from benchmarks.requests_sides import Kind
from tests.unit.benchmarks.conftest import Run


def test_arrivals_are_the_same_for_all_sides_and_come_at_their_rate() -> None:
    times_s = draw_arrivals(50, 20)

    assert times_s == sorted(draw_arrivals(50, 20))
    assert 900 < len(times_s) < 1100
    assert times_s[-1] < 20


def test_each_arrival_starts_a_scan_of_its_own(run: Run) -> None:
    asked = []

    async def call(kind: Kind, id_: str) -> None:
        asked.append((kind, id_))

    latencies_ms = run(send_arrivals(call, [0, 0, 0]))

    assert {kind for kind, _ in asked} == {Kind.SCAN}
    assert len({id_ for _, id_ in asked}) == len(latencies_ms) == 3
