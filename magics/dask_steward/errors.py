"""The errors of Dask Steward: what happened, to which cluster, and what to do next.

Every face shows the same sentence. The command line takes ``exit_code`` from the class, the Jupyter server
``http_status``, a notebook gets one line and still a real ``error`` output (so that nbclient and papermill stop).
"""

from __future__ import annotations

from typing import Any, ClassVar


class StewardError(Exception):
    """Base of all expected errors.

    Parameters
    ----------
    message : str
        One sentence for a person.
    field : str, optional
        Path of the profile field or argument at fault, such as ``options.cores``.
    value : object, optional
        The value that was given for `field`.
    hint : str, optional
        The way out, appended to the sentence.
    cluster : str, optional
        Id of the cluster concerned.
    """

    #: In which state a cluster ends that ends because of this.
    state: ClassVar[str] = "failed"
    code: ClassVar[str] = "failed"
    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        value: object = None,
        hint: str | None = None,
        cluster: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.value = value
        self.hint = hint
        self.cluster = cluster

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message

    def to_dict(self) -> dict[str, Any]:
        """Return the error as JSON: ``{error, message, field?, hint?, cluster?}``."""
        found: dict[str, Any] = {"error": self.code, "message": self.message}
        for name in ("field", "hint", "cluster"):
            if getattr(self, name) is not None:
                found[name] = getattr(self, name)
        return found

    def _render_traceback_(self) -> list[str]:
        # IPython's hook: a notebook shows this line, and the message keeps the type "error".
        return [f"{type(self).__name__}: {self}"]


class UsageError(StewardError):
    """An argument or option is wrong."""

    code = "usage"
    exit_code = 2
    http_status = 400


class ProfileError(StewardError):
    """A profile, or a value set over it, is wrong; ``problems`` holds every fault found."""

    code = "profile"
    exit_code = 2
    http_status = 400

    def __init__(self, message: str, *, problems: tuple[Any, ...] = (), **details: Any) -> None:
        super().__init__(message, **details)
        self.problems = problems


class ProfileNotFound(ProfileError):
    """No profile has this name."""

    code = "profile-not-found"
    http_status = 404


class ClusterNotFound(StewardError):
    """No cluster has this id or name."""

    code = "cluster-not-found"
    exit_code = 3
    http_status = 404


class StartFailed(StewardError):
    """A cluster did not start; everything that it had taken is given back."""

    code = "start-failed"
    http_status = 422


class SchedulerLost(StewardError):
    """A scheduler that somebody else owns has gone, or another one has taken its place."""

    state = "lost"
    code = "scheduler-lost"
    http_status = 503


class StartCancelled(StartFailed):
    """A start was interrupted; everything that it had taken is given back."""

    code = "start-cancelled"
    http_status = 409


class TimeLimit(StewardError):
    """Something did not happen within its time limit."""

    code = "time-limit"
    exit_code = 4
    http_status = 504


class StartTimeout(StartFailed, TimeLimit):
    """A cluster was not ready within its time limit; everything that it had taken is given back."""

    code = "start-timeout"
    exit_code = 4
    http_status = 504


class WrongState(StewardError):
    """The cluster cannot do this in the state that it is in."""

    code = "wrong-state"
    http_status = 409


class SubmitRefused(StewardError):
    """The resource manager refused a job; the message holds its own words.

    Attributes
    ----------
    retryable : bool
        The same submit may succeed later (controller down, submit limit reached).
    too_many : bool
        A limit on the number of jobs refused it: fewer at once may pass.
    arrays : bool
        Job arrays are refused as such, or of this length: single jobs may pass.
    """

    code = "submit-refused"
    http_status = 422

    def __init__(
        self, message: str, *, retryable: bool = False, too_many: bool = False, arrays: bool = False, **details: Any
    ) -> None:
        super().__init__(message, **details)
        self.retryable = retryable
        self.too_many = too_many
        self.arrays = arrays


class SubmitUncertain(SubmitRefused):
    """A submit ended without an answer; the job may still appear in the queue."""

    code = "submit-uncertain"


class ManagerUnreachable(StewardError):
    """The resource manager cannot be asked now."""

    code = "manager-unreachable"
    http_status = 503


class StateFolderError(StewardError):
    """The state folder cannot be read or written; nothing was started."""

    code = "state-folder"
    http_status = 503


class NewerFormat(StewardError):
    """A ledger entry was written by a newer version; it is never touched by this one."""

    code = "newer-format"
    http_status = 409


class KeeperGone(StewardError):
    """The process that owns the cluster does not answer."""

    code = "keeper-gone"
    http_status = 503
