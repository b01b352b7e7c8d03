"""A wrong file gives every error at once: its place, the value, what is allowed, the nearest right spelling."""

from __future__ import annotations

from pathlib import Path

import pytest

from dask_steward.profiles.fields import OneOrEach
from dask_steward.profiles.problems import Problem, nearest, short_path, shown


def test_every_error_at_once(site) -> None:
    site.write(
        "slurm",
        """
        title: Slurm · normal
        system: slurm
        scale: {jobs: 4, workers: 2}
        tenure: kernle
        idle_timeout: -5 min
        quue: normal
        options: {cors: 4, walltime: soon,
          memory: lots, processes: 0, n_workers: 3,
          job_extra_directives: ["--comment=mine", "ok\\nnot ok"]}
        environment: {A: true, B=: x}
        tenure: server
        """,
    )
    assert site.problems("slurm") == [
        "slurm.yaml:3:8: scale: names workers and jobs; it takes exactly one of jobs, workers, cores, memory",
        "slurm.yaml:4:9: tenure = kernle: is not one of the words that are known; "
        "allowed: kernel, server, process, detached; did you mean kernel?",
        "slurm.yaml:5:15: idle_timeout = -5 min: must not be negative: "
        "a duration such as 30 s, 10 min, 2 h, 1 d or a number of seconds",
        "slurm.yaml:6:1: quue = normal: unknown field; did you mean options.queue?",
        "slurm.yaml:7:11: options.cors = 4: unknown field; did you mean options.cores?",
        "slurm.yaml:7:30: options.walltime = soon: must be a walltime such as 01:30:00, 2-12:00:00 or 90 min",
        "slurm.yaml:8:11: options.memory = lots: has no unit that is known (lots); "
        "must be a size such as 4 GB, 512 MiB or a number of bytes",
        "slurm.yaml:8:28: options.processes = 0: must be a whole number from 1 to 1000000",
        "slurm.yaml:8:31: options.n_workers = 3: how much to start is scale: {jobs: N}, beside options",
        "slurm.yaml:9:26: options.job_extra_directives[0] = --comment=mine: --comment cannot be set: "
        "Steward's mark of the job is in its comment",
        "slurm.yaml:9:44: options.job_extra_directives[1] = 'ok\\nnot ok': must not hold a line end",
        'slurm.yaml:10:18: environment.A = true: must be a text; did you mean "true", in quotes?',
        "slurm.yaml:10:28: environment.B= = B=: must be the name of an environment variable, such as OMP_NUM_THREADS",
        "slurm.yaml:11:1: tenure: is given twice; the first is in line 4",
    ]
    assert site.store.resolve("local").system == "local"


@pytest.mark.parametrize("place", ["", "options."])
def test_an_unknown_field_may_have_any_name(site, place: str) -> None:
    """Also one that a choice between types goes by within the models."""
    name = OneOrEach.TAGS[0]
    site.write("local", f"system: local\n{f'options: {{{name}: 4}}' if place else f'{name}: 4'}\n")
    (problem,) = site.problems("local")
    assert f": {place}{name} = 4: unknown field" in problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("system: local\n  scale: 3", "a.yaml:2:8: is not YAML: mapping values are not allowed here"),
        ("system: [local", "is not YAML: while parsing a flow sequence, expected ',' or ']', but got '<stream end>'"),
        ("\tsystem: local", "a.yaml:1:1: is not YAML: while scanning for the next token, found character"),
        ("system: *x", "a.yaml:1:9: is not YAML: found undefined alias 'x'"),
        ("system: local\n---\nsystem: slurm", "a.yaml:2:1: is not YAML: expected a single document in the stream"),
        ("system: lo\x07cal", "a.yaml:1:11: is not YAML: the character U+0007 must not stand in it"),
        ("- system: local", "a.yaml:1:1: must be a mapping of fields to values, such as system: local"),
        ("just words", "a.yaml:1:1: must be a mapping of fields to values, such as system: local"),
        ("42", "a.yaml:1:1: must be a mapping of fields to values, such as system: local"),
        ("", "a.yaml:1:1: system: is missing: what the cluster runs on"),
        ("# nothing", "a.yaml:1:1: system: is missing: what the cluster runs on"),
        ("null", "a.yaml:1:1: system: is missing: what the cluster runs on"),
        ("system: [local]", "a.yaml:1:9: system = ['local']: unknown system; allowed: address, "),
        (
            "system: locale",
            "a.yaml:1:9: system = locale: unknown system; allowed: address, ",
        ),
        ("system: local\n[1]: 2", "a.yaml:2:1: has a name that is not a text"),
        ("system: local\noptions: !!python/object:os.system {}", "a.yaml:2:10: options: has the tag"),
        ("system: local\noptions: &a {preload: *a}", "a.yaml:2:10: options.preload: holds itself, by an alias"),
        ("system: local\noptions: 5", "a.yaml:2:10: options = 5: must be a mapping with the fields threads_per_worker"),
        ("system: local\noptions: [a]", "a.yaml:2:10: options = ['a']: must be a mapping with the fields"),
        (
            "system: local\nenvironment: [A=b]",
            "a.yaml:2:14: environment = ['A=b']: must be a mapping of names to values",
        ),
        ("system: local\noptions: {preload: {a: b}}", "a.yaml:2:20: options.preload = {'a': 'b'}: must be a list"),
        ("system: local\nscale: 4", "a.yaml:2:8: scale = 4: must be a mapping with the fields workers"),
        (
            "system: local\nscale: {}",
            "a.yaml:2:8: scale: names nothing; it takes exactly one of workers, cores, memory",
        ),
        (
            "system: local\nscale: {jobs: 4}",
            "a.yaml:2:15: scale.jobs = 4: local has no jobs to scale; allowed: scale.workers",
        ),
        ("system: threads\nscale: {workers: 4}", "a.yaml:2:18: scale.workers = 4: threads has no workers to scale"),
        (
            "system: threads\nidle_timeout: 5",
            "a.yaml:2:15: idle_timeout = 5: threads starts no cluster, so this would do",
        ),
        (
            "system: local\nadapt: {minimum: 5, maximum: 2}",
            "a.yaml:2:18: adapt.minimum = 5: is more than adapt.maximum, 2",
        ),
        ("system: local\ntenure: detached", "a.yaml:2:9: tenure = detached: nothing would ever end this cluster"),
        ("system: local\noptions: {memory_limit: -1 GB}", "options.memory_limit = -1 GB: must not be negative"),
        ("system: local\noptions: {memory_limit: .nan}", "options.memory_limit = .nan: must be a finite number"),
        ("system: local\nlauncher: 1", "a.yaml:2:11: launcher = 1: must be true or false"),
        (
            "system: local\ndashboard: tcp:99999",
            "a.yaml:2:12: dashboard = tcp:99999: must be socket, off, tcp or tcp:PORT",
        ),
        ("system: local\nname: x", "a.yaml:2:1: name = x: a profile is named by its file; title is what lists show"),
        ("system: local\ntitle: 'a\n\n  b'", "a.yaml:2:8: title = 'a\\nb': must not hold a line end"),
        ("system: local\nscale: {workers: true}", "scale.workers = true: must be a whole number from 0 to 1000000"),
        ("system: local\nscale: {workers: 2.5}", "scale.workers = 2.5: must be a whole number from 0 to 1000000"),
        ("system: local\nscale: {workers: 1e30}", "scale.workers = 1e+30: must be a whole number from 0 to 1000000"),
        ("system: local\npython: ${HOME", "a.yaml:2:9: python = ${HOME: has a ${ without its }"),
        ("system: local\npython: ''", "a.yaml:2:9: python = '': must not be empty"),
        ("system: local\nsecurity: $A-$B\nstart_timeout: 0", "start_timeout = 0: must be more than nothing"),
        (
            f"system: local\nscale: {{workers: {'9' * 5000}}}",
            "a.yaml:2:18: scale.workers: is a number of too many digits",
        ),
    ],
)
def test_a_problem_is_a_sentence_with_its_place(site, text: str, problem: str) -> None:
    site.write("a.yaml", text)
    found = site.problems("a")
    assert any(problem in each for each in found), found
    assert all("\n" not in each for each in found)


def test_files_that_would_grow_without_bound(site) -> None:
    laughs = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    site.write("laughs", f"a0: &a0 [x]\n{laughs}")
    site.write("deep", "a: " + "[" * 600)
    site.write("brackets", "a: " + "[" * 20_000)
    assert "holds more than 10000 values, counting each alias" in site.problems("laughs")[0]
    assert "deep.yaml: is nested too deeply" in site.problems("deep")[0]
    assert "holds more than 1000 lists and mappings in brackets" in site.problems("brackets")[0]


def test_anchors_and_merges_are_understood(site) -> None:
    site.write(
        "a",
        """
        system: local
        environment: &env {A: "1", B: "2"}
        options:
          <<: {threads_per_worker: 3, host: here}
          host: there
          preload: &env [x]
        """,
    )
    profile = site.store.resolve("a")
    assert (profile.options.threads_per_worker, profile.options.host) == (3, "there")


def test_numbers_keep_the_text_they_were_written_as(site) -> None:
    site.write(
        "a", "system: slurm\nenvironment: {A: 1.50, B: 0x1F, C: 007}\noptions: {account: 00123, walltime: 01:00:00}"
    )
    profile = site.store.resolve("a")
    assert profile.environment == {"A": "1.50", "B": "0x1F", "C": "007"}
    assert (profile.options.account, profile.options.walltime) == ("00123", "01:00:00")


def test_yaml_1_1_does_not_turn_a_walltime_into_a_number(site) -> None:
    site.write("a.yaml", "%YAML 1.1\n---\nsystem: slurm\noptions: {walltime: 01:30:00}\n")
    assert site.store.resolve("a").options.walltime == "01:30:00"


def test_a_problem_as_json() -> None:
    problem = Problem("unknown field", ("options", "cors"), 4, True, None, "options.cores", Path("slurm.yaml"), 7, 12)
    assert str(problem) == "slurm.yaml:7:12: options.cors = 4: unknown field; did you mean options.cores?"
    assert problem.to_dict() == {
        "text": str(problem),
        "message": "unknown field",
        "field": "options.cors",
        "value": "4",
        "suggestion": "options.cores",
        "file": "slurm.yaml",
        "line": 7,
        "column": 12,
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        ("", "''"),
        ("a\nb", "'a\\nb'"),
        ("x" * 100, "x" * 59 + "…"),
        ("null", "'null'"),
        (4.5, "4.5"),
    ],
)
def test_values_are_shown_on_one_line(value: object, text: str) -> None:
    assert shown(value) == text


def test_paths_are_shown_as_a_person_would_write_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert short_path(tmp_path / "a.yaml") == "a.yaml"
    monkeypatch.chdir("/")
    assert short_path(tmp_path / "home" / "a.yaml") == "~/a.yaml"
    assert short_path(Path("/etc/a.yaml")) == "/etc/a.yaml"


def test_the_nearest_spelling() -> None:
    assert nearest("job-extra-directives", ["job_extra_directives", "job_directives_skip"]) == "job_extra_directives"
    assert nearest("SLURM", ["local", "slurm"]) == "slurm"
    assert nearest("xyz", ["local", "slurm"]) is None
