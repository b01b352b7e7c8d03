"""What every resource manager is asked, and the three kinds of answer: there, not there, unknown.

A manager speaks to one batch system through its own commands. It is synchronous and keeps nothing between two calls:
the keeper calls it from threads, the guard and the sweep directly. Trying again and looking until the queue is empty is
the business of ``release``; a manager says what one question was answered.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum


class JobState(str, Enum):
    """Where a job is, in the words that all managers share."""

    QUEUED = "queued"
    """It waits, and may start at any moment; also a job that will be started again."""

    RUNNING = "running"
    """It holds nodes and counts against the user; a suspended job does so, too."""

    ENDING = "ending"
    """It was told to end and will never run again, but its nodes are not free yet."""

    ENDED = "ended"
    """It is over; the manager still remembers it."""

    @property
    def gone(self) -> bool:
        """Whether nothing needs to be cancelled any more."""
        return self in (JobState.ENDING, JobState.ENDED)


@dataclass(frozen=True)
class JobStatus:
    """One job as its manager sees it.

    Attributes
    ----------
    id : str
        The manager's id, such as ``12`` or ``12_3``.
    name : str
        Job name; for jobs of Dask Steward the cluster's tag.
    state : JobState
        State in shared words.
    native : str
        State in the manager's own words, such as ``PENDING``.
    reason : str, optional
        Why it is in this state, in the manager's own words.
    node : str, optional
        Node or nodes that it runs, or ran, on.
    comment : str, optional
        Comment given at submit; for jobs of Dask Steward ``<tag>:<key>``.
    user : str, optional
        Who owns the job.
    submitted, started, expected_start, ended : float, optional
        Seconds since the epoch. Only a queued job has an expected start, only one that is over an end.
    ends : float, optional
        When the manager will end a running job at the latest; None where there is no limit.
    limit : float, optional
        Its walltime in seconds; None where there is no limit.
    cores : int, optional
        Cores that it asked for or holds.
    exit_code : str, optional
        ``3`` for an exit status, ``signal 9`` for a signal; only for a job that is over.
    restarts : int
        How often the manager has started it anew; its id stays the same.
    partition, account, qos : str, optional
        Where it waits or runs and on whose account, in the manager's words; a queued job may name several partitions.
    priority : int, optional
        Its place among queued jobs, in the manager's measure: more is earlier.
    """

    id: str
    name: str
    state: JobState
    native: str
    reason: str | None = None
    node: str | None = None
    comment: str | None = None
    user: str | None = None
    submitted: float | None = None
    started: float | None = None
    expected_start: float | None = None
    ended: float | None = None
    cores: int | None = None
    exit_code: str | None = None
    ends: float | None = None
    limit: float | None = None
    restarts: int = 0
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    priority: int | None = None


@dataclass(frozen=True)
class Unknown:
    """The manager could not be asked. This never means that something is gone.

    Attributes
    ----------
    reason : str
        One sentence, with the site's own words.
    known : tuple of JobStatus
        What was learnt all the same: of several hosts, some may have answered. It is never all.
    """

    reason: str
    known: tuple[JobStatus, ...] = ()


@dataclass(frozen=True)
class TestAnswer:
    """What the manager would do with a job that is shown to it but not submitted.

    Attributes
    ----------
    start : float, optional
        When it would start, as seconds since the epoch; None where the manager sees no time for it.
    nodes : str, optional
        The nodes, in the manager's own notation.
    partition : str, optional
        Where it would run.
    cores : int, optional
        Cores that it would get.
    refusal : str, optional
        Why it would be refused, in the manager's own words; then all else is None.
    """

    __test__ = False  # the name is the manager's command's; pytest must not take it for a test

    start: float | None = None
    nodes: str | None = None
    partition: str | None = None
    cores: int | None = None
    refusal: str | None = None


@dataclass(frozen=True)
class NodeSize:
    """What nodes of a partition (a queue) have.

    Attributes
    ----------
    partition : str
        Its name.
    default : bool
        Whether jobs go there that name none.
    cores : int
        Cores of such a node.
    memory : int
        Memory that jobs can have on such a node, in bytes.
    """

    partition: str
    default: bool
    cores: int
    memory: int


class Manager(ABC):
    """One resource manager, asked through its commands.

    Every call takes ``timeout`` (seconds): how long one command may take. None means the manager's own.
    """

    system: str
    timeout: float

    #: Seconds after it was announced in which a submit that got no answer may still bring a job. ``sbatch`` gives up
    #: after about 10 s (Slurm's MessageTimeout), site wrappers were seen to hang for 30 s.
    submit_window = 60.0
    #: Seconds for which a manager that was silent must have answered before such a submit is taken for lost: what
    #: waited at its door comes in when it answers again, whenever that is.
    answered_window = 0.0
    #: What is said of a job that the manager does not show any more.
    gone = "it is no longer in the queue"

    @abstractmethod
    def submit(
        self,
        script: str,
        *,
        job_name: str,
        comment: str,
        count: int = 1,
        cwd: str | None = None,
        timeout: float | None = None,
    ) -> tuple[str, ...]:
        """Submit a job script, `count` times with one command, and return the jobs' ids in the order of their tasks.

        Raises
        ------
        SubmitRefused
            The manager said no, in its own words; ``retryable`` tells whether later may be better, ``too_many``
            whether fewer may pass, ``arrays`` whether single jobs may.
        SubmitUncertain
            No clear answer came; the jobs may still appear in the queue, under `job_name`.
        """

    def most_at_once(self) -> int:
        """Return the largest `count` that one `submit` takes."""
        return 1

    def test_only(self, script: str, *, cwd: str | None = None, timeout: float | None = None) -> TestAnswer | Unknown:
        """Ask when and where a job script would run, without submitting it."""
        return Unknown(f"{self.system} does not tell when a job would start")

    @abstractmethod
    def jobs(self, *, timeout: float | None = None) -> tuple[JobStatus, ...] | Unknown:
        """Return all jobs of this user, recently ended ones too, from one command."""

    def find_by_tag(
        self, tags: Collection[str], *, timeout: float | None = None
    ) -> dict[str, tuple[JobStatus, ...]] | Unknown:
        """Return this user's jobs by tag (the exact job name), from one `jobs` call; a key for each tag asked."""
        answer = self.jobs(timeout=timeout)
        if isinstance(answer, Unknown):
            return answer
        found: dict[str, list[JobStatus]] = {tag: [] for tag in tags}
        for status in answer:
            if status.name in found:
                found[status.name].append(status)
        return {tag: tuple(statuses) for tag, statuses in found.items()}

    @abstractmethod
    def cancel(self, ids: Sequence[str], *, timeout: float | None = None, commands: int = 0) -> Unknown | None:
        """Cancel jobs, many with one command. Jobs that are gone already are fine.

        A number of `commands` makes them longer where that many would not do; by default they stay short, since a
        controller works on a long one for seconds.

        None says that the manager took the order, not that the jobs are gone: ask `jobs` for that.
        """

    @abstractmethod
    def cancel_tag(self, tag: str, *, timeout: float | None = None) -> Unknown | None:
        """Cancel all jobs of this user that have the tag as their exact name: the last resort when ids are lost."""

    def settled(self, tag: str, ids: Collection[str], *, timeout: float | None = None) -> Unknown | None:
        """Return None once jobs that were held under a tag, and are not shown by it, can be believed to be gone."""
        return None

    def submitted(self, folder: str) -> tuple[str, ...]:
        """Return ids that the manager gave out to a cluster, from what lies in its folder of the ledger."""
        return ()

    def tidy(self, folder: str, ids: Collection[str]) -> str | None:
        """Remove what jobs that are gone have left on the site beside themselves; return what could not be."""
        return None

    @abstractmethod
    def explain(self, status: JobStatus, facts: object = None) -> str:
        """Return the state and its reason as one phrase for a person.

        Parameters
        ----------
        status : JobStatus
            The job.
        facts : object, optional
            What `facts` answered to the question that `explained_by` named: the phrase then holds numbers.
        """

    def explained_by(self, status: JobStatus) -> str | None:
        """Return the name of the question whose answer explains more of a job's reason, where there is one."""
        return None

    def facts(self, question: str, *, timeout: float | None = None) -> object | Unknown:
        """Return the answer to a question that `explained_by` named, as JSON: the same one for all jobs of a user."""
        return Unknown(f"{self.system} knows no more about {question}")

    def causes(self, statuses: Collection[JobStatus], *, timeout: float | None = None) -> dict[str, str]:
        """Return by id why jobs ended, one phrase for each, where the manager has one.

        It may ask the manager's archive, so it knows more than `explain`: who cancelled a job, and how jobs ended that
        have left the queue since. Jobs of which nothing is known are left out. It waits a second or two for an archive
        that has not heard of an end yet; asked again later, it may know more.
        """
        return {status.id: self.explain(status) for status in statuses if status.state is JobState.ENDED}

    def node_sizes(self, *, timeout: float | None = None) -> tuple[NodeSize, ...] | Unknown:
        """Return the kinds of nodes that there are, by partition, where the manager can tell."""
        return Unknown(f"{self.system} does not tell the sizes of its nodes")

    def connection(self) -> dict[str, str]:
        """Return what tells this manager from others of the same system: who has the same is told the same."""
        return self.remembered()

    @abstractmethod
    def remembered(self) -> dict[str, str]:
        """Return the environment by which another process asks the same manager; it goes into the ledger."""
