"""What a ResourceManager says of an application before it is submitted: what cannot be is refused, the rest is not."""

from __future__ import annotations

from typing import Any

import pytest

from dask_steward.clusters import yarn_environment, yarn_spec
from dask_steward.clusters.hadoop_files import FilesError, HadoopFiles, Rights
from dask_steward.clusters.yarn_check import GPU, check
from dask_steward.errors import StartFailed
from dask_steward.managers.base import Unknown
from dask_steward.managers.yarn import Largest, Queue
from dask_steward.managers.yarn_http import Forbidden

pytest.importorskip("skein")

GIB = 2**30
FORBIDDEN = Forbidden("User=ada doesn't haven access to queue=q so it cannot check ACLs for other users.", status=403)


class Says:
    """A ResourceManager of which each answer is given."""

    way = "rest"
    user = "ada"

    def __init__(self, gpus: int = 0, allowed: bool | Unknown = True, submit: str | None = None) -> None:
        self.gpus, self.allowed, self.submit = gpus, allowed, submit
        self.asked: list[tuple[str, str]] = []

    def largest(self, *, timeout: float) -> Largest:
        return Largest(8 * GIB, 8, {GPU: self.gpus} if self.gpus else {})

    def may_submit(self, queue: str, user: str, *, timeout: float) -> bool | Unknown:
        self.asked.append((queue, user))
        return self.allowed

    def queues(self, *, timeout: float) -> tuple[Queue, ...]:
        return (Queue("q", "root.a.q", submit=self.submit), Queue("r", "root.a.r"), Queue("r", "root.b.r"))


def refusal(says: Says, **options: Any) -> str | None:
    try:
        check(yarn_spec.plan({"environment": "python:///p", "queue": "q", **options}), says)  # type: ignore[arg-type]
    except StartFailed as error:
        return str(error)
    return None


def test_gpus_are_asked_for_where_yarn_has_them() -> None:
    plan = yarn_spec.plan({"environment": "python:///p", "worker_gpus": 2})
    assert plan.spec.services[yarn_spec.WORKER].resources.gpus == 2
    assert refusal(Says(gpus=2), worker_gpus=2) is None
    assert "3 gpus is too much: no container of this YARN may have more than 2" in str(
        refusal(Says(gpus=2), worker_gpus=3)
    )
    assert "1 gpus is too much: this YARN has no GPUs to give" in str(refusal(Says(), worker_gpus=1))
    apart = {"deploy_mode": "remote", "scheduler_gpus": 1}
    plan = yarn_spec.plan({"environment": "python:///p", **apart})
    assert plan.scheduler is not None
    assert plan.spec.master.resources.gpus == 1
    assert refusal(Says(gpus=1), **apart) is None
    assert "options.scheduler_gpus: 1 gpus is too much" in str(refusal(Says(), **apart))


@pytest.mark.parametrize(
    ("allowed", "submit", "words"),
    [
        (True, "bob", None),
        (False, None, "You may not submit to queue 'q': YARN says so."),
        # Only administrators of a queue are told; others see the list of who may submit.
        (FORBIDDEN, "bob,eve", "You may not submit to queue 'q': it takes users bob, eve."),
        (FORBIDDEN, "", "it takes nobody but its administrators"),
        (FORBIDDEN, "bob,ada", None),
        (FORBIDDEN, "*", None),
        (FORBIDDEN, None, None),
        # Whose groups these are only the ResourceManager knows: it says so at the submit.
        (FORBIDDEN, "bob physics", None),
        (FORBIDDEN, " physics", None),
        # An older one does not know the question, or does not answer now.
        (Unknown("HTTP 404"), "bob", None),
    ],
)
def test_a_queue_that_one_may_not_use(allowed: bool | Unknown, submit: str | None, words: str | None) -> None:
    says = Says(allowed=allowed, submit=submit)
    found = refusal(says)
    assert (found is None) if words is None else (words in str(found))
    assert says.asked == [("q", "ada")]


def test_the_queue_is_for_the_applications_user() -> None:
    says = Says(allowed=False)
    assert "bob, the application's user, may not submit to queue 'q'" in str(refusal(says, user="bob"))
    assert says.asked == [("q", "bob")]
    # Bob may be an administrator of it, which nobody tells us.
    assert refusal(Says(allowed=FORBIDDEN, submit="eve"), user="bob") is None
    assert refusal(Says(allowed=FORBIDDEN, submit="eve"), queue="r") is None, "there are two of that name"


class Listed(HadoopFiles):
    """Hadoop's shell, of which the listing is given."""

    def __init__(self, *lines: str) -> None:
        super().__init__({})
        self.lines, self.asked = lines, list[str]()

    def _run(self, *arguments: str, limit: float | None = None) -> str:
        self.asked = list(arguments)
        return "\n".join(self.lines)


FILE = "hdfs://n/envs/a b.tar.gz"
ABOVE = (
    "drwxr-xr-x   - ada users          0 2026-11-22 02:07 hdfs://n/envs",
    "drwxr-xr-x   - hdfs supergroup          0 2026-11-22 02:07 hdfs://n/",
)


def listing(mode: str) -> Listed:
    return Listed(f"{mode}   3 ada staff     123456 2026-11-22 02:07 {FILE}", *ABOVE)


def test_who_may_read_is_asked_of_the_file_and_of_all_above_it() -> None:
    files = listing("-rw-r-----+")
    found = files.rights(FILE)
    assert files.asked == ["-ls", "-d", FILE, "hdfs://n/envs", "hdfs://n/"]
    assert found[0] == Rights(FILE, "-rw-r-----+", "ada", "staff")
    assert [one.mode for one in found[1:]] == ["drwxr-xr-x", "drwxr-xr-x"]
    with pytest.raises(FilesError, match="does not tell"):
        Listed(*ABOVE).rights(FILE)


@pytest.mark.parametrize(
    ("mode", "user", "words"),
    [
        ("-rw-------", "bob", "cannot be read by bob, the application's user: hdfs://n/envs/a b.tar.gz is -rw-------"),
        ("-rw-------", "ada", None),
        ("-rw-------", "hdfs", None),  # owns the root: HDFS's own superuser
        ("-rw-------", "", None),
        ("-rw-r--r--", "bob", None),
        ("-rw-r-----", "bob", "not certain"),
        ("-rw-------+", "bob", "not certain"),
        ("-rw----r--", "bob", "not certain"),
    ],
)
def test_an_archive_that_the_applications_user_cannot_read(mode: str, user: str, words: str | None) -> None:
    try:
        found = yarn_environment._check_rights(FILE, listing(mode), user)
    except StartFailed as error:
        found = str(error)
    assert (found is None) if words is None else (words in str(found))


def test_a_folder_that_is_closed_to_the_applications_user() -> None:
    files = listing("-rw-r--r--")
    files.lines = (files.lines[0], ABOVE[0].replace("drwxr-xr-x", "drwx------"), ABOVE[1])
    with pytest.raises(StartFailed, match=r"hdfs://n/envs is drwx------ of ada:users"):
        yarn_environment._check_rights(FILE, files, "bob")
