"""Which programs are measured in turn, against what, and what they are to reach.

Never measures.
"""

from typing import NamedTuple

BFLOAT16 = ("--precision", "mixed_bfloat16")
_CHANNELS_LAST = ("--way", "channels_last")
_CHANNELS_LAST_BFLOAT16 = ("--way", "channels_last_bfloat16")
_BREAST, _CHEST = ("--name", "breast"), ("--name", "chest")
_FEED, _LARGE_BATCH = ("--steps", "100"), ("--batch", "1024")
_DERMA, _PATH = ("--name", "derma"), ("--name", "path")
# The official batch; a step takes seconds.
_VOLUMES = ("volumes", "--batch", "32", "--steps", "2")
_ACS, _25D, _3D = (("--convolution", form) for form in ("acs", "2.5d", "3d"))
_HELP = (
    "import sys; sys.argv = ['medmnist-tfds', '--help']; "
    "from medmnist_tfds.commands import cli; cli.main()"
)


class Figure(NamedTuple):
    """One program: `python -m benchmarks.ours` or `peer.py` with these arguments."""

    name: str
    side: str  # "ours", "jax" (ours in the lane of JAX) or "peer"
    arguments: tuple[str, ...]
    target: str = ""  # of the ratio to the base
    best_target: str = ""  # of the ratio to the fastest peer since the base
    is_base: bool = False  # as is the first: those after it are held against it


def _ours(name: str, *arguments: str, target: str = "", best: str = "") -> Figure:
    return Figure(name, "ours", arguments, target, best)


def _jax(name: str, *arguments: str) -> Figure:
    return Figure(name, "jax", arguments)


def _peer(name: str, *arguments: str, is_base: bool = False) -> Figure:
    return Figure(name, "peer", arguments, is_base=is_base)


_SMALL, _LARGE = "Breast's size", "Derma's size"
_EPOCH_TARGET = "2.0x, at most 10 % outside"

SUITES: dict[str, list[Figure]] = {
    "pipeline": [
        _peer("official DataLoader, 0 workers", "pipeline", "--workers", "0"),
        _peer("official DataLoader, 2 workers", "pipeline", "--workers", "2"),
        _ours("pipeline, shuffled", "pipeline", best="30x"),
    ],
    "step": [
        _peer("PyTorch, NCHW float32 (official)", "step"),
        _peer("PyTorch, channels last", "step", *_CHANNELS_LAST),
        _peer("PyTorch, channels last, bfloat16", "step", *_CHANNELS_LAST_BFLOAT16),
        _ours("float32", "step", target="1.25x"),
        _ours("bfloat16", "step", *BFLOAT16, target="2.0x", best="1.0x"),
    ],
    "volumes": [
        _peer("PyTorch, ACS (official)", *_VOLUMES, *_ACS),
        _peer("PyTorch, ACS, channels last", *_VOLUMES, *_ACS, *_CHANNELS_LAST),
        _ours("ACS, float32", *_VOLUMES, *_ACS, target="1.0x", best="1.0x"),
        _ours("ACS, bfloat16", *_VOLUMES, *_ACS, *BFLOAT16),
        _peer("PyTorch, 2.5D (official)", *_VOLUMES, *_25D, is_base=True),
        _peer("PyTorch, 2.5D, channels last", *_VOLUMES, *_25D, *_CHANNELS_LAST),
        _ours("2.5D, float32", *_VOLUMES, *_25D, target="1.0x", best="1.0x"),
        _ours("2.5D, bfloat16", *_VOLUMES, *_25D, *BFLOAT16),
        _peer("PyTorch, 3D (official)", *_VOLUMES, *_3D, is_base=True),
        _peer("PyTorch, 3D, channels last", *_VOLUMES, *_3D, *_CHANNELS_LAST),
        _ours("3D, float32", *_VOLUMES, *_3D, target="1.0x", best="1.0x"),
        _ours("3D, bfloat16", *_VOLUMES, *_3D, *BFLOAT16),
    ],
    "variants": [
        _ours("float32", "step"),
        _ours("float32, Keras' own layers", "step", "--keras-layers"),
        _ours("float32, XLA", "step", "--xla", "on"),
        _ours("float32, 2 replicas", "step", "--replicas", "2"),
        _ours("float32, 2 replicas, XLA", "step", "--replicas", "2", "--xla", "on"),
        _ours("bfloat16", "step", *BFLOAT16),
        _ours("bfloat16, Keras' own layers", "step", *BFLOAT16, "--keras-layers"),
        _ours("bfloat16, XLA", "step", *BFLOAT16, "--xla", "on"),
        _ours("bfloat16, 2 replicas", "step", *BFLOAT16, "--replicas", "2"),
    ],
    "lanes": [
        _ours("TensorFlow, float32", "step"),
        _ours("TensorFlow with XLA, float32", "step", "--xla", "on"),
        _jax("JAX, float32", "step"),
        _ours("TensorFlow, bfloat16", "step", *BFLOAT16)._replace(is_base=True),
        _ours("TensorFlow with XLA, bfloat16", "step", *BFLOAT16, "--xla", "on"),
        _jax("JAX, bfloat16", "step", *BFLOAT16),
    ],
    "feed": [
        _ours("TensorFlow, batch 128", "feed", *_FEED),
        _jax("JAX, batch 128", "feed", *_FEED),
        _ours("TensorFlow, batch 1,024", "feed", *_FEED, *_LARGE_BATCH)._replace(
            is_base=True
        ),
        _jax("JAX, batch 1,024", "feed", *_FEED, *_LARGE_BATCH),
        _jax(
            "JAX, batch 1,024, 8 devices",
            *("feed", *_FEED, *_LARGE_BATCH, "--replicas", "8"),
        ),
    ],
    "peak": [
        _ours("matrix multiplication, float32", "peak"),
        _ours("matrix multiplication, bfloat16", "peak", *BFLOAT16),
    ],
    "inference": [
        _peer("PyTorch, NCHW float32 (official)", "inference"),
        _ours("float32", "inference", target="1.5x"),
        _ours("bfloat16", "inference", *BFLOAT16, target="1.5x"),
    ],
    "epoch": [
        _peer(f"official, {_SMALL}", "epoch", *_BREAST),
        _ours(f"float32, {_SMALL}", "epoch", *_BREAST),
        _ours(
            f"bfloat16, {_SMALL}", "epoch", *_BREAST, *BFLOAT16, target=_EPOCH_TARGET
        ),
        _peer(f"official, {_LARGE}", "epoch", *_DERMA, is_base=True),
        _ours(f"bfloat16, {_LARGE}", "epoch", *_DERMA, *BFLOAT16, target=_EPOCH_TARGET),
    ],
    "score": [
        _peer("official evaluator, ChestMNIST test", "score", *_CHEST),
        _ours("ours, ChestMNIST test", "score", *_CHEST, target="2x"),
        _peer("official evaluator, PathMNIST train", "score", *_PATH, is_base=True),
        _ours("ours, PathMNIST train", "score", *_PATH, target="2x"),
    ],
    "prepare": [
        _ours("plain TFDS generator", "prepare", "--plain-generator"),
        _ours("medmnist/path", "prepare", target="more, under twice the file"),
    ],
    "import": [
        _ours("tensorflow_datasets", "start", "--code", "import tensorflow_datasets"),
        _ours(
            "medmnist_tfds",
            *("start", "--code", "import medmnist_tfds"),
            target="at most 0.3 s more",
        ),
        _ours("medmnist-tfds --help", "start", "--code", _HELP, target="at most 1 s"),
    ],
}
