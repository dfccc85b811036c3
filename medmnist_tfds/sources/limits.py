"""What is asked of any image before it is decoded. Messages start with a verb."""

from medmnist_tfds.process import errors

MOST_PIXELS = 32_000_000  # some 100 MB in colour, for each file that is being decoded
TOO_LARGE = (
    f"Expected {MOST_PIXELS / 1e6:.0f} million at the most. Make it smaller before: "
    "networks see it much smaller anyhow."
)


def check_size(width: int, height: int) -> None:
    """MedMNISTError if an image has too many pixels."""
    if width * height > MOST_PIXELS:
        raise errors.MedMNISTError(f"has {width:,} x {height:,} pixels. {TOO_LARGE}")


def check_frame(frame: int | None, count: int) -> int:
    """Which frame is meant, from 0; MedMNISTError where that is not clear."""
    if frame is None and count == 1:
        return 0
    if frame is None or not 1 <= frame <= count:
        asked = "" if frame is None else f", none of them {frame}"
        raise errors.MedMNISTError(
            f"holds {count:,} frame{'s' if count > 1 else ''}{asked}. Expected one "
            f"image. Choose it by --frame (frame=), from 1 to {count:,}."
        )
    return frame - 1
