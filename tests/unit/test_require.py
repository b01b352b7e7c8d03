"""What a test asks of the machine: missing, it is a failure in CI and a skip that says why elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture
def unicorn(require: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """A component that no machine has."""
    monkeypatch.setitem(require.__globals__["COMPONENTS"], "unicorn", lambda: "there are none")


@pytest.mark.usefixtures("unicorn")
def test_missing_is_a_skip_with_its_reason_on_a_persons_machine(
    require: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="unicorn is missing: there are none"):
        require("unicorn")


@pytest.mark.usefixtures("unicorn")
@pytest.mark.parametrize("value", ["true", "1", "True"])
def test_missing_is_a_failure_in_ci(require: Callable[..., None], monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CI", value)
    with pytest.raises(pytest.fail.Exception, match="unicorn is required with CI=true: there are none"):
        require("unicorn")


def test_a_misspelt_component_is_an_error_and_not_a_skip(require: Callable[..., None]) -> None:
    with pytest.raises(pytest.UsageError, match="unknown component 'slrum'"):
        require("slrum")
