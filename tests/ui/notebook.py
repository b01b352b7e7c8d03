"""A notebook in a page."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

_NEW = """async kernelName => {
    const app = window.jupyterapp;
    const widget = await app.commands.execute('notebook:create-new', {kernelName});
    // The indicator is idle before the kernel is connected, and what is run then is lost.
    await widget.sessionContext.ready;
    await widget.sessionContext.session.kernel.info;
    return {id: widget.id, kernel: widget.sessionContext.session.kernel.id, path: widget.context.path};
}"""

_FIND = """const widget = [...window.jupyterapp.shell.widgets('main')].find(one => one.id === id);
    const cells = () => widget.content.widgets;"""

_THERE = """path => [...window.jupyterapp.shell.widgets('main')]
    .some(one => one.context?.path === path && one.sessionContext?.session?.kernel)"""

_AGAIN = """async path => {
    const widget = [...window.jupyterapp.shell.widgets('main')].find(one => one.context?.path === path);
    await widget.sessionContext.ready;
    await widget.sessionContext.session.kernel.info;
    return widget.id;
}"""


class Notebook:
    """A notebook with a kernel that is ready."""

    def __init__(self, page: Page, kernel: str = "python3") -> None:
        self.page = page
        made = page.evaluate(_NEW, kernel)
        self.id, self.kernel, self.path = made["id"], made["kernel"], made["path"]

    def _do(self, body: str, argument: Any = None) -> Any:
        return self.page.evaluate(f"async ([id, argument]) => {{ {_FIND} {body} }}", [self.id, argument])

    def activate(self) -> None:
        """Bring it to the front."""
        self._do("window.jupyterapp.shell.activateById(id);")

    def sources(self) -> list[str]:
        """Return the text of each cell."""
        return list(self._do("return cells().map(one => one.model.sharedModel.source);"))

    def run(self, code: str) -> str:
        """Write code into a new last cell, run it and wait for its end; return what it printed and showed."""
        self.activate()
        self._do(
            """widget.content.activeCellIndex = cells().length - 1;
            await window.jupyterapp.commands.execute('notebook:insert-cell-below');
            widget.content.activeCell.model.sharedModel.source = argument;
            await window.jupyterapp.commands.execute('notebook:run-cell');""",
            code,
        )
        return self.output(-1)

    def begin(self, code: str) -> None:
        """Write code into a new last cell and run it; returns when the kernel is busy with it."""
        self.activate()
        self._do(
            """widget.content.activeCellIndex = cells().length - 1;
            await window.jupyterapp.commands.execute('notebook:insert-cell-below');
            widget.content.activeCell.model.sharedModel.source = argument;
            void window.jupyterapp.commands.execute('notebook:run-cell');""",
            code,
        )
        # The kernel itself may be too busy to say so.
        self.page.wait_for_function(
            f"([id]) => {{ {_FIND} return cells().at(-1).model.executionState === 'running'; }}", arg=[self.id]
        )

    def is_busy(self) -> bool:
        """Tell whether its last cell is being run."""
        return bool(self._do("return cells().at(-1).model.executionState === 'running';"))

    def save(self) -> None:
        """Save it."""
        self._do("await widget.context.save();")

    def restart(self) -> None:
        """Restart its kernel, as the menu does once it has asked."""
        self._do("await widget.sessionContext.session.kernel.restart();")

    def again(self) -> None:
        """Find it again after its page was loaded again."""
        self.page.wait_for_function(_THERE, arg=self.path)
        self.id = self.page.evaluate(_AGAIN, self.path)

    def run_all(self) -> None:
        """Run every cell and wait for the end."""
        self.activate()
        self._do("await window.jupyterapp.commands.execute('notebook:run-all-cells');")

    def output(self, index: int) -> str:
        """Return the text that a cell shows under it; of an error its name and its message."""
        return str(
            self._do(
                """const model = cells().at(argument).model;
                return (model.outputs?.toJSON() ?? []).map(one => {
                    const text = one.text ?? one.data?.['text/plain'] ?? `${one.ename}: ${one.evalue}`;
                    return Array.isArray(text) ? text.join('') : text;
                }).join('\\n');""",
                index,
            )
        )

    def end_kernel(self) -> None:
        """End its kernel, as the menu does."""
        self._do("await widget.sessionContext.shutdown();")

    def close(self) -> None:
        """Close it without a question."""
        self._do("await widget.context.save(); widget.close();")
