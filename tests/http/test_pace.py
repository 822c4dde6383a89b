"""How fast refusals leave."""

import pytest

from app.http.shedding import Pace


def test_one_now_and_then_does_not_wait() -> None:
    pace = Pace(apart=1, longest=70)
    assert [pace.wait(at) for at in (0.5, 1.5, 100.0)] == [0, 0, 0]


def test_many_at_once_leave_one_after_another() -> None:
    pace = Pace(apart=1, longest=70)
    assert [pace.wait(5.0) for _ in range(4)] == [0, 1, 2, 3]
    assert pace.wait(6.5) == pytest.approx(2.5)


def test_none_waits_longer_than_the_longest_and_the_rest_is_forgotten() -> None:
    pace = Pace(apart=1, longest=2)
    assert [pace.wait(0) for _ in range(6)] == [0, 1, 2, 2, 2, 2]
    assert pace.wait(3) == 0
