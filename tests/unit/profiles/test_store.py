"""Where profiles come from: levels, extends, locks, rules of a site, values set at a start."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dask_steward.errors import ProfileError, ProfileNotFound
from dask_steward.profiles import Layer, ProfileStore, registry
from dask_steward.profiles.problems import error_of
from dask_steward.profiles.searching import NAME_WORDS


def refused(site, name: str, overrides: dict[str, object]) -> str:
    with pytest.raises(ProfileError) as caught:
        site.store.resolve(name, overrides)
    return str(caught.value)


@pytest.mark.parametrize("name", ["local", "threads", "processes", "synchronous"])
def test_builtin_profiles_need_no_file(site, name: str) -> None:
    profile = site.store.resolve(name)
    assert (profile.name, profile.system) == (name, name)
    info = next(info for info in site.store.infos() if info.name == name)
    assert (info.level, info.source, info.problems) == ("builtin", None, ())


def test_user_over_environment_over_system(site) -> None:
    for level in ("system", "environment", "user"):
        site.write("a", f"title: {level}\nsystem: local", level)
        assert site.store.resolve("a").title == level
    assert [info.level for info in site.store.infos() if info.name == "a"] == ["user"]


def test_a_file_can_stand_for_a_builtin_and_extend_it(site) -> None:
    site.write("local", "extends: local\nscale: {workers: 3}")
    profile = site.store.resolve("local")
    assert profile.system == "local"
    assert profile.scale.workers == 3
    assert profile.title is None


def test_extends_merges_mappings_and_replaces_the_rest(site) -> None:
    site.write(
        "base",
        """
        title: Base
        system: local
        scale: {workers: 4}
        adapt: {minimum: 1, maximum: 9}
        environment: {A: one, B: two}
        idle_timeout: 1 h
        options: {threads_per_worker: 2, preload: [a, b]}
        """,
    )
    site.write(
        "child",
        """
        extends: base
        scale: {cores: 8}
        adapt: {maximum: 5}
        environment: {B: zwei}
        idle_timeout: null
        options: {preload: [c]}
        """,
    )
    profile = site.store.resolve("child")
    assert profile.title is None
    assert profile.scale.model_dump(exclude_none=True) == {"cores": 8}
    assert (profile.adapt.minimum, profile.adapt.maximum) == (1, 5)
    assert profile.environment == {"A": "one", "B": "zwei"}
    assert profile.idle_timeout is None
    assert (profile.options.threads_per_worker, profile.options.preload) == (2, ("c",))


def test_extends_of_the_own_name_is_the_next_level(site) -> None:
    site.write("a", "system: local\nidle_timeout: 1 h\nscale: {workers: 1}", "system")
    site.write("a", "extends: a\nscale: {workers: 2}", "environment")
    site.write("a", "extends: a\nenvironment: {X: y}", "user")
    profile = site.store.resolve("a")
    assert (profile.scale.workers, profile.idle_timeout, profile.environment) == (2, 3600, {"X": "y"})


def test_a_cycle_is_an_error_of_its_profiles_only(site) -> None:
    site.write("a", "extends: b")
    site.write("b", "system: local\nextends: c")
    site.write("c", "extends: a")
    site.write("fine", "system: local")
    assert site.problems("a") == ["c.yaml:1:10: extends = a: extends itself: a → b → c → a"]
    assert site.problems("fine") == []


def test_a_cycle_of_one(site) -> None:
    site.write("a", "system: local\nextends: a")
    assert site.problems("a") == ["a.yaml:2:10: extends = a: no other level has a profile of this name to extend"]


def test_a_cycle_through_levels(site) -> None:
    site.write("a", "extends: b\nsystem: local", "user")
    site.write("b", "extends: a", "user")
    site.write("a", "system: local", "system")
    assert "extends itself: a → b → a" in site.problems("a")[0]


def test_extends_of_nothing_names_the_nearest(site) -> None:
    site.write("a", "extends: locl")
    assert site.problems("a") == [
        "a.yaml:1:10: extends = locl: no profile has this name; did you mean local?",
    ]


def test_a_profile_that_says_no_system(site) -> None:
    site.write("a", "titel: x")
    assert site.problems("a") == [
        "a.yaml:1:1: system: is missing: what the cluster runs on, or extends with the name of a profile that says so; "
        f"allowed: {', '.join(registry.names())}",
        "a.yaml:1:1: titel = x: unknown field; did you mean title?",
    ]


def test_a_profile_keeps_the_system_of_what_it_extends(site) -> None:
    site.write("a", "extends: local\nsystem: slurm\noptions: {cores: 4}")
    assert site.problems("a")[0] == (
        "a.yaml:2:9: system = slurm: the profile extends local, which is for local; both must be for the same system"
    )


def test_an_error_in_what_is_extended_names_its_own_file(site) -> None:
    site.write("base", "system: local\ntenure: kernl")
    site.write("child", "extends: base\ntenur: kernel")
    assert [problem.split(" = ")[0] for problem in site.problems("child")] == [
        "base.yaml:2:9: tenure",
        "child.yaml:2:1: tenur",
    ]


def test_locked_fields_keep_the_administrators_values(site) -> None:
    site.write(
        "a",
        """
        system: slurm
        lock: [options.queue, scale, idle_timeout]
        scale: {jobs: 2}
        options: {queue: normal, cores: 4}
        """,
        "system",
    )
    site.write("mine", "extends: a\noptions: {queue: debug, cores: 8}\nscale: {workers: 100}\nidle_timeout: 1 h")
    where = f"({site.folders['system'].name}/a.yaml:2)"
    assert site.problems("mine") == [
        f"mine.yaml:2:18: options.queue = debug: is locked to normal by the administrator {where}",
        f"mine.yaml:3:8: scale = {{'workers': 100}}: is locked to {{'jobs': 2}} by the administrator {where}",
        f"mine.yaml:4:15: idle_timeout = 1 h: is locked to its default by the administrator {where}",
    ]
    site.write("mine", "extends: a\noptions: {cores: 8}")
    assert site.store.resolve("mine").options.queue == "normal"
    info = next(info for info in site.store.infos() if info.name == "mine")
    assert set(info.locked) == {"options.queue", "scale", "idle_timeout"}
    assert "options.queue = debug: is locked to normal" in refused(site, "mine", {"options.queue": "debug"})
    assert "scale = {'workers': '1'}: is locked" in refused(site, "mine", {"scale.workers": "1"})
    assert site.store.resolve("mine", {"options.queue": "normal", "options.cores": 2}).options.cores == 2


def test_a_locked_value_may_be_said_again_in_other_words(site) -> None:
    site.write("a", "system: local\nlock: [idle_timeout]\nidle_timeout: 1 h", "system")
    site.write("mine", "extends: a\nidle_timeout: 3600")
    assert site.store.resolve("mine").idle_timeout == 3600


@pytest.mark.parametrize("level", ["user", "environment"])
def test_only_an_administrator_locks(site, level: str) -> None:
    site.write("a", "system: local\nlock: [security]", level)
    assert "only an administrator can lock fields" in site.problems("a")[0]


def test_a_lock_must_name_fields(site) -> None:
    site.write("a", "system: local\nlock: [options.threads, 4, system]", "system")
    assert [problem.partition(": ")[2] for problem in site.problems("a")] == [
        "lock[0] = options.threads: unknown field; did you mean options.threads_per_worker?",
        "lock[2] = system: is not a field that can be locked",
    ]


def test_a_site_locks_fields_for_everybody(site) -> None:
    site.write(
        "_site",
        """
        lock:
          all: {security: tls}
          slurm: {options.account: climate, options: {queue: normal}}
        """,
        "system",
    )
    site.write("mine", "system: slurm\nsecurity: none\noptions: {account: other}")
    assert site.problems("mine") == [
        "mine.yaml:2:11: security = none: is locked to tls by the administrator (system/_site.yaml:2)",
        "mine.yaml:3:20: options.account = other: is locked to climate by the administrator (system/_site.yaml:3)",
    ]
    site.write("mine", "system: slurm")
    assert site.store.resolve("mine").options.account == "climate"
    assert site.store.resolve("mine").options.queue == "normal"
    assert "is locked to tls" in refused(site, "local", {"security": "none"})


def test_a_site_forbids_systems(site) -> None:
    site.write("_site", "forbid: [local, processes]", "system")
    site.write("mine", "system: local")
    assert site.problems("mine") == [
        "mine.yaml:1:9: system = local: the administrator allows no clusters of this system here (system/_site.yaml:1)"
    ]
    assert "allows no clusters" in refused(site, "local", {})
    assert site.store.resolve("threads").system == "threads"


def test_rules_of_a_site_that_are_wrong_are_named_and_the_others_hold(site) -> None:
    systems = ", ".join(registry.names())
    site.write(
        "_site",
        """
        forbid: [locl, threads]
        lok: {}
        lock:
          slrum: {}
          slurm: {options.quue: a, options.cores: many, options.account: climate}
          local: 4
        """,
        "system",
    )
    assert [
        str(problem).split("_site.yaml:")[1] for problem in site.store.problems() if "_site" in str(problem.file)
    ] == [
        f"1:10: forbid[0] = locl: unknown system; allowed: {systems}; did you mean local?",
        "2:1: lok = {}: unknown field; allowed: forbid, lock; did you mean lock?",
        f"4:3: lock.slrum = {{}}: unknown system; allowed: all, {systems}; did you mean slurm?",
        "5:25: lock.slurm.options.quue = a: unknown field; did you mean options.queue?",
        "5:43: lock.slurm.options.cores = many: must be a whole number from 1 to 1000000",
        "6:10: lock.local = 4: must be a mapping of fields to values, such as {security: tls}",
    ]
    site.write("s", "system: slurm")
    assert site.store.resolve("s").options.account == "climate"
    assert "allows no clusters" in refused(site, "threads", {})


def test_rules_of_a_site_have_no_effect_in_a_users_folder(site) -> None:
    site.write("_site", "forbid: [local]")
    assert site.store.resolve("local").system == "local"
    assert any("has no effect here" in str(problem) for problem in site.store.problems())


def test_overrides_are_laid_over_a_profile(site) -> None:
    site.write("a", "system: slurm\nscale: {jobs: 4}\noptions: {cores: 4, job_extra_directives: [--exclusive]}")
    profile = site.store.resolve(
        "a",
        {
            "scale.workers": "8",
            "options.cores": "2",
            "options.job_extra_directives": "[--hold, '--nice=5']",
            "options.job_script_prologue": "module load x",
            "environment.A": 1,
            "options.scheduler_options.port": 9000,
            "adapt": {"minimum": 0, "maximum": 20},
            "idle_timeout": "5 min",
            "options.queue": None,
        },
    )
    assert profile.scale.model_dump(exclude_none=True) == {"workers": 8}
    assert profile.options.cores == 2
    assert profile.options.job_extra_directives == ("--hold", "--nice=5")
    assert profile.options.job_script_prologue == ("module load x",)
    assert profile.environment == {"A": "1"}
    assert profile.options.scheduler_options.port == 9000
    assert (profile.adapt.maximum, profile.idle_timeout, profile.options.queue) == (20, 300, None)
    assert site.store.resolve("a").options.cores == 4


def test_an_override_of_null_is_the_default(site) -> None:
    site.write("a", "system: local\nidle_timeout: 1 h")
    assert site.store.resolve("a", {"idle_timeout": "null"}).idle_timeout is None


def test_names_inside_plain_mappings_may_hold_dots(site) -> None:
    profile = site.store.resolve("local", {"options.resources.nvidia.com/gpu": 1})
    assert profile.options.resources == {"nvidia.com/gpu": 1.0}


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("options.cors", 4, "profile local: options.cors = 4: unknown field; did you mean scale.cores?"),
        ("n_workers", 4, "profile local: n_workers = 4: unknown field; did you mean scale.workers?"),
        ("system", "slurm", "profile local: system = slurm: cannot be set at a start; choose or save another profile"),
        ("options..x", 4, "profile local: options..x = 4: is no path of a field, such as options.cores"),
        ("[key]", 4, "profile local: [key] = 4: unknown field"),
        ("environment.[key]", [], "profile local: environment.[key] = []: must be a text"),
        ("environment.a b", "x", "profile local: environment.a b = a b: must be the name of an environment variable"),
        ("", 4, "profile local: '' = 4: is no path of a field, such as options.cores"),
        ("options", 4, "profile local: options = 4: must be a mapping with the fields threads_per_worker"),
        ("scale", 4, "profile local: scale = 4: must be a mapping with the fields workers, jobs, cores, memory"),
        ("scale.workers", "many", "profile local: scale.workers = many: must be a whole number"),
        (
            "tenure",
            "detached",
            "profile local: tenure = detached: nothing would ever end this cluster; give idle_timeout",
        ),
    ],
)
def test_an_override_that_is_wrong_is_one_sentence(site, name: str, value: object, sentence: str) -> None:
    found = refused(site, "local", {name: value})
    assert found.startswith(sentence)
    assert "\n" not in found


def test_a_part_and_the_whole_cannot_both_be_set(site) -> None:
    assert "is set together with options" in refused(site, "local", {"options": 3, "options.host": "x"})


def test_a_name_that_no_profile_has(site) -> None:
    with pytest.raises(ProfileNotFound, match=r"no profile is called locl\. Did you mean local\?"):
        site.store.resolve("locl")
    with pytest.raises(ProfileNotFound, match="There are: address, local, processes"):
        site.store.resolve("/etc/passwd")


def test_a_store_sees_what_changes(site) -> None:
    assert "a" not in site.store.names()
    file = site.write("a", "system: local\nscale: {workers: 1}")
    assert site.store.resolve("a").scale.workers == 1
    site.write("a", "system: local\nscale: {workers: 23}")
    assert site.store.resolve("a").scale.workers == 23
    file.unlink()
    assert "a" not in site.store.names()


def test_resolving_leaves_no_trace_in_what_was_read(site) -> None:
    site.write("a", "system: slurm\noptions: {cores: 4, scheduler_options: {port: 1}}\nenvironment: {A: b}")
    site.write("_site", "lock: {slurm: {options.scheduler_options.host: x}}", "system")
    site.store.resolve("a", {"options.scheduler_options.port": 5, "environment.A": "c"})
    profile = site.store.resolve("a")
    assert (profile.options.scheduler_options.port, profile.environment) == (1, {"A": "b"})
    assert site.store.written("a")["options"]["scheduler_options"] == {"port": 1}


def test_files_that_are_no_profiles(site) -> None:
    user = site.folders["user"]
    (user / "folder.yaml").mkdir()
    (user / "latin.yaml").write_bytes(b"system: local\ntitle: caf\xe9\n")
    (user / "dangling.yaml").symlink_to(user / "nowhere")
    (user / "huge.yaml").write_text("#" * 300_000)
    os.mkfifo(user / "pipe.yaml")
    (user / "sp ace.yaml").write_text("system: local")
    (user / "_own.yaml").write_text("system: local")
    (user / ".hidden.yaml").write_text("[")
    (user / "notes.txt").write_text("[")
    (user / "twice.yaml").write_text("system: local")
    (user / "twice.yml").write_text("system: local")
    assert sorted(str(problem).replace(f"{user}/", "") for problem in site.store.problems()) == [
        "_own.yaml: its name cannot be a profile's: " + NAME_WORDS,
        "dangling.yaml: cannot be read: No such file or directory",
        "folder.yaml: is a folder, and so no profile",
        "huge.yaml: is larger than 256 KiB, and so no profile",
        "latin.yaml:2:11: is not UTF-8 text",
        "pipe.yaml: is not a file, and so no profile",
        "sp ace.yaml: its name cannot be a profile's: " + NAME_WORDS,
        "twice.yml: is hidden by twice.yaml beside it",
    ]
    assert site.store.resolve("twice").system == "local"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(site) -> None:
    site.write("a", "system: local").chmod(0)
    assert "cannot be read: Permission denied" in site.problems("a")[0]


def test_a_named_folder_that_is_missing_is_a_problem_and_others_are_not(tmp_path: Path) -> None:
    store = ProfileStore([Layer(tmp_path / "named", "user", named=True), Layer(tmp_path / "other", "system")])
    assert [problem.message for problem in store.problems()] == [
        "does not exist, though DASK_STEWARD_PROFILES names it"
    ]
    (tmp_path / "named").write_text("")
    assert "cannot be searched" in store.problems()[0].message


def test_a_file_that_is_hidden_by_another_level_is_checked_too(site) -> None:
    site.write("a", "system: local")
    site.write("a", "system: local\nbogus: 1", "system")
    assert site.problems("a") == []
    assert any("bogus" in str(problem) for problem in site.store.problems())


def test_check_of_a_file_elsewhere(site, tmp_path: Path) -> None:
    site.write("base", "system: local\nadapt: {maximum: 3}")
    file = tmp_path / "mine.yaml"
    file.write_text("extends: base\nscale: {workers: 4}\n")
    assert [str(problem).replace(f"{tmp_path}/", "") for problem in site.store.check(file)] == [
        "mine.yaml:2:18: scale.workers = 4: is more than adapt.maximum, 3"
    ]
    assert "is not found as a profile" in str(site.store.check(site.write("x.txt", "system: local"))[0])
    assert "cannot be read" in str(site.store.check(tmp_path / "nope.yaml")[0])


def test_several_problems_are_one_error_that_carries_each(site) -> None:
    site.write("a", "system: local\nfoo: 1\nbar: 2")
    with pytest.raises(ProfileError) as caught:
        site.store.resolve("a")
    assert str(caught.value).startswith("profile a has 2 errors:\n  ")
    assert [problem.field for problem in caught.value.problems] == ["foo", "bar"]
    assert [problem.to_dict()["line"] for problem in caught.value.problems] == [2, 3]
    assert caught.value.exit_code == 2
    assert str(error_of("a", caught.value.problems[:1])).count("\n") == 0
