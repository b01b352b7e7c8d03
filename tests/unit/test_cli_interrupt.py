"""A signal that Python turns into another error, or loses, still cancels what a shell command started."""

from __future__ import annotations

import signal

import pytest

from dask_steward.cli.commands import _signals_interrupt

NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def _turned(number: int) -> None:
    with _signals_interrupt():
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt as interrupt:
            raise RuntimeError("Error calling __set_name__") from interrupt


def _lost(number: int) -> None:
    with _signals_interrupt() as came:
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            pass  # as in a destructor
        assert came == [number]


@pytest.mark.parametrize("number", NUMBERS)
def test_an_interrupt_that_became_another_error(number: signal.Signals) -> None:
    before = signal.getsignal(number)

    with pytest.raises(KeyboardInterrupt) as caught:
        _turned(number)

    assert isinstance(caught.value.__cause__, RuntimeError)
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", NUMBERS)
def test_an_interrupt_that_was_lost(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt):
        _lost(number)


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(ZeroDivisionError), _signals_interrupt():
        raise ZeroDivisionError
