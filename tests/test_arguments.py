"""Which calls are taken: one test a row of the acceptance rules."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

import npconv
from parity.rules import CONV2D, ROWS

ACCEPTED = [row for row in ROWS if row.verdict == "ok"]
REJECTED = [row for row in ROWS if row.verdict != "ok"]
# Those that naive loops can walk through.
SMALL = [row for row in ACCEPTED if math.prod(max(1, n) for n in row.shape) < 10_000]


def by_id(rows):
    return pytest.mark.parametrize("row", rows, ids=[row.id for row in rows])


def test_every_rule_has_rows():
    assert {row.rule for row in CONV2D} == set(range(1, 26))
    assert {row.operation for row in ROWS} <= {*npconv.__all__}
    assert len({row.id for row in ROWS}) == len(ROWS)


@by_id(ACCEPTED)
def test_accepted(row):
    arguments = row.call()
    result = getattr(npconv, row.operation)(**arguments)
    assert type(result) is np.ndarray
    assert result.shape == row.shape
    assert result.dtype == np.asarray(arguments[row.decides]).dtype.newbyteorder("=")
    assert result.flags.c_contiguous
    assert result.flags.writeable
    if row.rule == 21:
        assert not result.any()


@by_id(SMALL)
def test_accepted_by_the_reference(row):
    assert getattr(npconv.reference, row.operation)(**row.call()).shape == row.shape


def forms_of(value):
    """How a message may show `value`: itself, or an array's shape or dtype; sizes as a shape."""
    forms = {repr(value), str(value)}
    if isinstance(value, list):
        forms.add(str(tuple(value)))
    if not isinstance(value, np.ndarray):
        try:
            value = np.asarray(value)
        except ValueError:  # ragged
            return forms
    return forms | {str(value.shape), str(value.dtype), value.dtype.name, repr(value.dtype)}


@by_id(REJECTED)
@pytest.mark.parametrize("module", [npconv, npconv.reference], ids=["npconv", "reference"])
def test_rejected(row, module):
    arguments = row.call()
    function = getattr(module, row.operation)
    with pytest.raises(row.verdict) as caught:
        function(**arguments)
    if not row.names:
        return
    message = str(caught.value)
    assert re.search(rf"\b{re.escape(row.names)}\b", message), message
    if row.rule not in (1, "signature"):
        shown = forms_of(arguments[row.names])
        assert any(form in message for form in shown), f"{message!r} shows none of {shown}"


def test_too_many_positional_arguments():
    x, w = np.zeros((1, 2, 2, 1), np.float32), np.zeros((1, 1, 1, 1), np.float32)
    assert npconv.conv2d(x, w, 1, "SAME", "NHWC", 1, "name").shape == (1, 2, 2, 1)
    with pytest.raises(TypeError):
        npconv.conv2d(x, w, 1, "SAME", "NHWC", 1, "name", None)


def test_the_first_wrong_argument_is_reported():
    """Attributes come before arrays, as in TensorFlow."""
    with pytest.raises(ValueError, match="strides"):
        npconv.conv2d(np.zeros(3), np.zeros(3), [1, 2, 3], "SAME")


class Odd:
    """Something that says it is an array, and is not."""

    shape = (1, 2, 2, 1)

    def __array__(self, *_):
        raise UnicodeDecodeError("utf-8", b"", 0, 1, "odd")


ODD = {
    "strides-ragged": {"strides": [1, [2, 3]]},
    "dilations-ragged": {"dilations": [[1], [2, 3], 1, 1]},
    "padding-ragged": {"padding": [[0, 0], [[1, [2]], 1], [0, 0], [0, 0]]},
    "strides-10**5000": {"strides": 10**5000},
    "padding-10**5000": {"padding": [[0, 0], [10**5000, 0], [0, 0], [0, 0]]},
    "filters-ragged": {"filters": [[1], [2, 3]]},
    "input-odd": {"input": Odd()},
}


@pytest.mark.parametrize("arguments", ODD.values(), ids=ODD.keys())
def test_odd_values_are_named_too(arguments):
    call = {
        "input": np.zeros((1, 2, 2, 1), np.float32),
        "filters": np.zeros((1, 1, 1, 1), np.float32),
        "strides": 1,
        "padding": "SAME",
    }
    [name] = arguments
    with pytest.raises((TypeError, ValueError), match=rf"^{name}: "):
        npconv.conv2d(**{**call, **arguments})


def test_patches_are_not_offered_explicit_padding():
    with pytest.raises(ValueError, match=r"^padding: expected 'SAME' or 'VALID', received 'same'"):
        npconv.extract_patches(np.zeros((1, 2, 2, 1)), [1, 1, 1, 1], [1] * 4, [1] * 4, "same")
