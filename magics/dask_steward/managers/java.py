"""The Java by which skein, and Hadoop's commands, speak to YARN."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

#: The first Java on which Hadoop's clients cannot log in (JEP 486 removed what they use).
FIRST_UNFIT_JAVA = 24
#: The first one that skein runs on.
FIRST_FIT_JAVA = 8


def java_command(environment: Mapping[str, str] | None = None) -> str:
    """Return the Java that skein takes, in an environment; by default our own."""
    home = (os.environ if environment is None else environment).get("JAVA_HOME")
    return os.path.join(home, "bin", "java") if home else "java"


def java_version(text: str) -> int | None:
    r"""Return the major version in what ``java -version`` says.

    >>> java_version('openjdk version "17.0.15" 2025-04-15'), java_version('java version "1.8.0_402"')
    (17, 8)
    """
    found = re.search(r'version "(?:1\.)?(\d+)', text)
    return int(found[1]) if found else None
