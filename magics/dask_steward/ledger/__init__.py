"""What is held: one folder per cluster on disk, written before anything is taken.

Standard library only, since the guard reads it with nothing else imported. The files, their writers and their formats
are described in ``docs/formats.md``.
"""

from __future__ import annotations
