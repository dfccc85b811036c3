"""Programs on two logical CPUs, which a process must ask for before all else."""

import json
import os
import sys

import processes

_START = """
import json
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
"""


def result_of(program: str):
    """Runs `program` after that start; returns its `result`, by way of JSON."""
    done = processes.run(
        [sys.executable, "-c", f"{_START}{program}\nprint(json.dumps(result))"],
        check=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    return json.loads(done.stdout.splitlines()[-1])
