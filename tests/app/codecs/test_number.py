from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.codecs.number import Number

_literals = st.from_regex(
    r"-?(0|[1-9]\d{0,30})(\.\d{1,30})?([eE][+-]?\d{1,2})?", fullmatch=True, alphabet="-+.eE0123456789"
)


@given(_literals)
def test_an_integer_is_what_exact_decimal_arithmetic_says(literal: str) -> None:
    exact = Decimal(literal)
    whole = exact == exact.to_integral_value()

    if not whole:
        with pytest.raises(ValueError, match="no whole number"):
            Number(literal).to_int()
    elif abs(exact) < 10**40:
        assert Number(literal).to_int() == int(exact)
    else:
        assert abs(Number(literal).to_int()) >= 10**40
        assert (Number(literal).to_int() > 0) == (exact > 0)


@pytest.mark.parametrize(
    ("literal", "integer"),
    [
        ("0e99999999999999999999999", 0),
        ("-0.000e-99999999999999999999999", 0),
        ("1" + "0" * 6000 + "e-6000", 1),
        ("0." + "0" * 6000 + "7e6001", 7),
        ("12e00000000000000000000000001", 120),
        ("1e99999999999999999999999", 10**40),
        ("1e" + "9" * 6000, 10**40),
        ("-" + "9" * 6000, -(10**40)),
    ],
)
def test_no_literal_is_too_long_for_an_integer(literal: str, integer: int) -> None:
    assert Number(literal).to_int() == integer


def test_an_exponent_far_below_zero_makes_a_fraction() -> None:
    with pytest.raises(ValueError, match="no whole number"):
        Number("1e-99999999999999999999999").to_int()


@pytest.mark.parametrize(
    ("literal", "number"),
    [("1e400", "inf"), ("-1e400", "-inf"), ("9" * 6000, "inf"), ("1e-400", "0.0"), ("-0.0", "-0.0"), ("-0", "0.0")],
)
def test_a_float_is_infinite_beyond_the_range_and_zero_below_it(literal: str, number: str) -> None:
    assert repr(Number(literal).to_float()) == number


@pytest.mark.parametrize(
    ("literal", "expected"), [("3", True), ("-0", True), ("3.0", False), ("3e0", False), ("3E0", False)]
)
def test_only_digits_make_an_integer_literal(literal: str, expected: bool) -> None:
    assert Number(literal).is_integer is expected
