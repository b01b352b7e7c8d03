"""How a page looks: themes, widths, and the pictures of the documentation.

Pictures are taken by the tests that bring a state about, only with ``STEWARD_SCREENSHOTS=1``, since numbers and times
in them differ each time and nobody wants them in every commit.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from playwright.sync_api import FloatRect, Locator, Page

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
WANTED = os.environ.get("STEWARD_SCREENSHOTS") == "1"

MOST = 150_000
"""Bytes of one picture."""

THEMES = {
    "light": "JupyterLab Light",
    "dark": "JupyterLab Dark",
    "high contrast": "JupyterLab Dark High Contrast",
}

WIDTH = 320
"""Pixels of the panel in the pictures."""


def set_theme(page: Page, theme: str) -> None:
    """Change to a theme (light, dark, high contrast), and wait until it is there."""
    name = THEMES[theme]
    page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", name)
    page.wait_for_function(
        """name => document.body.dataset.jpThemeName === name
            && getComputedStyle(document.documentElement).getPropertyValue('--jp-layout-color1') !== ''""",
        arg=name,
    )
    # Colours that a transition still changes would be measured, and seen, half-way.
    page.evaluate(
        """() => Promise.all(document.getAnimations()
            .filter(one => one instanceof CSSTransition).map(one => one.finished.catch(() => null)))"""
    )


def set_width(page: Page, width: int) -> None:
    """Drag the border of the left side until the panel is so many pixels wide."""
    # JupyterLab's own least width is 250; a person's style sheet, or a small window, makes it less.
    page.evaluate(
        """width => {
            document.documentElement.style.setProperty('--jp-sidebar-min-width', `${width}px`);
            document.body.style.setProperty('--jp-sidebar-min-width', `${width}px`);
            const fit = widget => { widget.fit(); for (const child of widget.children()) { fit(child); } };
            fit(window.jupyterapp.shell);
        }""",
        min(width, 250),
    )
    page.wait_for_timeout(200)
    side = page.locator("#jp-left-stack")
    handle = page.locator("#jp-main-split-panel > .lm-SplitPanel-handle:not(.lm-mod-hidden)").first
    box, grip = _box(side), _box(handle)
    x, y = grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + width - box["width"], y, steps=3)
    page.mouse.up()


def _box(locator: Locator) -> FloatRect:
    box = locator.bounding_box()
    assert box is not None
    return box


def picture(page: Page, name: str, part: Locator | None = None, themes: Sequence[str] = ("light", "dark")) -> None:
    """Take a picture of a part of the page (or all of it) in themes, for the documentation.

    In one theme alone the page is taken as it is: without a server it cannot be changed.
    """
    if not WANTED:
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    for theme in themes:
        if len(themes) > 1:
            set_theme(page, theme)
        page.mouse.move(1, 799)  # nothing looks hovered over
        path = FOLDER / f"{name}-{theme}.png"
        (part or page).screenshot(path=path, animations="disabled", caret="hide", scale="css")
        # Text on plain ground needs no more colours, and then is a third of the size.
        with Image.open(path) as taken:
            fewer = taken.convert("RGB").quantize(200, dither=Image.Dither.NONE)
        fewer.save(path, optimize=True)
        size = path.stat().st_size
        assert size <= MOST, f"{path} has {size} bytes, more than {MOST}"
    if len(themes) > 1:
        set_theme(page, "light")
