"""axe-core in a page: what a person with a screen reader, or without a mouse, would stumble over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.ui.look import THEMES, set_theme

AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

NOT_OURS = {
    # Whole pages are JupyterLab's: its landmarks, its headings.
    "region",
    "landmark-one-main",
    "page-has-heading-one",
    "bypass",
}


def violations(page: Page, *selectors: str) -> list[str]:
    """Return what axe-core finds wrong in parts of a page, one line each; fail if one of the parts is not there."""
    if not AXE.exists():
        pytest.fail(f"{AXE} is missing; run `make setup`", pytrace=False)
    for selector in selectors:
        assert page.locator(selector).count(), f"there is no {selector} in the page"
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = page.evaluate(
        """async ([selectors, tags, off]) => {
            const rules = Object.fromEntries(off.map(id => [id, {enabled: false}]));
            const result = await axe.run(
                {include: selectors.map(selector => [selector])},
                // What is inside a frame is Bokeh's page of Dask's; the frame itself is ours.
                {runOnly: {type: 'tag', values: tags}, rules, resultTypes: ['violations'], iframes: false}
            );
            return result.violations;
        }""",
        [list(selectors), TAGS, sorted(NOT_OURS)],
    )
    return [_line(rule, node) for rule in found for node in rule["nodes"]]


def _line(rule: dict[str, Any], node: dict[str, Any]) -> str:
    where = " ".join(map(str, node["target"]))
    return f"{rule['id']} ({rule['impact']}): {where}\n    {node['html'][:200]}\n    {node['failureSummary']}"


def three_themes(page: Page, *selectors: str) -> None:
    """Fail if axe-core finds anything wrong in parts of a page, in each theme."""
    found = []
    # That which the page has is the first: a change takes longer than a look.
    has = page.evaluate("() => document.body.dataset.jpThemeName")
    for theme in sorted(THEMES, key=lambda one: THEMES[one] != has):
        if THEMES[theme] != has:
            set_theme(page, theme)
        found += [f"[{theme}] {one}" for one in violations(page, *selectors)]
    assert not found, "\n".join(found)
