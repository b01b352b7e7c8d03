"""How a ``%%dask_cluster`` cell becomes a plain cell, and when its scope ends: in a shell without kernel and loop."""

from __future__ import annotations

import doctest
import subprocess
import sys
import textwrap

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from dask_steward.magics import cells
from dask_steward.magics.cells import bound, rewrite


def test_examples_in_the_documentation() -> None:
    result = doctest.testmod(cells)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.fixture
def manager() -> TransformerManager:
    found = TransformerManager()
    found.cleanup_transforms.append(rewrite)
    return found


FIRST = "get_ipython().run_cell_magic('dask_cluster', 'local', ...)\n"


class TestRewrite:
    def test_the_number_of_lines_stays(self, manager: TransformerManager) -> None:
        assert manager.transform_cell("%%dask_cluster local\n\nx = 1\n") == FIRST + "\nx = 1\n"

    def test_magics_in_it_are_transformed(self, manager: TransformerManager) -> None:
        assert (
            manager.transform_cell("%%dask_cluster local\nx = !ls\n") == FIRST + "x = get_ipython().getoutput('ls')\n"
        )

    def test_a_cell_magic_below_it_gets_the_rest(self, manager: TransformerManager) -> None:
        assert manager.transform_cell("%%dask_cluster local\n\n%%time\na\nb\n") == (
            FIRST + "\nget_ipython().run_cell_magic('time', '', 'a\\nb\\n')\n"
        )

    def test_two_clusters(self, manager: TransformerManager) -> None:
        assert manager.transform_cell("%%dask_cluster local\n%%dask_cluster local\n1\n") == FIRST + FIRST + "1\n"

    def test_an_indented_body(self, manager: TransformerManager) -> None:
        assert manager.transform_cell("%%dask_cluster local\n  if x:\n    y\n") == FIRST + "if x:\n  y\n"

    @pytest.mark.parametrize(
        "cell",
        ["%%dask_clusters local\n1\n", "%%dask_cluster?\n", "x = 1\n%%dask_cluster local\n", "%dask_cluster list\n"],
    )
    def test_other_cells_stay(self, cell: str) -> None:
        lines = cell.splitlines(keepends=True)
        assert rewrite(lines) == lines

    def test_quotes_and_backslashes_in_the_line(self, manager: TransformerManager) -> None:
        first = manager.transform_cell("%%dask_cluster local --set a='b\\n\"c'\n1\n").splitlines()[0]
        assert eval(first, {"get_ipython": lambda: Recorder}) == "local --set a='b\\n\"c'"

    def test_a_terminal_waits_for_the_empty_line(self, manager: TransformerManager) -> None:
        assert manager.check_complete("%%dask_cluster local")[0] == "incomplete"
        assert manager.check_complete("%%dask_cluster local\nx = 1")[0] == "incomplete"
        assert manager.check_complete("%%dask_cluster local\nx = 1\n\n")[0] == "complete"


class Recorder:
    """Stands for the shell that a rewritten line calls."""

    @staticmethod
    def run_cell_magic(name: str, line: str, cell: object) -> str:
        return line


class TestBound:
    def test_names_come_back(self) -> None:
        names = {"client": 1}
        with bound(names, {"client": 2, "cluster": 3}):
            assert names == {"client": 2, "cluster": 3}
        assert names == {"client": 1}

    def test_what_was_bound_anew_stays(self) -> None:
        names: dict[str, object] = {}
        with bound(names, {"client": 2}):
            names["client"] = "mine"
        assert names == {"client": "mine"}

    def test_what_was_deleted_stays_away(self) -> None:
        names: dict[str, object] = {}
        with bound(names, {"client": 2}):
            del names["client"]
        assert names == {}


def in_a_plain_shell(code: str) -> list[str]:
    """Run code in a process with an IPython shell `ip` that has the magics, and return the lines that it prints."""
    program = textwrap.dedent(
        """
        from IPython.core.interactiveshell import InteractiveShell
        ip = InteractiveShell.instance()
        ip.run_line_magic("load_ext", "dask_steward")
        """
    ) + textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_in_a_shell_without_kernel() -> None:
    lines = in_a_plain_shell(
        """
        import dask_steward as ds
        first = ip.run_cell("%%dask_cluster local --workers 1\\nclient.submit(sum, [1, 2]).result()")
        print("plain", first.success, first.result, ds.held(), "client" in ip.user_ns)
        second = ip.run_cell("%%dask_cluster local --workers 1\\nimport asyncio\\nawait asyncio.sleep(0.01, 'slept')")
        print("await", second.success, second.result, ds.held())
        third = ip.run_cell("%%dask_cluster local --workers 1\\nraise KeyError(5)")
        print("error", repr(third.error_in_exec), ds.held())
        """
    )

    assert "plain True 3 [] False" in lines
    assert "await True slept []" in lines
    assert "error KeyError(5) []" in lines
    assert sum(line.startswith("local: 1 worker running (") for line in lines) == 3


def test_loading_imports_little() -> None:
    lines = in_a_plain_shell(
        """
        import sys
        heavy = {"dask", "distributed", "pydantic", "httpx", "ruamel"}
        print("imported", sorted(heavy & set(sys.modules)))
        """
    )

    assert "imported []" in lines
