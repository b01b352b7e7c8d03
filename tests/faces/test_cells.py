"""``%%dask_cluster``: a cell is a plain cell with a cluster, and nothing of it stays."""

from __future__ import annotations

import pytest

import dask_steward as ds
from tests.faces.notebook import Notebook, said

pytestmark = pytest.mark.usefixtures("clean")

ONE = "%%dask_cluster local --workers 1\n"


@pytest.fixture(autouse=True)
def _free_names(notebook: Notebook) -> None:
    notebook.run("for _name in ('client', 'cluster', 'x'):\n    globals().pop(_name, None)")


def nothing_left(notebook: Notebook) -> bool:
    return ds.held() == [] and notebook.value("[n for n in ('client', 'cluster') if n in globals()]") == []


def test_runs_on_the_cluster_and_releases_it(notebook: Notebook) -> None:
    ran = notebook.run(
        ONE + "import os, dask\n"
        "pids = dask.compute(dask.delayed(os.getpid)())\n"
        "print(pids[0] != os.getpid(), type(client).__name__, type(cluster).__name__)"
    )

    assert ran.stdout == "True Client Cluster\n"
    assert ran.status == "ok"
    assert nothing_left(notebook)


def test_saves_one_line_of_progress(notebook: Notebook) -> None:
    ran = notebook.run(ONE + "pass")

    (line,) = ran.displayed
    assert line.startswith("local: 1 worker running (")
    assert ran.stdout == ran.stderr == ""


def test_shows_the_last_expression_and_keeps_it_in_out(notebook: Notebook) -> None:
    ran = notebook.run(ONE + "client.submit(sum, [1, 2]).result()")

    assert ran.result == "3"
    assert notebook.value("_") == 3


def test_semicolon_hides_the_last_expression(notebook: Notebook) -> None:
    assert notebook.run(ONE + "40 + 2;").result is None


def test_line_numbers_of_an_error_are_those_of_the_cell(notebook: Notebook) -> None:
    ran = notebook.run(ONE + "x = 1\n\n1 / 0\n")

    assert ran.reply["ename"] == "ZeroDivisionError"
    assert "----> 4 1 / 0" in ran.traceback
    assert "During handling" not in ran.traceback
    assert "dask_steward" not in ran.traceback.replace("%%dask_cluster", "")
    assert nothing_left(notebook)


def test_multi_line_strings_keep_their_blanks(notebook: Notebook) -> None:
    notebook.run(ONE + 'x = """a\n  b\n"""')

    assert notebook.value("x") == "a\n  b\n"


def test_future_imports_and_line_magics_work_in_it(notebook: Notebook) -> None:
    ran = notebook.run(ONE + "from __future__ import annotations\nx = !echo 1\nprint(list(x))")

    assert ran.stdout == "['1']\n"


def test_another_cell_magic_on_the_next_line(notebook: Notebook) -> None:
    ran = notebook.run(ONE + "%%capture x\nprint(client.submit(sum, [1, 2]).result())")

    assert ran.status == "ok"
    assert notebook.value("x.stdout") == "3\n"
    assert nothing_left(notebook)


def test_inside_another_cell_magic(notebook: Notebook) -> None:
    ran = notebook.run("%%time\n" + ONE + "print(client.submit(sum, [1, 2]).result())")

    assert ran.stdout.startswith("3\n")
    assert nothing_left(notebook)


def test_a_cell_run_inside_does_not_end_it(notebook: Notebook) -> None:
    ran = notebook.run(ONE + "get_ipython().run_cell('1')\nprint(client.submit(sum, [1, 2]).result())")

    assert ran.stdout.endswith("3\n")
    assert nothing_left(notebook)


def test_a_syntax_error_starts_nothing(notebook: Notebook) -> None:
    ran = notebook.run(ONE + "x = = 1")

    assert ran.reply["ename"] == "SyntaxError"
    assert ran.displayed == []
    assert ds.clusters() == []


def test_names_and_default_client_come_back(notebook: Notebook) -> None:
    notebook.run("client, cluster = 'mine', 'too'")

    notebook.run(ONE + "pass")

    assert notebook.value("(client, cluster)") == ("mine", "too")


def test_the_previous_default_client_is_the_default_again(notebook: Notebook) -> None:
    notebook.run("%dask_cluster start local --workers 1 --name outer\nouter = client")

    ran = notebook.run(ONE + "import distributed\nprint(distributed.default_client() is client is not outer)")
    after = notebook.run("print(distributed.default_client() is outer is client, cluster.name)\n%dask_cluster stop")

    assert ran.stdout == "True\n"
    assert after.stdout.startswith("True outer\n")
    assert nothing_left(notebook)


def test_names_that_the_cell_binds_stay(notebook: Notebook) -> None:
    notebook.run(ONE + "client = 7")

    assert notebook.value("client") == 7


def test_interrupt_releases(notebook: Notebook) -> None:
    ran = notebook.run(ONE + "print('in')\nimport time\ntime.sleep(50)", interrupt_when=said("in"))

    assert ran.reply["ename"] == "KeyboardInterrupt"
    assert nothing_left(notebook)


def test_interrupt_of_a_start_leaves_nothing(notebook: Notebook) -> None:
    ran = notebook.run(
        "%%dask_cluster local --workers 1\nprint('never')", interrupt_when=lambda ran: bool(ran.displayed), after=0.05
    )

    assert ran.reply["ename"] == "KeyboardInterrupt"
    assert "never" not in ran.stdout
    assert ran.displayed[0].startswith("local: not started")
    assert nothing_left(notebook)


def test_await_works_at_the_top_level(notebook: Notebook) -> None:
    ran = notebook.run(
        ONE + "import asyncio\nawait asyncio.sleep(0.01)\nx = client.submit(sum, [1, 2]).result()\nx + 1"
    )

    assert ran.result == "4"
    assert nothing_left(notebook)


def test_error_of_an_awaiting_cell(notebook: Notebook) -> None:
    ran = notebook.run(ONE + "import asyncio\nawait asyncio.sleep(0.01)\n1 / 0")

    assert ran.reply["ename"] == "ZeroDivisionError"
    assert "----> 4 1 / 0" in ran.traceback
    assert nothing_left(notebook)


def test_interrupt_of_an_await_takes_effect_at_once_and_releases(notebook: Notebook) -> None:
    # Without our wake-ups an interrupt waits for the end of the sleep, beyond the limit of a cell here.
    ran = notebook.run(
        ONE + "import asyncio\nprint('in')\nawait asyncio.sleep(600)\nprint('never')", interrupt_when=said("in")
    )

    assert ran.status == "error"
    assert "never" not in ran.stdout
    assert nothing_left(notebook)


def test_interrupt_of_the_start_of_an_awaiting_cell(notebook: Notebook) -> None:
    ran = notebook.run(
        ONE + "import asyncio\nawait asyncio.sleep(0)\nprint('never')",
        interrupt_when=lambda ran: bool(ran.displayed),
        after=0.05,
    )

    assert ran.reply["ename"] == "KeyboardInterrupt"
    assert "never" not in ran.stdout
    assert nothing_left(notebook)


def test_keep_leaves_it_running_and_the_next_cell_uses_it(notebook: Notebook) -> None:
    notebook.run("%%dask_cluster local --workers 1 --keep\nx = cluster.id")
    again = notebook.run("%%dask_cluster local\nprint(cluster.id == x, client.submit(sum, [1, 2]).result())")

    assert again.stdout == "True 3\n"
    assert again.displayed == []
    assert [cluster.state["state"] for cluster in ds.clusters()] == ["running"]
    assert notebook.value("cluster.id == x") is True
    notebook.run("%dask_cluster stop")
    assert nothing_left(notebook)


def test_a_cluster_that_was_there_is_left(notebook: Notebook) -> None:
    with ds.start("local", workers=1, name="theirs") as theirs:
        ran = notebook.run("%%dask_cluster theirs\nprint(client.submit(sum, [1, 2]).result())")

        assert ran.stdout == "3\n"
        assert theirs.state["state"] == "running"
        assert notebook.value("'client' in globals()") is False


def test_the_cluster_of_another_kernel_is_not_taken_for_a_profile(notebook: Notebook) -> None:
    with ds.start("local", workers=1) as theirs:
        ran = notebook.run(f"%%dask_cluster local --workers 1\nprint(cluster.id != {theirs.id!r}, cluster.name)")

        assert ran.stdout == "True local-2\n"


def test_threads_set_the_scheduler_of_this_process_only(notebook: Notebook) -> None:
    ran = notebook.run(
        "%%dask_cluster threads\nimport dask, os\nprint(dask.config.get('scheduler'), client, "
        "dask.compute(dask.delayed(os.getpid)())[0] == os.getpid())"
    )

    assert ran.stdout == "threads None True\n"
    assert notebook.value("__import__('dask').config.get('scheduler', None)") is None
    assert ds.clusters(all=False) == []


@pytest.mark.parametrize("line", ["%dask_cluster stop", "cluster.close()", "client.close()", "client.shutdown()"])
def test_a_cell_may_end_its_cluster_itself(notebook: Notebook, line: str) -> None:
    ran = notebook.run(ONE + line)

    assert ran.status == "ok"
    assert ran.stderr == ""
    assert nothing_left(notebook)


def test_a_cluster_that_dies_in_the_cell_is_no_error_of_the_cell(notebook: Notebook) -> None:
    ran = notebook.run(
        ONE + "import os, time\nos.kill(cluster.state['keeper']['pid'], 9)\n"
        "while cluster.state['state'] == 'running':\n    time.sleep(0.05)"
    )

    assert ran.status == "ok"
    assert ran.stderr == ""
    assert nothing_left(notebook)


def test_interrupt_of_the_release_ends_the_wait_only(notebook: Notebook) -> None:
    ran = notebook.run(
        ONE + "import time\nx = cluster.close\n"
        "def slow():\n    print('closing', flush=True)\n    time.sleep(600)\ncluster.close = slow",
        interrupt_when=said("closing"),
    )
    notebook.run("x()")

    assert ran.status == "ok"
    assert "in the background" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert nothing_left(notebook)


def test_in_a_program_the_cell_is_text(notebook: Notebook) -> None:
    ran = notebook.run(
        "text = 'y = 1\\nclient.submit(sum, [y, 2]).result()'\n"
        "get_ipython().run_cell_magic('dask_cluster', 'local --workers 1', text)"
    )

    assert ran.result == "3"
    assert nothing_left(notebook)


@pytest.mark.parametrize(
    ("code", "ename", "words"),
    [
        ("%%dask_cluster nope\n1", "ProfileNotFound", "nope"),
        ("%%dask_cluster local --wokers 2\n1", "UsageError", "--wokers 2"),
        ("%%dask_cluster local --workers -1\n1", "UsageError", "must be 0 or more"),
        ("%%dask_cluster local --workers two\n1", "UsageError", "must be a whole number"),
        ("%%dask_cluster local --adapt 3 1\n1", "UsageError", "above the maximum"),
        ("%%dask_cluster local --set cores\n1", "UsageError", "KEY=VALUE"),
        ("%%dask_cluster local --set options.cors=4\n1", "ProfileError", "options.cors"),
        ("%%dask_cluster local --name 'x\n1", "UsageError", "quotation"),
        ("%%dask_cluster\n1", "UsageError", "PROFILE"),
        ("%%dask_cluster local", "UsageError", "nothing to run"),
        ("%%dask_cluster local --jobs 1 --workers 1\n1", "UsageError", "not allowed with"),
    ],
)
def test_wrong_input_is_one_sentence(notebook: Notebook, code: str, ename: str, words: str) -> None:
    ran = notebook.run(code)

    assert ran.reply["ename"] == ename
    assert words in ran.traceback
    assert ran.traceback.count("\n") == 0
    assert "Traceback" not in ran.traceback + ran.stderr
    assert ds.clusters() == []
