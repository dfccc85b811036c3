"""What a machine has for cells: cores, GPUs and memory, and one slot's share of them.

Never enforces anything: the supervisor does, and tells a method the same figures.
"""

import contextlib
import dataclasses
import math
import os
import pathlib
import re
import shutil
import subprocess

import psutil

# The memory limit of a container or a batch job; "max" where there is none.
_GROUP_LIMITS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)
_THREADS = (
    "OMP_NUM_THREADS",  # OpenBLAS and MKL follow it
    "PYTHON_CPU_COUNT",
    "TF_NUM_INTEROP_THREADS",
    "TF_NUM_INTRAOP_THREADS",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Share:
    """What one of the cells that run at the same time on a machine may use."""

    cores: tuple[int, ...]  # numbers of logical CPUs
    gpus: tuple[str, ...]  # as CUDA_VISIBLE_DEVICES has them
    memory_gib: float
    variables: dict[str, str]  # of the environment, by which libraries keep to it


def share(slot: int, slots: int) -> Share:
    """The share of `slot` out of `slots` on this machine; all of it where one is all.

    Where there are more slots than cores or GPUs, several slots have the same one.
    """
    gpus = _gpus()
    mine = _part(gpus, slot, slots)
    cores = _part(_cores(), slot, slots)
    variables = {}
    if slots > 1:
        variables = dict.fromkeys(_THREADS, str(len(cores)))
        if gpus:
            variables["CUDA_VISIBLE_DEVICES"] = ",".join(mine)
        if gpus and slots > len(gpus):  # TensorFlow takes a GPU's whole memory
            variables["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    gib = math.floor(memory_bytes() / slots / 2**30 * 100) / 100
    return Share(cores=cores, gpus=mine, memory_gib=gib, variables=variables)


def _part(things: list, slot: int, slots: int) -> tuple:
    if slots > len(things):
        return (things[slot % len(things)],) if things else ()
    first, last = (number * len(things) // slots for number in (slot, slot + 1))
    return tuple(things[first:last])


def _cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))  # macOS binds no process to cores


def _gpus() -> list[str]:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        names = [name.strip() for name in visible.split(",")]
        ends = (number for number, name in enumerate(names) if name in ("", "-1"))
        return names[: next(ends, len(names))]  # CUDA stops there, too
    text = nvidia_smi()
    # A GPU that is divided (MIG) is used by the names of its parts.
    return re.findall(r"UUID: (MIG-[^)]+)", text) or re.findall(
        r"UUID: (GPU-[^)]+)", text
    )


def nvidia_smi() -> str:
    """What `nvidia-smi -L` lists; empty where there is none."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return ""
    try:
        done = subprocess.run([command, "-L"], capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace")


def memory_bytes() -> int:
    """Of the machine, or of the container or batch job that this runs in."""
    sizes = [psutil.virtual_memory().total]
    for path in map(pathlib.Path, _GROUP_LIMITS):
        with contextlib.suppress(OSError, ValueError):
            sizes.append(int(path.read_text()))
    return min(sizes)
