"""An inspection as people and programs read it."""

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.inspection.options import Options

if TYPE_CHECKING:
    from models.inspection import Inspection, Served
    from models.scores import Output
    from models.signature import TensorSpec

_VARIABLES = {"version": "MODEL_VERSION", "signature": "MODEL_SIGNATURE", "scores_output": "MODEL_SCORES_OUTPUT"}
_LONGEST_RECORD = 1000


def as_json(found: "Inspection", options: Options) -> str:
    """Return everything as one JSON object."""
    document: dict[str, Any] = asdict(found)
    document["folder"] = str(found.folder)
    if found.served is not None:
        del document["served"]["settings"]
        document["served"]["environment"] = environment(found.served, options)
    return json.dumps(document, indent=2)


def environment(served: "Served", options: Options) -> dict[str, str]:
    """Return the variables that make the service serve the model so."""
    variables = {"MODEL_PATH": str(options.place.resolve() if isinstance(options.place, Path) else options.place)}
    variables |= {_VARIABLES[name]: str(value) for name, value in served.settings.items()}
    if options.device != "auto":
        variables["MODEL_DEVICE"] = options.device
    return variables


def as_text(found: "Inspection", options: Options) -> Iterator[str]:
    """Yield the lines for a terminal."""
    others = f"; others: {', '.join(map(str, found.others))}" if found.others else ""
    yield f"model        {found.folder} (version {found.version}{others})"
    yield f"size         {found.contents.size:,} bytes in {found.contents.files} files"
    yield f"fingerprint  {found.contents.fingerprint}"
    yield f"variables    {found.variables:,} with {found.elements:,} elements"
    yield f"written by   TensorFlow {found.written_by or 'of an unknown version'}"
    for signature in found.signatures:
        yield ""
        yield f"signature {signature.name}" + (f" ({signature.method})" if signature.method else "")
        yield from _tensors("input", signature.inputs)
        yield from _tensors("output", signature.outputs)
    yield ""
    if found.served is None:
        yield f"It cannot be served: {found.problem}"
        return
    yield from _served(found.served, options)


def _tensors(kind: str, tensors: Sequence["Output"]) -> Iterator[str]:
    return (f"  {kind:<7}{tensor}" for tensor in tensors)


def _served(served: "Served", options: Options) -> Iterator[str]:
    rows = "any number of rows" if served.batch is None else f"always {served.batch} rows, filled up and split"
    yield f"It would be served by the signature {served.signature}, on {served.device}; a call takes {rows}."
    yield f"  scores  {served.scores}: {served.why}"
    yield f"  labels  {served.labels}"
    yield ""
    yield "a record brings"
    yield from (f"  {_input(spec)}" for spec in served.inputs)
    yield ""
    yield "for example"
    yield f"  {_shortened(json.dumps(served.record, ensure_ascii=False))}"
    yield ""
    yield "the service's environment"
    yield from (f"  {name}={shlex.quote(value)}" for name, value in environment(served, options).items())
    if served.timings:
        yield ""
        yield f"time of a batch, measured here on {served.device}"
        yield f"  {'rows':>8}  {'ms':>10}  {'rows/s':>12}"
        for timing in served.timings:
            rate = timing.rows / timing.seconds
            yield f"  {timing.rows:>8,}  {timing.seconds * 1000:>10,.3f}  {rate:>12,.0f}"


def _shortened(record: str) -> str:
    if len(record) <= _LONGEST_RECORD:
        return record
    return f"{record[:_LONGEST_RECORD]} ... ({len(record):,} characters; --json prints them all)"


def _input(spec: "TensorSpec") -> str:
    lengths = ("any" if length is None else str(length) for length in spec.shape or ())
    shape = "of any shape" if spec.shape is None else f"[{', '.join(lengths)}]"
    return f"{spec.name}: {spec.dtype} {shape}" + (", may be missing" if spec.optional else "")
