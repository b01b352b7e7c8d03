"""When something came on screen, by the clock of the page and not by that of a test which asks again and again.

All pages and servers of a test are on one machine, whose clock they share.
"""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page

SOON = 1.0
"""Seconds in which a page shows what happened elsewhere."""

TRIES = 4
"""How often to try before something counts as late.

What this project does within a second takes as long again when the tests beside this one have the machine; that one of
a few tries has it for itself is enough to tell an event from a poll, which is late by chance in each of them.
"""

_WATCH = """([name, selector, pattern]) => {
    window.dskSeen ??= {};
    window.dskSeen[name] = new Promise(done => {
        const wanted = new RegExp(pattern);
        const look = () => {
            if (![...document.querySelectorAll(selector)].some(node => wanted.test(node.textContent))) { return; }
            observer.disconnect();
            // Drawn, and not only written down.
            requestAnimationFrame(() => done((performance.timeOrigin + performance.now()) / 1000));
        };
        const observer = new MutationObserver(look);
        observer.observe(document.body, {subtree: true, childList: true, characterData: true, attributes: true});
        look();
    });
}"""


def watch(page: Page, selector: str, pattern: str, name: str = "seen") -> Callable[[], float]:
    """Watch for an element with a text; return what waits for it and tells when it was seen.

    Parameters
    ----------
    page : Page
        Where to look.
    selector, pattern : str
        Of the element, and of its text (a JavaScript expression).
    name : str
        To tell several watches of one page apart.

    Returns
    -------
    callable
        Gives seconds since the epoch.
    """
    page.evaluate(_WATCH, [name, selector, pattern])

    def seen() -> float:
        page.wait_for_function("name => window.dskSeen[name].then(() => true)", arg=name)
        return float(page.evaluate("name => window.dskSeen[name]", name))

    return seen


def assert_soon(what: str, once: Callable[[int], float]) -> None:
    """Fail unless something takes no more than `SOON` seconds in one of a few tries.

    Parameters
    ----------
    what : str
        What it is, for the output.
    once : callable
        One try: gets its number, returns seconds.
    """
    taken: list[float] = []
    for number in range(TRIES):
        taken.append(once(number))
        print(f"{what}: {taken[-1]:.2f} s")
        if taken[-1] <= SOON:
            return
    raise AssertionError(f"{what}: {', '.join(f'{one:.2f}' for one in taken)} s, and not {SOON:g} s")
