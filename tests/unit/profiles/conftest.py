from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from dask_steward.profiles import Layer, ProfileStore


class Site:
    """Three levels of profile folders, and a store that looks at them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folders = {level: root / level for level in ("user", "environment", "system")}
        for folder in self.folders.values():
            folder.mkdir()
        self.store = ProfileStore([Layer(folder, level) for level, folder in self.folders.items()])  # type: ignore[arg-type]

    def write(self, name: str, text: str, level: str = "user") -> Path:
        file = self.folders[level] / (name if "." in name else f"{name}.yaml")
        text = text if "." in name else textwrap.dedent(text).lstrip("\n")
        file.write_text(text, encoding="utf-8")
        return file

    def problems(self, name: str) -> list[str]:
        """The problems of a profile, with the folder's path taken away."""
        info = next(info for info in self.store.infos() if info.name == name)
        return [str(problem).replace(f"{self.root}/", "").replace("user/", "") for problem in info.problems]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)
