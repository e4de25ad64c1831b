"""Environments: what is read, what is missing, and what keeps two from being compared."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from zoodiff.engines.pool import WorkerPool
from zoodiff.host.environment import (
    Environment,
    RuntimeInfo,
    comparable,
    environment,
    oversubscribed,
)
from zoodiff.host.machine import Machine, machine
from zoodiff.host.peaks import measure_peaks
from zoodiff.workers.runtime_info import variables
from zoodiff.zoos.files.formats import ONNX

CPUINFO = """processor : 0
model name : Example 9000 CPU
cpu MHz : 2400.5
flags : fpu sse4_2 avx avx2 fma hypervisor

processor : 1
model name : Example 9000 CPU
cpu MHz : 1800.0
flags : fpu sse4_2 avx avx2 fma hypervisor
"""


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_machine_is_read_from_its_files(tmp_path: Path) -> None:
    cpu = "sys/devices/system/cpu"
    root = write(
        tmp_path,
        {
            "proc/cpuinfo": CPUINFO,
            "proc/meminfo": "MemTotal:  1024 kB\nMemFree: 1 kB\n",
            "proc/self/cgroup": "0::/jobs/this\n",
            "sys/fs/cgroup/jobs/cpu.max": "150000 100000\n",
            "sys/fs/cgroup/jobs/this/cpu.max": "max 100000\n",
            f"{cpu}/smt/active": "1\n",
            f"{cpu}/cpu0/cpufreq/scaling_governor": "performance\n",
            f"{cpu}/cpu0/cpufreq/cpuinfo_max_freq": "3500000\n",
            f"{cpu}/intel_pstate/no_turbo": "1\n",
            f"{cpu}/cpu0/cache/index0/level": "1\n",
            f"{cpu}/cpu0/cache/index0/type": "Data\n",
            f"{cpu}/cpu0/cache/index0/size": "32K\n",
            f"{cpu}/cpu0/cache/index3/level": "3\n",
            f"{cpu}/cpu0/cache/index3/type": "Unified\n",
            f"{cpu}/cpu0/cache/index3/size": "16M\n",
            "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
            "sys/class/dmi/id/sys_vendor": "QEMU\n",
        },
    )
    found = machine(root)
    assert found.processor == "Example 9000 CPU"
    assert found.instructions == ("avx", "avx2", "fma", "sse4_2")
    assert found.frequency_now == (2400.5, 1800.0) and found.frequency_max == 3500.0
    assert found.frequency_min is None
    assert found.quota == 1.5  # the limit above counts
    assert found.smt is True and found.boost is False and found.governor == "performance"
    assert found.caches == (("1 data", 32 * 1024), ("3 unified", 16 * 2**20))
    assert found.last_level_cache == 16 * 2**20
    assert found.memory == 2**20 and found.huge_pages == "madvise"
    assert found.virtualisation == "qemu"


def test_limits_of_the_first_version_of_control_groups(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "3:cpuset:/\n1:cpu,cpuacct:/box\n0::/\n",
            "sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us": "50000",
            "sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1",
        },
    )
    assert machine(root).quota == 0.5


def test_without_any_files_fields_are_unknown_and_nothing_fails(tmp_path: Path) -> None:
    found = machine(tmp_path / "nothing")
    for name in ("instructions", "smt", "quota", "governor", "caches", "memory", "huge_pages"):
        assert getattr(found, name) is None
    assert found.last_level_cache is None and found.virtualisation is None
    assert Environment(found).digest


def made() -> Environment:
    pools = ({"internal_api": "openblas", "num_threads": 1},)
    torch = RuntimeInfo("3.12.1", {"torch": "2.8"}, pools, {"torch": {"intra": 1}}, {"A": "1"})
    keras = RuntimeInfo("3.12.1", {"keras": "3.9"})
    facts = Machine(processor="X", cores=4, allowed=4, frequency_now=(2000.0,), affinity=(0, 1))
    return Environment(facts, {"torchvision": torch, "keras": keras})


def test_environments_survive_json() -> None:
    assert Environment.from_dict(json.loads(json.dumps(made().to_dict()))) == made()


def test_what_differs_is_named() -> None:
    a = made()
    assert comparable(a, a) == []
    other = replace(a, machine=replace(a.machine, governor="powersave", quota=1.5))
    assert comparable(a, other) == ["quota unknown | 1.5", "governor unknown | powersave"]
    assert a.digest != other.digest
    torch = a.workers["torchvision"]
    newer = replace(torch, libraries={"torch": "2.9"}, variables={"A": "1", "OMP_NUM_THREADS": "4"})
    other = replace(a, workers={"torchvision": newer})
    assert comparable(a, other) == [
        "torchvision: torch 2.8 | 2.9",
        "torchvision: OMP_NUM_THREADS unknown | 4",
    ]


def test_what_changes_from_minute_to_minute_does_not_count() -> None:
    a = made()
    later = replace(a, machine=replace(a.machine, frequency_now=(900.0,), affinity=(2, 3)))
    assert comparable(a, later) == [] and a.digest == later.digest


def test_too_many_threads_are_named() -> None:
    a = made()
    assert oversubscribed(a, 1) == []
    assert oversubscribed(a, 8) == ["8 threads are asked for on 4 processors"]
    pools = ({"internal_api": "openblas", "num_threads": 16},)
    torch = replace(a.workers["torchvision"], threading=pools)
    assert oversubscribed(replace(a, workers={"torchvision": torch}), 2) == [
        "torchvision: openblas uses 16 threads, 2 are asked for"
    ]


def test_only_variables_that_steer_libraries_are_kept() -> None:
    outer = {"OMP_NUM_THREADS": "2", "TF_ENABLE_ONEDNN_OPTS": "0", "TF_CLI_CONFIG_FILE": "x"}
    outer |= {"HOME": "x", "LD_PRELOAD": "y", "MALLOC_ARENA_MAX": "1"}
    assert variables(outer) == {
        "LD_PRELOAD": "y",
        "MALLOC_ARENA_MAX": "1",
        "OMP_NUM_THREADS": "2",
        "TF_ENABLE_ONEDNN_OPTS": "0",
    }


@pytest.mark.onnx
def test_a_worker_says_what_it_runs_with_and_what_it_reaches() -> None:
    pytest.importorskip("onnxruntime", reason="needs the onnx extra")
    with WorkerPool() as engine:
        found = environment(engine, [ONNX.worker], threads=1)
        worker = found.workers["file-onnx"]
        assert worker.libraries.keys() >= {"numpy", "onnxruntime"}
        assert worker.variables["OMP_NUM_THREADS"] == "1"
        peaks = measure_peaks(engine, threads=1, seconds=0.2)
    assert peaks.threads == 1
    assert peaks.macs_by.keys() == {"numpy", "onnxruntime"}
    assert peaks.bytes_by.keys() == {"copy", "read"}
    assert all(rate > 1e6 for rate in (*peaks.macs_by.values(), *peaks.bytes_by.values()))
