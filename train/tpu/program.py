"""A program for TPUs, compiled where there is none, and what can be read off it.

Uses private names of the JAX that [tpu-test] pins; only `compile`, a process of its
own, imports it. Never runs a program, and never quotes the compiler's guesses of time.
"""

import re

import jax
import numpy as np
from jax.experimental import topologies
from jax.interpreters import mlir
from jaxlib import _jax, xla_client

from medmnist_tfds.process import errors

_LEAST_EFFORT = -1.0  # 10 seconds instead of 100; 0 is the compiler's own choice
# Said of all together, or of one array that is too large by itself.
_TOO_LARGE = (
    re.compile(r"Used ([\d.]+)([KMGT]?) of ([\d.]+)([KMGT]?) hbm"),
    re.compile(r"Allocation \(size=(\d+)()\) would exceed memory \(size=(\d+)()\)"),
)
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
# What leaves the device, and how a compiled program writes it.
_HOST = {
    "infeed": r" infeed\(",
    "outfeed": r" outfeed\(",
    "sent to the host": r" send\(.*is_host_transfer=true",
    "received from the host": r" recv\(.*is_host_transfer=true",
    "memory of the host": r"S\(5\)",
    "called on the host": r'custom_call_target="[^"]*([Cc]allback|[Hh]ost)',
}
_ALL_REDUCE = re.compile(r" all-reduce(?:-start)?\(")


class DoesNotFit(Exception):
    """More memory than a device has: `needed` at least of `there`, in bytes."""

    def __init__(self, needed: float, there: float):
        super().__init__()
        self.needed, self.there = needed, there


def devices(topology: str, *, is_one: bool) -> list:
    """The devices of a topology, or its first: names that nothing can run on.

    Raises:
      MedMNISTError: the compiler knows no such topology.
    """
    try:
        found = topologies.get_topology_desc(topology, "tpu").devices
    except jax.errors.JaxRuntimeError as error:
        raise errors.MedMNISTError(
            f"The TPU's compiler knows no topology {topology}: "
            f"{str(error).splitlines()[0]}. Expected a shape in which such chips are "
            "built, as v5e:2x2, v5e:2x4 or v5p:2x2x1."
        ) from error
    return list(found)[: 1 if is_one else None]


def compile_for(devices, program: bytes, *, quick: bool):
    """Compiles MLIR for devices of one topology that share it.

    By the client itself: what `jax.jit(...).lower(...).compile()` does afterwards
    crashes with the libtpu that is pinned.

    Raises:
      DoesNotFit: it needs more memory than a device has.
      MedMNISTError: the compiler refuses it for another reason.
    """
    options = xla_client.CompileOptions()
    options.num_replicas, options.num_partitions = 1, len(devices)
    numbers = np.array([[device.id for device in devices]])
    options.device_assignment = xla_client.DeviceAssignment.create(numbers)
    build = options.executable_build_options
    build.use_spmd_partitioning = True
    build.use_shardy_partitioner = jax.config.jax_use_shardy_partitioner
    if quick:
        build.exec_time_optimization_effort = _LEAST_EFFORT
    try:
        places = _jax.DeviceList(tuple(devices))
        return devices[0].client.compile(program, places, options)
    except jax.errors.JaxRuntimeError as error:
        for form in _TOO_LARGE:
            if found := form.search(str(error)):
                needed, unit, there, unit_there = found.groups()
                raise DoesNotFit(
                    float(needed) * _UNITS[unit], float(there) * _UNITS[unit_there]
                ) from error
        raise errors.MedMNISTError(
            f"The TPU's compiler refuses the step: {str(error).splitlines()[0]}. "
            "Expected it to compile. Try another batch or precision."
        ) from error


def memory_of(device) -> int:
    """Bytes that a program may use: the compiler says it of one that needs more."""
    here = jax.sharding.SingleDeviceSharding(device)
    large = [jax.ShapeDtypeStruct((2**29,), "float32", sharding=here)] * 256
    lowered = jax.jit(lambda parts: [part * 2 for part in parts]).lower(large)
    program = mlir.module_to_bytecode(lowered.compiler_ir("stablehlo"))
    try:
        compile_for([device], program, quick=True)
    except DoesNotFit as error:
        return int(error.there)
    raise errors.MedMNISTError(
        "The TPU's compiler says that 512 GiB fit into one device. Expected it to "
        "refuse that. Report it: its limits are not known."
    )


def memory(program) -> int:
    """Of one device at once: state, batch, what is in between, and the program.

    Results that take the place of the state they replace count once.
    """
    stats = program.get_compiled_memory_stats()
    return (
        stats.argument_size_in_bytes
        + stats.output_size_in_bytes
        - stats.alias_size_in_bytes
        + stats.temp_size_in_bytes
        + stats.generated_code_size_in_bytes
    )


def host_operations(text: str) -> list[str]:
    """What leaves the device in a compiled program, as text; nothing is good."""
    return [name for name, pattern in _HOST.items() if re.search(pattern, text)]


def all_reduces(text: str) -> int:
    """How many there are in a compiled program, as text."""
    return len(_ALL_REDUCE.findall(text))
