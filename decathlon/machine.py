"""What a cell ran on, for its result: processor, GPUs, memory, system, Python.

Never decides what a cell may use: `resources` does. Never fails: what cannot be learnt
is "unknown".
"""

import contextlib
import functools
import os
import pathlib
import platform
import re
import subprocess

from medmnist_tfds.decathlon import resources

UNKNOWN = "unknown"
_GPU = re.compile(r"GPU (\d+): (.+?) \(UUID: (GPU-[^)]+)\)")
_PART = re.compile(r"\s+(MIG \S+).*\(UUID: (MIG-[^)]+)\)")


def describe(gpus: tuple[str, ...], *, python: str | None = None) -> dict:
    """The facts by name; of the GPUs the models of those that `gpus` names.

    Args:
      gpus: as `resources.Share` has them: numbers or UUIDs.
      python: the interpreter of a method's own environment; this one if not given.
    """
    names = _gpu_names(resources.nvidia_smi()) if gpus else {}
    return {
        "cpu": _cpu(),
        "cpu_cores": os.cpu_count(),  # of the whole machine; a cell may have fewer
        "memory_gib": round(resources.memory_bytes() / 2**30, 1),
        "gpus": [names.get(gpu, UNKNOWN) for gpu in gpus],
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": _python(python),
    }


def _gpu_names(listed: str) -> dict[str, str]:
    """The model by number and by UUID, from what `nvidia-smi -L` prints."""
    names, whole = {}, UNKNOWN
    for line in listed.splitlines():
        if match := _GPU.match(line):
            number, whole, uuid = match.groups()
            names |= {number: whole, uuid: whole}
        elif match := _PART.match(line):
            names[match[2]] = f"{whole}, {match[1]}"
    return names


@functools.cache
def _cpu() -> str:
    with contextlib.suppress(OSError):
        text = pathlib.Path("/proc/cpuinfo").read_text()
        if match := re.search(r"^model name\s*: (.+)$", text, re.MULTILINE):
            return match[1].strip()
    with contextlib.suppress(OSError, subprocess.SubprocessError):  # macOS
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
        if done.stdout.strip():
            return done.stdout.strip()
    return platform.processor() or platform.machine() or UNKNOWN


def _python(interpreter: str | None) -> str:
    if interpreter is None:
        return platform.python_version()
    with contextlib.suppress(OSError):  # written by venv: nothing need be started
        text = (pathlib.Path(interpreter).parent.parent / "pyvenv.cfg").read_text()
        if match := re.search(r"^version(?:_info)?\s*=\s*([\d.]+)", text, re.MULTILINE):
            return match[1].rstrip(".")
    return UNKNOWN
