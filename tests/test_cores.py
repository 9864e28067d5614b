"""The number of cores, and products of matrices on one thread."""

from __future__ import annotations

import threading

from threadpoolctl import threadpool_info

from resight.cores import cores, single_threaded_products


def threads_of_products() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_there_is_at_least_one_core() -> None:
    assert cores() >= 1


def test_products_use_one_thread_meanwhile() -> None:
    before = threads_of_products()
    with single_threaded_products():
        assert threads_of_products() == {1}
        with single_threaded_products():
            pass
        assert threads_of_products() == {1}
    assert threads_of_products() == before


def test_several_threads_leave_the_setting_as_it_was() -> None:
    before = threads_of_products()
    entered, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with single_threaded_products():
            entered.set()
            assert leave.wait(60)

    other = threading.Thread(target=stay)
    with single_threaded_products():
        other.start()
        assert entered.wait(60)
    leave.set()
    other.join()
    assert threads_of_products() == before
