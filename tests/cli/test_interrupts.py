"""An interrupt that Python drops is remembered."""

from __future__ import annotations

import signal
import weakref

import pytest

from emoscene.cli.interrupts import remembered_interrupt


class _Thing:
    pass


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_inside_a_callback_is_raised_at_the_next_check() -> None:
    with remembered_interrupt() as check:
        check()
        thing = _Thing()
        # Python ignores what is raised in the callback of a weak reference, as it does in those of its imports.
        kept = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
        del thing
        assert kept() is None
        with pytest.raises(KeyboardInterrupt):
            check()


def test_an_interrupt_elsewhere_is_raised_at_once() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), remembered_interrupt():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_handler_of_the_callers_is_left_alone() -> None:
    came = []
    before = signal.signal(signal.SIGINT, lambda *_: came.append(True))
    try:
        with remembered_interrupt() as check:
            signal.raise_signal(signal.SIGINT)
            check()
    finally:
        signal.signal(signal.SIGINT, before)
    assert came == [True]
