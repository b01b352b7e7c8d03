"""Profiles: what a user saves, and what a cluster starts from.

A profile is a YAML file in a ``dask_profiles`` folder of Jupyter's config path. `ProfileStore` finds, merges and checks
them; `models` says what they hold.
"""

from __future__ import annotations

import sys

from dask_steward._rooms import CallableRoom
from dask_steward.profiles import models
from dask_steward.profiles.infos import ProfileInfo
from dask_steward.profiles.layers import Layer
from dask_steward.profiles.models import Profile, from_json
from dask_steward.profiles.problems import Problem
from dask_steward.profiles.store import ProfileStore

__all__ = ["Layer", "Problem", "Profile", "ProfileInfo", "ProfileStore", "from_json", "models"]

# `dask_steward.profiles()` is also a function of the public face.
sys.modules[__name__].__class__ = CallableRoom
