"""The threads of a container: what its quota, its cores and its user say."""

import os

import pytest

from llmcli.system import cgroups, machine
from llmcli.system.cgroups import cpu_quota
from llmcli.system.machine import usable_threads


@pytest.fixture
def system(tmp_path, monkeypatch):
    """Write the files of a system: system(groups, {"cpu.max": "max 100000"}, cores=...)."""
    monkeypatch.setattr(cgroups, "GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(cgroups, "MOUNT", tmp_path / "mount")
    monkeypatch.setattr(machine, "CORES", tmp_path / "cores")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)

    def make(groups, files, siblings=("0", "1")):
        (tmp_path / "cgroup").write_text(groups)
        for name, content in files.items():
            path = tmp_path / "mount" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        for number, cores in enumerate(siblings):
            path = tmp_path / "cores" / f"cpu{number}" / "topology"
            path.mkdir(parents=True)
            (path / "thread_siblings_list").write_text(cores + "\n")
        affinity = set(range(len(siblings)))
        monkeypatch.setattr(os, "sched_getaffinity", lambda process: affinity, raising=False)

    return make


V1 = "12:memory:/docker/a\n4:cpu,cpuacct:/docker/a\n1:name=systemd:/docker/a\n"


def v1(folder, quota, period=100000):
    return {
        f"{folder}/cpu.cfs_quota_us": f"{quota}\n",
        f"{folder}/cpu.cfs_period_us": f"{period}\n",
    }


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/\n", {}, None),
        ("0::/a/b\n", {"a/b/cpu.max": "300000 100000\n", "a/cpu.max": "50000 100000\n"}, 0.5),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "200000 50000\n"}, 4.0),
        ("0::/of/the/host\n", {"cpu.max": "200000 100000\n"}, 2.0),
        ("0::/../../outside\n", {"cpu.max": "200000 100000\n"}, 2.0),
        (V1, v1("cpu,cpuacct/docker/a", 250000), 2.5),
        (V1, v1("cpu,cpuacct/docker/a", -1), None),
        (V1, v1("cpu", 100000, 50000), 2.0),  # inside the container, by another name
        (V1, {**v1("cpu/docker/a", 300000), **v1("cpu/docker", 200000)}, 2.0),
        (V1, v1("memory/docker/a", 100000), None),
        ("1:cpu:/\n0::/\n", {"unified/cpu.max": "100000 100000", **v1("cpu", -1)}, 1.0),
        ("nonsense\n\n::\n", {"cpu.max": "few\n"}, None),
        ("0::/\n", {"cpu.max": "100000 0\n"}, None),
    ],
)
def test_a_quota_is_that_of_the_groups_of_the_process(system, groups, files, expected):
    system(groups, files)
    assert cpu_quota() == expected


def test_a_system_without_groups_has_no_quota(system, tmp_path):
    system("0::/\n", {"cpu.max": "100000 100000"})
    (tmp_path / "cgroup").unlink()
    assert cpu_quota() is None


HYPERTHREADS = ("0,4", "1,5", "2,6", "3,7") * 2


@pytest.mark.parametrize(
    ("quota", "threads"),
    [("max", 4), ("800000", 4), ("350000", 4), ("240000", 2), ("150000", 2), ("20000", 1)],
)
def test_threads_are_cores_within_the_quota(system, quota, threads):
    system("0::/\n", {"cpu.max": f"{quota} 100000"}, HYPERTHREADS)
    assert usable_threads() == threads


def test_threads_run_on_the_cores_of_this_process(system, monkeypatch):
    system("", {}, HYPERTHREADS)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {1, 5}, raising=False)  # taskset
    assert usable_threads() == 1
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {1, 2}, raising=False)
    assert usable_threads() == 2


@pytest.mark.parametrize(
    ("setting", "threads"),
    [("7", 7), (" 3 ", 3), ("6,2", 6), ("0", 1), ("", 1), ("many", 1), ("-2", 1)],
)
def test_the_users_number_of_threads_wins(system, monkeypatch, setting, threads):
    system("0::/\n", {"cpu.max": "100000 100000"}, HYPERTHREADS)
    monkeypatch.setenv("OMP_NUM_THREADS", setting)
    assert usable_threads() == threads
