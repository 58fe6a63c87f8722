"""The model to try the service with: a small classifier with random weights, written once."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

VERSION = "1"


def write_example(path: Path) -> bool:
    """Write version 1 of the example to the folder *path*; return False when it is there already.

    Nobody ever sees half a model: it is written beside its place and then moved there.
    """
    place = path / VERSION
    if place.exists():
        return False
    # Not at the top: TensorFlow takes seconds, also when there is nothing to do.
    from models.classifier import export_mlp

    path.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=path, prefix=".new-") as beside:
        export_mlp(Path(beside) / VERSION)
        (Path(beside) / VERSION).rename(place)
    return True


if __name__ == "__main__":
    example = Path(sys.argv[1])
    outcome = "written to" if write_example(example) else "is already in"
    sys.stdout.write(f"the example model {outcome} {example / VERSION}\n")
