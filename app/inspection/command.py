"""Look at a model and print what there is to know about it."""

import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from app.inspection.options import Options, parse
from app.inspection.text import as_json, as_text
from app.stderr import ended

CANNOT_BE_SERVED = 1
NO_MODEL = 2


def main(arguments: Sequence[str]) -> int:
    """Run the inspection that *arguments* ask for and return its exit status."""
    options = parse(arguments)
    from models.errors import ModelNotUsable

    try:
        return _inspect(options)
    except ModelNotUsable as error:
        return ended(NO_MODEL, str(error))


def _inspect(options: Options) -> int:
    with TemporaryDirectory(prefix="streamrank-inspect-") as cache:
        return _inspect_local(options, _local(options, Path(cache)))


def _local(options: Options, cache: Path) -> Path:
    if isinstance(options.place, Path):
        return options.place
    from models.remote import Mirror

    return Mirror(options.place, cache, version=options.version).fetch()


def _inspect_local(options: Options, path: Path) -> int:
    from models.versions import resolve

    # What needs no TensorFlow first: importing that takes seconds.
    resolve(path, options.version)
    from models.inspection import inspect

    found = inspect(
        path,
        version=options.version,
        signature=options.signature,
        device=options.device,
        sizes=options.sizes,
    )
    lines = [as_json(found, options)] if options.json else as_text(found, options)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0 if found.served is not None else CANNOT_BE_SERVED
