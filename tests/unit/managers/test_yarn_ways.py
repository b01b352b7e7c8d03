"""Ways to a ResourceManager that is away, stands by, does not let everybody in, or speaks https."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from dask_steward.managers.base import JobState, Unknown
from dask_steward.managers.yarn import Application, Lifetime, Yarn
from tests.support.private_yarn import PrivateYarn

pytestmark = pytest.mark.requires("yarn")

TAG = "dask-steward-b123456789"
NOBODY = "application_1234567890123_0001"


def unknown(answer: object) -> str:
    assert isinstance(answer, Unknown), answer
    return answer.reason


# --- away ---


def test_a_resourcemanager_that_is_away_is_unknown_and_never_gone(yarn: PrivateYarn) -> None:
    id = yarn.submit(tags=[TAG])
    manager = Yarn(timeout=3)

    yarn.freeze("rm")
    began = time.monotonic()
    assert "does not answer within 3 s" in unknown(manager.find_by_tag([TAG]))
    assert time.monotonic() - began < 5
    assert "does not answer" in unknown(manager.cancel([id], timeout=0.3))
    assert "does not answer" in unknown(manager.settled(TAG, [id], timeout=0.3))
    assert "does not answer" in unknown(manager.lifetime(id, 60, timeout=0.3))
    yarn.thaw("rm")

    yarn.kill("rm")
    assert "refuses connections" in unknown(manager.find_by_tag([TAG]))
    assert "refuses connections" in unknown(manager.application(id))
    assert "refuses connections" in unknown(manager.cancel_tag(TAG))

    # Without recovery it comes back and has forgotten; its nodes end what ran as soon as they have found it.
    yarn.start("rm", wait=False)
    while isinstance(manager.info(timeout=1), Unknown):
        time.sleep(0.05)
    assert manager.application(id) is None
    assert "was restarted" in unknown(manager.settled(TAG, [id]))
    deadline = time.monotonic() + 30
    while manager.settled(TAG, [id]) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert yarn.containers(id) == []


def test_wrong_addresses_are_one_sentence_each_within_the_limit(yarn: PrivateYarn) -> None:
    node = next(iter(Yarn().nodes())).web  # type: ignore[arg-type]
    for address, words in (
        ("http://127.0.0.1:1", "refuses connections"),
        ("http://no-such-host.invalid:8088", "cannot be found"),
        (f"http://{node}", "not a ResourceManager"),
    ):
        manager = Yarn({"DASK_STEWARD_YARN": f'{{"addresses": ["{address}"]}}'}, timeout=5)
        began = time.monotonic()
        for answer in (manager.jobs(), manager.application(NOBODY), manager.cancel([NOBODY]), manager.info()):
            assert words in unknown(answer), (address, answer)
        assert time.monotonic() - began < 15


class _Answers(BaseHTTPRequestHandler):
    """What no ResourceManager can be made to say: a server of another kind, behind the same port."""

    told: tuple[int, str, bytes] = (404, "text/html", b"<html>not here</html>")

    def do_GET(self) -> None:
        status, kind, body = self.told
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def other_server() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    "told",
    [
        (404, "text/html", b"<html>not here</html>"),
        (404, "application/json", b"{}"),
        (200, "text/html", b"<html>please log in</html>"),
        (200, "application/json", b"{}"),
        (503, "text/plain", b"try later"),
        (500, "application/json", b'{"RemoteException": {"exception": "X", "message": "broken"}}'),
    ],
)
def test_what_another_server_says_means_nothing(
    other_server: str, told: tuple[int, str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Answers, "told", told)
    manager = Yarn({"DASK_STEWARD_YARN": f'{{"addresses": ["{other_server}"]}}'})
    for answer in (manager.find_by_tag([TAG]), manager.application(NOBODY), manager.cancel([NOBODY]), manager.info()):
        assert isinstance(answer, Unknown), (told, answer)
    assert isinstance(manager.settled(TAG, [NOBODY]), Unknown)


# --- a pair ---


def test_the_active_one_of_a_pair_is_followed(make_yarn: Callable[..., PrivateYarn]) -> None:
    yarn = make_yarn(resourcemanagers=2, recovery=True)
    manager = Yarn(timeout=6)
    assert len(manager.addresses) == 2
    first = yarn.submit(tags=[TAG])

    # A standby that is asked alone sends us on.
    standby = Yarn({"DASK_STEWARD_YARN": f'{{"addresses": ["{manager.addresses[1]}"]}}'})
    assert isinstance(standby.application(first), Application)
    assert standby.cancel([NOBODY]) is None

    yarn.make_active("rm2")
    yarn.freeze("rm1")
    assert isinstance(manager.application(first), Application), "one that hangs leaves time for the other"
    assert manager.cancel([first]) is None
    yarn.wait_state(first, "KILLED")

    yarn.kill("rm1")
    second = yarn.submit(tags=[TAG])
    found = manager.find_by_tag([TAG])
    assert not isinstance(found, Unknown)
    assert {one.id for one in found[TAG] if one.state is not JobState.ENDED} == {second}
    yarn.clear()

    yarn.run("yarn", "rmadmin", "-transitionToStandby", "rm2")
    assert "standby and knows of no active one" in unknown(manager.find_by_tag([TAG]))
    yarn.make_active("rm2")


# --- who may ---


def test_where_owners_alone_may_we_are_the_owner(make_yarn: Callable[..., PrivateYarn]) -> None:
    yarn = make_yarn(
        site={"yarn.acl.enable": "true", "yarn.admin.acl": "admin"},
        core={"hadoop.http.authentication.simple.anonymous.allowed": "false"},
        scheduler={
            "yarn.scheduler.capacity.root.other.maximum-application-lifetime": 600,
            "yarn.scheduler.capacity.root.acl_submit_applications": " ",
            "yarn.scheduler.capacity.root.acl_administer_queue": "admin",
            "yarn.scheduler.capacity.root.default.acl_submit_applications": "*",
            "yarn.scheduler.capacity.root.other.acl_submit_applications": "*",
        },
    )
    manager = Yarn()
    assert manager.acls
    ours, theirs = yarn.submit(tags=[TAG], queue="other"), yarn.submit(tags=[TAG], user="somebody")

    wall = manager.lifetime(ours, 3600)
    assert isinstance(wall, Lifetime)
    assert wall.wall
    assert wall.remaining is not None
    assert 590 < wall.remaining <= 600

    stranger = Yarn({"HADOOP_USER_NAME": "alice"})
    assert stranger.user == "alice"
    assert "does not allow it" in unknown(stranger.cancel([ours])), "nor does the command, the second way"
    assert "does not allow it" in unknown(stranger.lifetime(ours, 60))
    assert stranger.cancel_tag(TAG) is None
    assert {one.id for one in yarn.with_tag(TAG)} == {theirs, ours}

    assert manager.cancel_tag(TAG) is None
    yarn.wait_state(ours, "KILLED")
    assert [one.id for one in yarn.with_tag(TAG)] == [theirs]
    assert Yarn({"HADOOP_USER_NAME": "somebody"}).cancel_tag(TAG) is None
    yarn.wait_state(theirs, "KILLED")


def test_where_a_ticket_is_wanted_the_command_is_the_second_way(
    make_yarn: Callable[..., PrivateYarn], monkeypatch: pytest.MonkeyPatch
) -> None:
    yarn = make_yarn(kerberos=True)
    first, second = yarn.submit(tags=[TAG]), yarn.submit(tags=[TAG])
    yarn.submit_foreign(1, tags=[TAG])
    manager = Yarn()

    found = manager.find_by_tag([TAG])
    assert not isinstance(found, Unknown)
    assert sorted(one.id for one in found[TAG]) == [first, second]
    assert manager.remembered()["DASK_STEWARD_YARN"].endswith('"way": "command"}')
    assert "is ACCEPTED" in unknown(manager.settled(TAG, [first]))
    lifetime = manager.lifetime(first, 60)
    assert isinstance(lifetime, Lifetime)
    assert not lifetime.wall
    assert 50 < (yarn.lifetime(first) or 0) <= 60
    assert Yarn().cancel([NOBODY, first]) is None
    yarn.wait_state(first, "KILLED")
    assert Yarn(manager.remembered()).cancel_tag(TAG) is None
    yarn.wait_state(second, "KILLED")
    assert manager.settled(TAG, [first, second, NOBODY]) is None
    assert yarn.touched_foreign() == []

    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert "asks who we are (Negotiate)" in unknown(Yarn().find_by_tag([TAG]))
    assert "asks who we are" in unknown(Yarn().cancel([first]))


def test_a_site_of_https_is_asked_by_https(
    make_yarn: Callable[..., PrivateYarn], monkeypatch: pytest.MonkeyPatch
) -> None:
    yarn = make_yarn(https=True)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    manager = Yarn()
    assert manager.addresses[0].startswith("https://")
    assert "certificate" in unknown(manager.jobs())

    monkeypatch.setenv("SSL_CERT_FILE", str(yarn.certificate))
    id = yarn.submit(tags=[TAG])
    remembered = Yarn().remembered()
    monkeypatch.delenv("SSL_CERT_FILE")
    assert Yarn(remembered).cancel_tag(TAG) is None
    yarn.wait_state(id, "KILLED")
