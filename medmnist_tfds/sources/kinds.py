"""What a kind of archive needs: how its files become candidates, by which recipes.

Never decides anything else by the kind.
"""

from medmnist_tfds.sources import archives, decoding, reading, recipes, volumes


def candidates(archive: archives.Archive) -> tuple[recipes.Recipe, ...]:
    """Every recipe that may have been it, the likeliest first."""
    if archive.kind == "volumes":
        return volumes.candidates(archive)
    return archive.candidates


def decoder(archive: archives.Archive, reader: reading.Reader) -> decoding.Decoder:
    """From a file to candidates."""
    return volumes.decoder(reader) if archive.kind == "volumes" else decoding.image
