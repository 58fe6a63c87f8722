"""Strategies for JSON texts that lie around what a signature asks for: right, almost right, and wrong."""

import json

from hypothesis import strategies as st

from models.signature import Signature, TensorSpec

FLOATS = ("float16", "bfloat16", "float32", "float64")
INTS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
DTYPES = (*FLOATS, *INTS, "bool", "string")

ID_FIELD = "meta.id"
FIELDS = {"b": "data.x", "c": r"data.y\.z"}
"""Paths of inputs, if the signature has them; `a` and `d` are found by name."""

# fmt: off
_EDGES = [
    "0", "-0", "-0.0", "0.0", "1", "-1", "3.0", "3.5", "1e3", "1E+3", "10e-1", "15e-1", "0e99999999999999", "1e-400",
    "-1e-400", "1e400", "-1e400", "1e-99999999999999999999", "127", "128", "-128", "-129", "255", "256", "32767",
    "32768", "65535", "65536", "2147483647", "2147483648", "-2147483649", "4294967295", "4294967296",
    "9007199254740993", "9223372036854775807", "9223372036854775807.0", "9223372036854775808", "-9223372036854775808",
    "-9223372036854775809", "18446744073709551615", "18446744073709551615.0", "18446744073709551616",
    "1844674407370955161.5e1", "65504", "65519.99", "65520", "65520.0", "5.960464477539063e-08", "2.98e-8",
    "1.401298464324817e-45", "7e-46", "5e-324", "3.3895313892515355e38", "3.39e38", "3.3961775292304957e38",
    "3.3961775e38", "3.4028234663852886e38", "3.4028235e38", "3.4028235677973362e38", "3.4028235677973366e38",
    "3.4028236e38", "1.7976931348623157e308", "1.7976931348623159e308",
]
# fmt: on

_any_text = st.text(st.characters(codec=None), max_size=8)

numbers = st.one_of(
    st.sampled_from(_EDGES),
    st.integers(300, 5000).map(lambda digits: "9" * digits),
    st.integers(300, 500).map(lambda zeros: "1" + "0" * zeros + f"e-{zeros}"),
    st.integers(-(2**66), 2**66).map(str),
    st.integers(-300, 300).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(allow_nan=False, allow_infinity=False, width=32).map(repr),
    st.from_regex(r"-?(0|[1-9]\d{0,20})(\.\d{1,20})?([eE][+-]?\d{1,3})?", fullmatch=True, alphabet="-+.eE0123456789"),
)
texts = st.builds(json.dumps, _any_text, ensure_ascii=st.booleans())
_base64 = st.one_of(
    st.sampled_from(["", "QQ==", "QR==", "QUI=", "QUJD", "QQ", "AAAA=", "AAAA====", "QQ==\n", "-_-_", "====", "Q Q="]),
    st.text("QAB=+/ ", max_size=9),
)
strings = st.one_of(texts, st.builds(lambda text: json.dumps({"b64": text}), _base64), st.just('{"b64":"QQ==","x":1}'))
booleans = st.sampled_from(["true", "false"])
anything = st.recursive(
    st.one_of(st.just("null"), booleans, numbers, strings, st.sampled_from(["NaN", "-Infinity", '"NaN"', "01", "{}"])),
    lambda inner: st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]"),
    max_leaves=4,
)


def rarely(draw: st.DrawFn) -> bool:
    return draw(st.integers(0, 14)) == 0


_lengths = st.lists(st.sampled_from([None, 1, 2, 3]), max_size=3).map(tuple)


@st.composite
def signatures(draw: st.DrawFn) -> Signature:
    lengths = st.integers(0, 9).flatmap(lambda one: _lengths if one else st.none())
    names = draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True))
    mostly_neither = st.sampled_from([(False, False), (False, False), (True, False), (True, True)])
    kinds = st.tuples(st.sampled_from(DTYPES), lengths, mostly_neither).map(lambda kind: (*kind[:2], *kind[2]))
    return Signature("fuzz", tuple(TensorSpec(name, *draw(kinds)) for name in names))


@st.composite
def tensors(draw: st.DrawFn, spec: TensorSpec, shape: tuple[int | None, ...]) -> str:
    if rarely(draw):
        return draw(anything)
    if not shape:
        return draw(_leaves(spec.dtype))
    length = draw(st.integers(0, 2)) if shape[0] is None or rarely(draw) else shape[0]
    return f"[{', '.join(draw(tensors(spec, shape[1:])) for _ in range(length))}]"


def _leaves(dtype: str) -> st.SearchStrategy[str]:
    if dtype == "string":
        return strings
    if dtype == "bool":
        return booleans
    return st.integers(0, 5).flatmap(lambda kind: numbers if kind == 0 else st.integers(0, 127).map(str))


@st.composite
def documents(draw: st.DrawFn, signature: Signature) -> bytes:
    """The bytes of a record for *signature*, under `FIELDS` and `ID_FIELD`, or of something like it."""
    top: list[tuple[str, str]] = []
    data: list[tuple[str, str]] = []
    for spec in signature.inputs:
        given = draw(st.integers(0, 1)) if spec.optional else 1
        for _ in range(given + rarely(draw) - (given and rarely(draw))):
            level = data if spec.name in FIELDS else top
            level.append(
                (
                    FIELDS.get(spec.name, spec.name).removeprefix("data.").replace("\\.", "."),
                    draw(tensors(spec, draw(_lengths) if spec.shape is None else spec.shape)),
                )
            )
    ids = st.one_of(texts, st.integers(-(2**64), 2**64).map(str), anything)
    if draw(st.booleans()):
        top.append(("meta", draw(anything) if rarely(draw) else _object([("id", draw(ids))])))
    if data or rarely(draw):
        top.append(("data", draw(anything) if rarely(draw) else _object(draw(st.permutations(data)))))
    if draw(st.booleans()):
        top.append(("unused", draw(anything)))
    value = _object(draw(st.permutations(top))).encode(errors="surrogatepass")
    return draw(_damaged(value)) if rarely(draw) else value


def _object(members: list[tuple[str, str]]) -> str:
    return "{" + ",".join(f"{json.dumps(name)} : {value}" for name, value in members) + "}"


@st.composite
def _damaged(draw: st.DrawFn, value: bytes) -> bytes:
    at = draw(st.integers(0, len(value)))
    inserted = draw(
        st.one_of(st.binary(max_size=2), st.sampled_from(list(b'{}[]",:0.e-\\ ')).map(lambda c: bytes([c])))
    )
    return value[:at] + inserted + value[at + draw(st.integers(0, 3)) :]
