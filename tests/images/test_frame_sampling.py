"""Which frames are taken."""

from __future__ import annotations

import pytest

from resight.errors import UsageError
from resight.images.frame_sampling import MiddleOfShots, Sampling, Steady


def taken(choice: Steady[int] | MiddleOfShots[int], times: list[int], begins: tuple[int, ...] = (0,)) -> list[int]:
    found = [one for ms in times for one in choice.take(ms, ms in begins, ms)] + [*choice.end()]
    assert all(ms == frame for ms, frame in found)
    return [ms for ms, _ in found]


def test_the_first_frame_of_each_second() -> None:
    assert taken(Steady(1.0), [*range(0, 3000, 40)]) == [0, 1000, 2000]
    # 30000/1001 frames a second: no frame is at a whole second.
    assert taken(Steady(1.0), [round(n * 1001 / 30) for n in range(70)]) == [0, 1001, 2002]


def test_frames_that_come_rarely_are_all_taken_and_none_twice() -> None:
    assert taken(Steady(1.0), [0, 2500, 2600, 2999, 3000, 7000]) == [0, 2500, 3000, 7000]
    assert taken(Steady(0.5), [0, 100, 500, 900, 1000]) == [0, 500, 1000]


@pytest.mark.parametrize("count", [1, 2, 16, 17, 100, 1000])
def test_the_middle_of_a_shot_is_within_a_sixteenth(count: int) -> None:
    times = [40 * n for n in range(count)]
    (middle,) = taken(MiddleOfShots(), times)
    assert abs(middle - times[-1] / 2) <= max(40, times[-1] / 16)


def test_each_shot_gives_a_frame_of_its_own() -> None:
    assert taken(MiddleOfShots(), [*range(0, 600, 100)], (0, 300, 400)) == [100, 300, 400]


def test_what_is_written_is_read() -> None:
    for one in (Sampling(), Sampling(None), Sampling(0.04), Sampling(2.5)):
        assert Sampling.parse(str(one)) == one


@pytest.mark.parametrize("text", ["often", "0", "-1", "nan", "1e9", ""])
def test_what_is_no_number_of_seconds_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="seconds"):
        Sampling.parse(text)
