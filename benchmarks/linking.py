"""How fast `link` reads an archive of ChestX-ray14's size: drawn X-rays, timed.

`python -m benchmarks.linking FOLDER [SOURCES]` draws that many images of 1024 x 1024
there, once, as a folder and as a .tar.gz, and an official file of all 112,120 rows, of
which the first are theirs. Prints seconds, those of decoding, and the peak memory, also
of a quarter of them: what more sources cost is the difference.
"""

import concurrent.futures
import io
import json
import pathlib
import resource
import subprocess
import sys
import tarfile
import time

import numpy as np
from PIL import Image

from medmnist_tfds.data import catalog
from medmnist_tfds.sources import archives, linking, official_arrays, reading

_SIDE = 1024
_NOISE = 3  # grey levels: a PNG is then as large as NIH's are, 0.4 MB


def main(folder: pathlib.Path, count: int) -> None:
    if not (folder / "official.npz").exists():
        _draw(folder, count)
    size = sum(path.stat().st_size for path in (folder / "images").iterdir())
    print(f"{count:,} sources of {size / count / 1e6:.2f} MB")
    for source in ("quarter", "images", "images_001.tar.gz"):
        command = [sys.executable, "-m", "benchmarks.linking", folder, source]
        print(source, subprocess.run(command, capture_output=True, text=True).stdout)


def _draw(folder: pathlib.Path, count: int) -> None:
    for name in ("images", "quarter"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    recipe, rng = archives.ARCHIVES["chest"].recipe, np.random.default_rng(0)
    noise = rng.normal(0, _NOISE, (_SIDE, 2 * _SIDE)).astype(np.float32)

    def draw(number: int) -> np.ndarray:
        rng = np.random.default_rng(number)
        small = rng.integers(20, 230, (9, 9), np.uint8)
        large = Image.fromarray(small).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
        start = int(rng.integers(_SIDE))
        pixels = np.asarray(large) + noise[:, start : start + _SIDE]
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        name = f"{number // 4 + 1:08}_{number % 4:03}.png"
        image.save(folder / "images" / name, compress_level=6)
        return recipe(image, 28)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        images = list(pool.map(draw, range(count)))
    for path in sorted((folder / "images").iterdir())[: count // 4]:
        (folder / "quarter" / path.name).hardlink_to(path)
    with tarfile.open(folder / "images_001.tar.gz", "w:gz", compresslevel=1) as packed:
        packed.add(folder / "images", "images")
    dataset, arrays = catalog.DATASETS["chest"], {}
    splits = dataset.releases["1.0.0"].splits
    others = sum(splits.values()) - count
    every = [*images, *rng.integers(0, 256, (others, 28, 28), np.uint8)]
    start = 0
    for split, rows in splits.items():
        arrays[f"{split}_images"] = np.stack(every[start : start + rows])
        arrays[f"{split}_labels"] = np.zeros((rows, dataset.label_columns), np.uint8)
        start += rows
    np.savez(folder / "official.npz", **arrays)


def link(folder: pathlib.Path, source: str) -> None:
    """In a process of its own: its peak memory is this one's alone."""
    variant = catalog.variant("chest")
    official = official_arrays.find(variant, file=folder / "official.npz")
    reader = reading.open(folder / source)
    start = time.perf_counter()
    for _ in reader:
        pass
    listed = time.perf_counter() - start
    start = time.perf_counter()
    content = [item.read() for item, _ in zip(reader, range(100), strict=False)]
    read = (time.perf_counter() - start) / len(content)
    start = time.process_time()
    for each in content:
        Image.open(io.BytesIO(each)).load()
    decoded = (time.process_time() - start) / len(content)
    before = time.perf_counter(), time.process_time()
    found = linking.Linker(archives.ARCHIVES["chest"], official).run(reader)
    seconds = time.perf_counter() - before[0]
    processor = time.process_time() - before[1]
    print(
        json.dumps(
            {
                "sources": found.sources,
                "equal": sum(counts["equal"] for counts in found.counts.values()),
                "seconds": round(seconds, 1),
                "processor_seconds": round(processor, 1),
                "per_second": round(found.sources / seconds, 1),
                "ms_decoding": round(1e3 * decoded, 1),
                "ms_reading": round(1e3 * read, 1),
                "seconds_to_list": round(listed, 1),
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            }
        )
    )


if __name__ == "__main__":
    place, last = pathlib.Path(sys.argv[1]), (sys.argv[2:] or ["2000"])[0]
    if last.isdigit():
        main(place, int(last))
    else:
        link(place, last)
