"""``%dask_cluster``: start, list, status, scale, adapt, attach, logs, stop, profiles, held, sweep, dashboard."""

from __future__ import annotations

import os

import pytest

import dask_steward as ds
from tests.faces.conftest import wait_for_end
from tests.faces.notebook import Notebook, said

pytestmark = pytest.mark.usefixtures("clean")


@pytest.fixture(autouse=True)
def _nothing_in_use(notebook: Notebook) -> None:
    notebook.run("%reload_ext dask_steward\nfor _name in ('client', 'cluster'):\n    globals().pop(_name, None)")


def test_a_whole_life(notebook: Notebook) -> None:
    started = notebook.run("%dask_cluster start local --workers 1 --name life")
    assert started.displayed[0].startswith("life: 1 worker running (")
    assert notebook.run("print(client.submit(sum, [1, 2]).result(), cluster.name)").stdout == "3 life\n"

    listed = notebook.run("%dask_cluster list").stdout.splitlines()
    assert listed[0].split()[:4] == ["ID", "NAME", "PROFILE", "STATE"]
    assert listed[1].split()[1:4] == ["life", "local", "running"]
    assert "workers    1 worker running" in notebook.run("%dask_cluster status").displayed[0]
    assert notebook.run("%dask_cluster held").stdout.splitlines()[0].startswith("CLUSTER")
    assert "distributed" in notebook.run("%dask_cluster logs life --keeper").stdout

    assert notebook.run("%dask_cluster scale 2").stdout.endswith("2 asked for\n")
    notebook.run("cluster.wait_for_workers(2, timeout=30)")
    assert notebook.run("%dask_cluster adapt 1 2").stdout.endswith("adapts between 1 and 2\n")

    assert notebook.run("%dask_cluster stop").stdout == "life: stopped\n"
    assert notebook.run("%dask_cluster held").stdout == "held: nothing\n"
    assert notebook.run("%dask_cluster list").stdout == "no clusters\n"
    assert notebook.value("[n for n in ('client', 'cluster') if n in globals()]") == []


def test_attach_binds_names_and_stop_takes_them_back(notebook: Notebook) -> None:
    with ds.start("local", workers=1, name="theirs") as theirs:
        ran = notebook.run("%dask_cluster attach theirs\nprint(client.submit(sum, [1, 2]).result())")
        assert ran.stdout == "theirs: 1 worker running\n3\n"

        notebook.run("%dask_cluster stop theirs")

        assert theirs.state["state"] == "stopped"
        assert notebook.value("'client' in globals()") is False


def test_a_cluster_belongs_to_the_kernel(notebook: Notebook) -> None:
    notebook.run("%dask_cluster start local --workers 1")

    (cluster,) = ds.clusters()
    owner = cluster.state["owner"]

    assert (owner["kind"], owner["pid"]) == ("kernel", notebook.pid)


def test_start_without_waiting(notebook: Notebook) -> None:
    ran = notebook.run("%dask_cluster start local --workers 1 --no-wait")

    assert ran.status == "ok"
    assert notebook.run("cluster.wait_for_workers(1, timeout=30)").status == "ok"


def test_a_time_limit_leaves_nothing(notebook: Notebook) -> None:
    ran = notebook.run("%dask_cluster start local --workers 1 --wait 0.05")

    assert ran.reply["ename"] == "StartTimeout"
    assert ran.traceback.count("\n") == 0
    assert ds.held() == []


def test_interrupt_of_a_start_leaves_nothing(notebook: Notebook) -> None:
    ran = notebook.run(
        "%dask_cluster start local --workers 1", interrupt_when=lambda ran: bool(ran.displayed), after=0.05
    )

    assert ran.reply["ename"] == "KeyboardInterrupt"
    assert ds.held() == []
    assert notebook.value("'cluster' in globals()") is False


def test_threads_set_the_scheduler_until_stop(notebook: Notebook) -> None:
    notebook.run("%dask_cluster start threads")
    assert notebook.value("__import__('dask').config.get('scheduler', None)") == "threads"
    assert notebook.run("%dask_cluster scale 2").reply["ename"] == "WrongState"

    notebook.run("%dask_cluster stop")

    assert notebook.value("__import__('dask').config.get('scheduler', None)") is None


def test_the_profile_of_a_start_that_names_none_can_be_configured(notebook: Notebook) -> None:
    notebook.run("%config DaskClusterMagics.default_profile = 'threads'")

    notebook.run("%dask_cluster start")

    assert notebook.value("__import__('dask').config.get('scheduler')") == "threads"
    notebook.run("%dask_cluster stop")


def test_profiles_are_listed(notebook: Notebook) -> None:
    names = [line.split()[0] for line in notebook.run("%dask_cluster profiles").stdout.splitlines()]

    assert names[0] == "NAME"
    assert {"local", "threads", "processes", "synchronous"} <= set(names)


def test_sweep_says_what_it_did(notebook: Notebook) -> None:
    assert notebook.run("%dask_cluster sweep").stdout == "Nothing was left behind.\n"


def test_dashboard_tells_the_way(notebook: Notebook) -> None:
    notebook.run("%dask_cluster start local --workers 1")

    ran = notebook.run("%dask_cluster dashboard")

    assert "dask-steward dashboard" in ran.traceback


def test_help_is_shown_and_is_no_error(notebook: Notebook) -> None:
    ran = notebook.run("%dask_cluster start --help")

    assert ran.status == "ok"
    assert "--adapt MIN MAX" in ran.stdout


def test_several_clusters_must_be_named(notebook: Notebook) -> None:
    with ds.start("local", workers=1, name="one"), ds.start("local", workers=1, name="two"):
        ran = notebook.run("%dask_cluster status")

    assert ran.reply["ename"] == "UsageError"
    assert "one, two" in ran.traceback


@pytest.mark.parametrize(
    ("line", "ename", "words"),
    [
        ("", "UsageError", "Missing: COMMAND"),
        ("strat", "UsageError", "did you mean start?"),
        ("start nope", "ProfileNotFound", "nope"),
        ("start local --set options.cors=1", "ProfileError", "options.cors"),
        ("start local --tenure detached", "UsageError", "idle_timeout"),
        ("start local --name ''", "UsageError", "name"),
        ("start local --wait x", "UsageError", "duration"),
        ("scale", "UsageError", "Missing: N"),
        ("scale 2", "ClusterNotFound", "no cluster"),
        ("scale -2", "UsageError", "0 or more"),
        ("adapt 3 1", "UsageError", "above the maximum"),
        ("status nope", "ClusterNotFound", "nope"),
        ("attach nope", "ClusterNotFound", "nope"),
        ("stop nope", "ClusterNotFound", "nope"),
        ("stop --all x", "UsageError", "not both"),
        ("logs 'x", "UsageError", "quotation"),
    ],
)
def test_wrong_input_is_one_sentence(notebook: Notebook, line: str, ename: str, words: str) -> None:
    ran = notebook.run(f"%dask_cluster {line}")

    assert ran.reply["ename"] == ename
    assert words in ran.traceback
    assert ran.traceback.count("\n") == 0
    assert "Traceback" not in ran.traceback + ran.stderr
    assert ds.clusters() == []


def test_errors_of_magics_do_not_stop_the_next_cells_from_working(notebook: Notebook) -> None:
    notebook.run("%dask_cluster nonsense")

    assert notebook.run("1 + 1").result == "2"


class TestCompletion:
    def test_of_commands(self, notebook: Notebook) -> None:
        assert notebook.complete("%dask_cluster st") == ["start", "status", "stop"]

    def test_of_profiles(self, notebook: Notebook) -> None:
        assert notebook.complete("%dask_cluster start lo") == ["local"]
        assert notebook.complete("%%dask_cluster th") == ["threads"]

    def test_of_options_in_a_cell(self, notebook: Notebook) -> None:
        code = "%%dask_cluster local --w\nx = 1"
        assert notebook.complete(code, code.index("\n")) == ["--workers"]

    def test_offers_an_option_once(self, notebook: Notebook) -> None:
        found = notebook.complete("%dask_cluster start local --workers 2 --")
        assert "--workers" not in found
        assert {"--adapt", "--set", "--name"} <= set(found)

    def test_of_values(self, notebook: Notebook) -> None:
        assert sorted(notebook.complete("%dask_cluster start local --tenure ")) == ["detached", "kernel"]

    def test_of_fields(self, notebook: Notebook) -> None:
        found = notebook.complete("%dask_cluster start local --set options.thr")
        assert found == ["options.threads_per_worker="]
        assert "idle_timeout=" in notebook.complete("%%dask_cluster local --set id")

    def test_of_clusters(self, notebook: Notebook) -> None:
        with ds.start("local", workers=1, name="mine-9"):
            assert notebook.complete("%dask_cluster stop mi") == ["mine-9"]
            assert notebook.complete("%dask_cluster scale 3 --cluster ") == ["mine-9"]
            assert notebook.complete("%%dask_cluster mi") == ["mine-9"]

    def test_leaves_the_rest_of_a_cell_alone(self, notebook: Notebook) -> None:
        notebook.run("steadfast = 1")
        code = "%%dask_cluster local\nstead"
        assert notebook.complete(code) == ["steadfast"]


def test_after_its_end_a_cluster_still_says_why(notebook: Notebook) -> None:
    notebook.run("%dask_cluster start local --workers 1")
    ds.get("local").close()

    assert "stopped by a person" in notebook.run("%dask_cluster status").displayed[0]
    assert notebook.run("%dask_cluster scale 2").reply["ename"] == "WrongState"


def test_unload_takes_everything_away(notebook: Notebook) -> None:
    notebook.run("%unload_ext dask_steward")
    try:
        ran = notebook.run("%dask_cluster list")
        assert "not found" in ran.stderr
        assert notebook.value("[m for m in get_ipython().Completer.custom_matchers]") == []
    finally:
        assert notebook.run("%load_ext dask_steward").status == "ok"
    assert notebook.run("%dask_cluster list").stdout == "no clusters\n"


def test_the_kernels_death_releases(clean: None) -> None:
    notebook = Notebook()
    try:
        notebook.run("%dask_cluster start local --workers 1 --name orphan")
        cluster = ds.get("orphan")
        os.kill(notebook.pid, 9)

        assert "owner" in wait_for_end(cluster)["reason"]
        assert ds.held() == []
    finally:
        notebook.close()


def test_interrupt_while_the_cluster_computes(notebook: Notebook) -> None:
    ran = notebook.run(
        "%%dask_cluster local --workers 1\nimport time\nfuture = client.submit(time.sleep, 100)\n"
        "print('in')\nfuture.result()",
        interrupt_when=said("in"),
    )

    assert ran.reply["ename"] == "KeyboardInterrupt"
    assert ds.held() == []
