"""Nothing is left behind: the guard beside each keeper, and the sweep for what both left.

Standard library only: the guard must start in a blink and stay small.
"""

from __future__ import annotations
