"""`medmnist-tfds tpu-check`: what the TPU's compiler says of a step, without a TPU.

The slow ones compile, where the extra [tpu-test] is: `make test-tpu`.
"""

import json
import pathlib
import subprocess
import sys
from importlib import metadata

import pytest
from packaging import requirements

from medmnist_tfds.commands import cli
from medmnist_tfds.data import catalog
from medmnist_tfds.process import errors
from medmnist_tfds.train import recipe as recipes
from medmnist_tfds.train.tpu import check as tpu_check

PATH = catalog.parse("path")
MEGABYTE = 10**6


def test_the_compiler_is_that_of_colabs_tpu_image():
    listed = pathlib.Path(__file__).parents[2] / "notebooks/colab/tpu.txt"
    pinned = [
        str(wanted).replace(" ", "").split(";")[0]
        for wanted in map(requirements.Requirement, metadata.requires("medmnist-tfds"))
        if wanted.marker and 'extra == "tpu-test"' in str(wanted.marker)
    ]
    assert len(pinned) == 3
    assert set(pinned) <= set(listed.read_text().splitlines())


def why_no_compiler() -> str:
    try:
        tpu_check.check_installed()
    except errors.MedMNISTError as error:
        return str(error)
    return ""


compiles = pytest.mark.skipif(bool(why_no_compiler()), reason=why_no_compiler())


@pytest.fixture
def refusal(capfd, monkeypatch):
    """What the command says instead of an answer: one line, no traceback."""

    def of(*arguments) -> str:
        monkeypatch.setattr(sys, "argv", ["medmnist-tfds", "tpu-check", *arguments])
        with pytest.raises(SystemExit) as raised:
            cli.main()
        out, err = capfd.readouterr()
        assert raised.value.code == 1 and not out and len(err.splitlines()) == 1
        return err

    return of


@pytest.fixture
def starts_nothing(monkeypatch):
    """What is asked of the compiler, which answers with what is set."""
    asked, answer = [], {}

    def run(command, *, input, env, **_):
        asked.append(json.loads(input) | {"lane": env["KERAS_BACKEND"]})
        return subprocess.CompletedProcess(command, **answer)

    monkeypatch.setattr(tpu_check, "check_installed", lambda: None)
    monkeypatch.setattr(subprocess, "run", run)
    return asked, answer


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--topology", "v9"], "no TPU topology 'v9'. Expected one of v2, v3, v4, v5e"),
        (["--topology", "v5e-8"], "v5e:2x4 (what Kaggle calls v5e-8)"),
        (["--topology", "v5e:2x0"], "no TPU topology"),
        (["--precision", "float16"], "Expected one of float32, bfloat16."),
        (["--model", "resnet34"], "Expected one of resnet18, resnet50, resnet10, "),
        (["--resolution", "64"], "Expected one of 28, 224."),
        (["--batch", "0"], "batch_size is 0. Expected a whole number from 1"),
        (["--backend", "torch"], "Expected one of jax, tensorflow."),
        (["--dataset", "brest"], "Did you mean 'breast'"),
    ],
)
def test_what_no_compiler_need_be_asked_is_refused_at_once(arguments, said, refusal):
    assert said in refusal(*arguments)


def test_a_compiler_of_another_version_is_refused_and_what_to_install_is_said(
    refusal, monkeypatch
):
    def version(name: str) -> str:
        if name == "jax":
            raise metadata.PackageNotFoundError(name)
        return "0.0.1"

    monkeypatch.setattr(metadata, "version", version)
    said = refusal("--quick")
    assert "jax==0.7.2 (here: none)" in said and "(here: 0.0.1)" in said
    assert 'pip install "medmnist-tfds[tpu-test]"' in said
    assert "tensorflow" not in said and "ruff" not in said  # of no other extra


@pytest.mark.parametrize(
    "text, name, is_one",
    [
        ("v5e", "v5e:2x2", True),
        ("V5E:1x1", "v5e:2x2", True),
        ("v4:1x1x1", "v4:2x2x1", True),
        ("v5e:2x2", "v5e:2x2", False),
        ("v5e:2x4", "v5e:2x4", False),
    ],
)
def test_one_chip_is_a_part_of_the_smallest_that_the_compiler_knows(
    text, name, is_one, starts_nothing
):
    asked, answer = starts_nothing
    answer |= {"returncode": 0, "stdout": '{"error": "enough"}', "stderr": ""}
    with pytest.raises(errors.MedMNISTError, match="enough"):
        tpu_check.check(PATH, recipes.PAPER, text, backend="tensorflow")
    assert (asked[0]["topology"], asked[0]["is_one"]) == (name, is_one)
    assert asked[0]["lane"] == "tensorflow"


def test_a_compiler_that_crashes_is_told_with_its_last_words(starts_nothing):
    _, answer = starts_nothing
    answer |= {"returncode": -11, "stdout": "", "stderr": "one\nSIGSEGV: two\n\n"}
    with pytest.raises(errors.MedMNISTError, match=r"exit code -11\): SIGSEGV: two"):
        tpu_check.check(PATH, recipes.PAPER)


@pytest.mark.parametrize("option", ["--batch", "--batch-size"])
def test_the_report_is_printed_in_the_units_people_use(
    option, starts_nothing, capsys, monkeypatch
):
    asked, answer = starts_nothing
    report = {
        "device_kind": "TPU v5 lite",
        "devices": 8,
        "memory": 2**30,
        "memory_of_device": 16 * 2**30,
        "flop_per_image": 2.33e9,
        "host_operations": [],
        "all_reduces": 69,
        "batch_bytes": 2_400_000,
        "largest_batch": 16384,
        "flop_per_image_of_largest": 3.262e9,
        "seconds": 100.0,
    }
    stdout = f"chatter\n{json.dumps({'report': report})}\n"
    answer |= {"returncode": 0, "stdout": stdout, "stderr": ""}
    arguments = [option, "1024", "--topology", "v5e:2x4", "--precision", "bfloat16"]
    monkeypatch.setattr(sys, "argv", ["medmnist-tfds", "tpu-check", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    for part in (
        "1.00 of 16.00 GiB", "2.33 GFLOP per image", "none: all of the step stays",
        "2.40 MB", "16,384 fits, 32,768 does not", "40% more operations",
        "Not shown: its speed",
    ):  # fmt: skip
        assert part in said
    assert asked[0]["recipe"]["batch_size"] == 1024
    assert asked[0]["recipe"]["precision"] == "mixed_bfloat16"


# MB of a v5e chip that has 128 images, and GFLOP of each: by the compiler's least
# effort, as `benchmarks.tpu_steps --quick` measured it, which has the other networks.
# TensorFlow's is the step of one replica, however many there are.
STEPS = [
    ("jax", "v5e", "resnet18", 28, "float32", 452, 2.32),
    ("jax", "v5e", "resnet50", 28, "bfloat16", 1271, 5.94),
    ("jax", "v5e:2x4", "resnet18", 28, "bfloat16", 286, 2.33),
    ("tensorflow", "v5e", "resnet18", 28, "bfloat16", 286, 2.33),
]


def step(model, resolution, precision, batch_size) -> recipes.Recipe:
    return recipes.Recipe(
        model=model,
        resolution=resolution,
        precision=tpu_check.PRECISIONS[precision],
        batch_size=batch_size,
    )


@compiles
@pytest.mark.slow
@pytest.mark.parametrize(
    "backend, topology, model, resolution, precision, megabytes, gigaflop", STEPS
)
def test_a_whole_step_compiles_and_stays_on_the_chip(
    backend, topology, model, resolution, precision, megabytes, gigaflop
):
    devices = 8 if topology == "v5e:2x4" else 1
    recipe = step(model, resolution, precision, 128 * devices)
    report = tpu_check.check(
        PATH, recipe, topology, backend=backend, quick=True, largest=False
    )
    assert (report.device_kind, report.devices) == ("TPU v5 lite", devices)
    assert report.host_operations == ()
    assert report.memory == pytest.approx(megabytes * MEGABYTE, rel=0.15)
    assert report.flop_per_image == pytest.approx(gigaflop * 1e9, rel=0.03)
    assert report.memory_of_device == 15.75 * 2**30
    assert report.batch_bytes == 128 * devices * (28 * 28 * 3 + 8)
    # On JAX gradients and statistics are those of the whole batch. What TPUStrategy
    # adds to one replica's step is not in it.
    is_shared = devices > 1 and backend == "jax"
    assert (report.all_reduces > 0) == is_shared


@compiles
@pytest.mark.slow
def test_memory_grows_with_the_batch_to_the_largest_that_fits():
    recipe = step("resnet18", 28, "bfloat16", 4096)
    report = tpu_check.check(PATH, recipe, quick=True)
    assert report.memory == pytest.approx(5.7e9, rel=0.1)
    assert report.largest_batch == 16384


@compiles
@pytest.mark.slow
def test_full_effort_needs_about_the_memory_of_least_effort():
    report = tpu_check.check(PATH, step("resnet18", 28, "bfloat16", 128), largest=False)
    assert report.memory == pytest.approx(260 * MEGABYTE, rel=0.15)


@compiles
@pytest.mark.slow
def test_a_batch_that_does_not_fit_is_refused_with_one_that_does(refusal):
    """One array of it alone is too large, which the compiler says in other words."""
    said = refusal("--batch", "1000000", "--quick")
    assert "does not fit" in said and "Expected at most 16.00 GiB" in said
    assert "needs at least 186.9 GiB" in said and " fits." in said


@compiles
@pytest.mark.slow
def test_devices_that_do_not_divide_the_batch_and_shapes_unknown_are_refused(refusal):
    said = refusal("--topology", "v5e:2x4", "--batch", "12")
    assert "8 devices cannot share a batch of 12 evenly" in said
    assert "Ask for 8 or 16." in said
    assert "knows no topology v5e:3x5" in refusal("--topology", "v5e:3x5")


CALLS = """
import jax
from jax.interpreters import mlir
from medmnist_tfds.train.tpu import program as tpu_program

devices = tpu_program.devices("v5e:2x2", is_one=True)
here = jax.sharding.SingleDeviceSharding(devices[0])
away = jax.sharding.SingleDeviceSharding(devices[0], memory_kind="pinned_host")


def prints(x):
    jax.debug.print("{}", x.sum())
    return x @ x


def asks(x):
    return x @ jax.pure_callback(lambda value: value, x, x)


def leaves(x):
    return jax.device_put(x @ x, away)


def stays(x):
    return x @ x


for step in (prints, asks, leaves, stays):
    x = jax.ShapeDtypeStruct((128, 128), "float32", sharding=here)
    module = jax.jit(step).lower(x).compiler_ir("stablehlo")
    program = mlir.module_to_bytecode(module)
    done = tpu_program.compile_for(devices, program, quick=True)
    print(tpu_program.host_operations(done.hlo_modules()[0].to_string()))
"""


@compiles
@pytest.mark.slow
def test_what_falls_back_to_the_host_is_seen():
    done = subprocess.run(
        [sys.executable, "-c", CALLS],
        capture_output=True,
        text=True,
        env=tpu_check.environment("jax"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "['sent to the host']",
        "['sent to the host', 'received from the host']",
        "['memory of the host']",
        "[]",
    ]
