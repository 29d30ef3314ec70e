"""``npconv.testing``: what it lets pass, what it finds, and what it says about it.

Every mistake that it names is planted by other means than those it is recognised by: by the loops
of ``npconv.reference``, whose arguments are wrong, and by plain NumPy.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from builders import DTYPES, FLOATS
from family import FORWARD, GRADIENTS, floats, random_call

import npconv
from npconv import reference
from npconv.testing import _looks, assert_close, assert_conv2d_close

FAMILY = [*FORWARD, *GRADIENTS]
WIDE = dict.fromkeys(FLOATS, "standard") | {"float64": "exact"}  # precision of exact values


def drawn(shape, dtype="float32", seed=0):
    rng = np.random.default_rng([seed, *shape])
    return rng.standard_normal(shape).astype(DTYPES[dtype])


def said(actual, *arguments, **named):
    """What the error says."""
    with pytest.raises(AssertionError) as raised:
        assert_close(actual, *arguments, **named)
    return str(raised.value)


def looks(actual, *arguments, **named):
    """What it says the result looks like."""
    last = said(actual, *arguments, **named).rpartition("\n")[2]
    return last if last.startswith("it equals ") else ""


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FAMILY)
def test_right_results_pass(name, dtype):
    call = random_call if dtype == "int32" else floats
    for seed in range(3):
        arguments, named = call(name, dtype, seed)
        function = getattr(npconv, name)
        result = getattr(reference, name)(*arguments, **named)
        assert assert_close(result, function, *arguments, **named) is None
        for precision in ("standard", "fast", "exact"):
            result = function(*arguments, **named, precision=precision)
            assert_close(result, function, *arguments, **named, precision=precision)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", FAMILY)
def test_errors_beyond_the_bound_are_found_and_those_within_pass(name, dtype):
    """Of 1.01 times the bound, and of 0.99 times: as near to those as the dtype has numbers."""
    function, within, beyond = getattr(npconv, name), False, False
    for seed in range(20):
        if within and beyond:
            return
        arguments, named = floats(name, dtype, seed)
        wide = [
            one.astype(np.float64) if isinstance(one, np.ndarray) and one.ndim > 2 else one
            for one in arguments
        ]
        exact = function(*wide, **named, precision=WIDE[dtype])
        # Results in float64, which has numbers close to the bound.
        formats = {} if dtype == "float64" else {"dtype": "float64", "accumulate": "float32"}
        limit = npconv.error_bound(function, *arguments, **named, **formats)
        limit += npconv.error_bound(function, *wide, **named, precision=WIDE[dtype])
        if not limit.any():
            continue
        at = np.unravel_index(np.argmax(limit / np.maximum(np.abs(exact), 1e-3)), limit.shape)
        for share in (-1.01, -0.99, 0.99, 1.01):
            planted = exact.copy()
            planted[at] = exact[at] + share * limit[at]
            ratio = abs(float(planted[at]) - exact[at]) / limit[at]
            if ratio <= 1:
                assert_close(planted, function, *arguments, **named, **formats)
            else:
                message = said(planted, function, *arguments, **named, **formats)
                assert f"1 of {exact.size} outputs" in message
                assert f"at {tuple(map(int, at))}: " in message
            within |= 0.9 < ratio < 1
            beyond |= 1 < ratio < 1.1
    pytest.fail("nothing came near the bound")


def test_the_message():
    x, w = drawn((1, 4, 4, 2)), drawn((3, 3, 2, 1))
    actual = npconv.conv2d(x, w, 1, "VALID")
    exact = npconv.conv2d(x.astype(np.float64), w.astype(np.float64), 1, "VALID")
    actual[0, 1, 0, 0] += 1
    actual[0, 0, 1, 0] = np.nan
    first, count, worst, strange = said(actual, x, w, 1, "VALID").splitlines()
    shapes = "input=float32 (1, 4, 4, 2), filters=float32 (3, 3, 2, 1)"
    assert first == f"conv2d({shapes}, strides=1, padding='VALID')"
    assert count == "2 of 4 outputs (50 %) lie beyond the bound"
    value = f"{actual[0, 1, 0, 0]:.9g}, exactly {exact[0, 1, 0, 0]:.9g}, error 1, bound "
    assert worst.startswith(f"the worst, at (0, 1, 0, 0): {value}")
    lost = f"nan, exactly {exact[0, 0, 1, 0]:.9g}"
    assert strange == f"inf or nan differ in 1, the first at (0, 0, 1, 0): {lost}"


def test_shapes_and_dtypes():
    x, w = drawn((2, 4, 4, 2)), drawn((3, 3, 2, 1))
    right = npconv.conv2d(x, w, 1, "SAME")
    assert "the dtype is float64, expected float32" in said(right.astype("f8"), x, w, 1, "SAME")
    assert "the shape is (2, 4, 4), expected (2, 4, 4, 1)" in said(right[..., 0], x, w, 1, "SAME")
    assert "the shape is (1, 4, 4, 1)" in said(right[:1], x, w, 1, "SAME")
    assert_conv2d_close(right.tolist() and right, x, w, 1, "SAME", dtype="float32")
    with pytest.raises(ValueError, match="strides"):
        assert_conv2d_close(right, x, w, 0, "SAME")


def test_special_values():
    """They must agree where nothing overflows; where it may, anything goes."""
    x, w = np.ones((1, 1, 5, 1), np.float32), np.ones((1, 2, 1, 1), np.float32)
    x[0, 0, 0], x[0, 0, 2] = np.inf, np.nan
    right = npconv.conv2d(x, w, 1, "VALID")
    assert_conv2d_close(right, x, w, 1, "VALID")
    for at, value in ((0, -np.inf), (0, 3), (1, 3), (3, np.inf), (3, np.nan)):
        wrong = right.copy()
        wrong[0, 0, at] = value
        assert "inf or nan differ in 1" in said(wrong, x, w, 1, "VALID")
    x[...] = 3e38
    assert_conv2d_close(right, x, w, 1, "VALID")


def test_tensors():
    torch = pytest.importorskip("torch")
    x, w = drawn((1, 5, 5, 3)), drawn((3, 3, 3, 2))
    image, kernel = torch.tensor(x).permute(0, 3, 1, 2), torch.tensor(w).permute(3, 2, 0, 1)
    conv2d = torch.nn.functional.conv2d
    result = conv2d(image, kernel.requires_grad_()).permute(0, 2, 3, 1)
    assert_conv2d_close(result, x, w, 1, "VALID")
    half = conv2d(image.bfloat16(), kernel.bfloat16()).permute(0, 2, 3, 1)
    assert_conv2d_close(half, x.astype(BF16), w.astype(BF16), 1, "VALID")
    assert_conv2d_close(half.detach(), x, w, 1, "VALID", multiply="bfloat16", dtype="bfloat16")
    assert "the dtype is bfloat16, expected float32" in said(half, x, w, 1, "VALID")


def test_bfloat16_without_ml_dtypes():
    """As tensors of PyTorch have it, which NumPy cannot read: by way of float64."""
    x, w = drawn((1, 4, 4, 2), "bfloat16"), drawn((3, 3, 2, 1), "bfloat16")

    class Tensor:
        dtype = "torch.bfloat16"

        def __init__(self, array):
            self.array = array

        def detach(self):
            return self

        cpu = double = detach

        def numpy(self):
            return self.array.astype(np.float64)

    right = npconv.conv2d(x, w, 1, "SAME")
    assert_conv2d_close(Tensor(right), x, w, 1, "SAME")
    wrong = right.copy()
    wrong[0, 1] += BF16.type(9)
    assert "4 of 16 outputs" in said(Tensor(wrong), x, w, 1, "SAME")


@pytest.mark.parametrize("narrow", ["float16", "bfloat16"])
def test_narrow_sums_pass_only_as_such(narrow):
    x, w = drawn((1, 6, 6, 16), narrow), drawn((3, 3, 16, 4), narrow)
    total = np.zeros((1, 4, 4, 4), DTYPES[narrow])
    for i, j, c in np.ndindex(3, 3, 16):
        product = x[:, i : i + 4, j : j + 4, c, np.newaxis] * w[i, j, c]
        total = (total + product).astype(DTYPES[narrow])
    assert_conv2d_close(total, x, w, 1, "VALID", accumulate=narrow)
    assert looks(total, x, w, 1, "VALID").endswith(f"accumulate='{narrow}' allows it")


def test_eight_bits():
    x = np.arange(-64, 64, dtype=np.int8).reshape(1, 4, 4, 8)
    w = np.arange(72, dtype=np.int8).reshape(3, 3, 8, 1)
    right = npconv.conv2d(x.astype(np.int32), w.astype(np.int32), 1, "SAME")
    assert_conv2d_close(right, x, w, 1, "SAME")
    assert "1 of 16 outputs" in said(
        right + (np.arange(16) == 3).reshape(right.shape).astype(np.int32), x, w, 1, "SAME"
    )
    scaled = right.astype(np.float32)
    assert_conv2d_close(scaled, x, w, 1, "SAME", dtype="float32", accumulate="int32")


def naive(x, w, step=(1, 1), spacing=(1, 1), pads=((0, 0), (0, 0)), group=None, pick=None):
    """Sum the products of a convolution one by one, in the dtype's sums, channels last.

    `group` says which group a filter reads, `pick` which tap is at a place.
    """
    x = np.pad(x, [(0, 0), *pads, (0, 0)])
    sizes = [
        (size - (taps - 1) * far - 1) // by + 1
        for size, taps, far, by in zip(x.shape[1:3], w.shape, spacing, step, strict=False)
    ]
    depth, filters = w.shape[2:]
    y = np.zeros((len(x), *sizes, filters), np.float64)
    for n, i, j, o in np.ndindex(*y.shape):
        first = group(o) * depth if group else 0
        for a, b, c in np.ndindex(w.shape[:3]):
            pixel = x[n, i * step[0] + a * spacing[0], j * step[1] + b * spacing[1], first + c]
            y[n, i, j, o] += float(pixel) * float(w[(*(pick(a, b) if pick else (a, b)), c, o)])
    return y


WIDER, FIVE = drawn((1, 8, 8, 2)), drawn((5, 5, 2, 2))
X, W, SAME = drawn((2, 6, 7, 4)), drawn((3, 3, 4, 4)), ((1, 1), (1, 1))
HALF_X, HALF_W = (one.astype(np.float16) for one in (X, W))
SMALL = drawn((1, 4, 4, 2)).astype(np.float16) * np.float16(2.0**-9)
BIG, LARGE = np.full((1, 3, 3, 2), 2**15, np.int32), np.full((3, 3, 2, 1), 2**15, np.int32)
BF16 = DTYPES["bfloat16"]


def narrowed(x, digits):
    """Values of so many binary digits, from the bits of float32: nearest, ties away from zero."""
    drop = 24 - digits
    bits = x.view(np.uint32).astype(np.uint64) + (1 << (drop - 1))
    return ((bits >> drop) << drop).astype(np.uint32).view(np.float32)


def cut_off(x):
    """float16 of float64 values, towards zero."""
    near = x.astype(np.float16)
    return np.where(np.abs(near) > np.abs(x), np.nextafter(near, np.float16(0)), near)


def without(x, place):
    x = x.copy()
    x[place] = 0
    return x


PLANTED = {  # what is computed, of which arrays, and the rest of the call that it stands for
    "with the kernel flipped": (naive(X, W, pick=lambda a, b: (2 - a, 2 - b)), X, W, 1, "VALID"),
    "with rows and columns of the kernel swapped": (
        naive(X, W, pick=lambda a, b: (b, a)), X, W, 1, "VALID"
    ),
    "with in and out channels of the filters swapped": (
        naive(X, np.einsum("abio->aboi", W)), X, W, 1, "VALID"
    ),
    "with the filters' memory taken for (out_channels, in_channels, *kernel)": (
        naive(X, np.einsum("oiab->abio", W[..., :3].reshape(3, 4, 3, 3))), X, W[..., :3], 1, "VALID"
    ),
    "with strides of rows and columns swapped": (
        naive(X[:, :6, :6], W, step=(2, 1)), X[:, :6, :6], W, (1, 2), "VALID"
    ),
    "with dilations of rows and columns swapped": (
        naive(X, W, spacing=(1, 2), pads=((1, 1), (2, 2))), X, W, 1, "SAME", "NHWC", (2, 1)
    ),
    "without strides": (naive(X, W), X, W, 2, "VALID"),
    "without dilations": (naive(X, W, pads=SAME), X, W, 1, "SAME", "NHWC", 2),
    "without padding": (naive(X, W), X, W, 1, "SAME"),
    "with pads before and after swapped": (
        naive(X, W[:2, :2], pads=((1, 0), (1, 0))), X, W[:2, :2], 1, "SAME"
    ),
    "with the pads that SAME has at stride 1": (
        naive(WIDER, FIVE, step=(4, 4), pads=((2, 2), (2, 2))), WIDER, FIVE, 4, "SAME"
    ),
    "with windows that begin a pixel earlier": (
        naive(X, W, pads=((2, 0), (2, 0))), X, W, 1, "SAME"
    ),
    "with windows that begin a pixel later": (
        naive(X, W, pads=((0, 2), (0, 2))), X, W, 1, "SAME"
    ),
    "with filter o in group o % groups": (
        naive(X, W[:, :, :2], group=lambda o: o % 2), X, W[:, :, :2], 1, "VALID"
    ),
    "with the input's memory taken for the other data_format": (
        naive(np.einsum("nchw->nhwc", X.reshape(2, 4, 6, 7)), W), X, W, 1, "VALID"
    ),
    "with the output's memory taken for the other data_format": (
        np.einsum("nhwc->nchw", naive(X, W)).reshape(2, 4, 5, 4), X, W, 1, "VALID"
    ),
    "with the memory of both taken for the other data_format": (
        np.einsum(
            "nhwc->nchw", naive(np.einsum("nchw->nhwc", X.reshape(2, 4, 6, 7)), W)
        ).reshape(2, 4, 5, 4), X, W, 1, "VALID"
    ),
    "with the last row of pixels left out": (
        naive(without(X, np.s_[:, -1]), W), X, W, 1, "VALID"
    ),
    "with the last column of pixels left out": (
        naive(without(X, np.s_[:, :, -1]), W), X, W, 1, "VALID"
    ),
    "with the last channel left out": (naive(without(X, np.s_[..., -1]), W), X, W, 1, "VALID"),
    "with the images of the batch in another order": (naive(X, W)[::-1], X, W, 1, "VALID"),
    "with its last channels in another order": (
        naive(X, W)[..., [0, 2, 1, 3]], X, W, 1, "VALID"
    ),
    "with something added to each channel": (
        naive(X, W) + np.array([1, -2, 0, 3]), X, W, 1, "VALID"
    ),
    "multiplied by {:.7g}": (naive(X, W) / 36, X, W, 1, "VALID"),
    "with negative results set to 0": (naive(X, W).clip(0), X, W, 1, "VALID"),
    "with inputs rounded to tfloat32": (naive(narrowed(X, 11), narrowed(W, 11)), X, W, 1, "VALID"),
    "with inputs rounded to bfloat16": (naive(X.astype(BF16), W.astype(BF16)), X, W, 1, "VALID"),
    "with inputs rounded to float16": (
        naive((X / 2**14).astype(np.float16), W.astype(np.float16)), X / 2**14, W, 1, "VALID"
    ),
    "with digits of the results cut off, not rounded": (
        cut_off(naive(HALF_X, HALF_W)), HALF_X, HALF_W, 1, "VALID"
    ),
    "with subnormal float16 flushed to 0": (
        naive(np.where(np.abs(SMALL) < 2.0**-14, 0, SMALL), HALF_W[:, :, :2] * 64), SMALL,
        HALF_W[:, :, :2] * np.float16(64), 1, "VALID",
    ),
    "saturating in place of wrapping": (
        naive(BIG, LARGE).clip(-(2**31), 2**31 - 1), BIG, LARGE, 1, "VALID"
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", _looks._MISTAKES)
def test_every_mistake_is_named(text):
    result, x, w, *call = PLANTED[text]
    expected = f"it equals conv2d {text}".format(1 / 36)
    assert looks(result.astype(x.dtype), x, w, *call) == expected
    if len(call) == 2 and "data_format" not in text:  # channels first
        image, actual = (np.einsum("nhwc->nchw", one) for one in (x, result.astype(x.dtype)))
        assert looks(actual, image, w, *call, "NCHW") == expected


@pytest.mark.parametrize("name", FAMILY)
def test_flipped_kernels_are_named_in_every_operation(name):
    for seed in range(40):
        arguments, named = floats(name, "float32", seed)
        function = getattr(npconv, name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            axes = {"conv1d": 1, "conv3d": 3}.get(GRADIENTS.get(name, name), 2)
            if name.endswith("filter"):
                result = function(*arguments, **named)[(slice(None, None, -1),) * axes]
            else:
                at = 1
                axes = arguments[at].ndim - 2
                flipped = arguments[at][(slice(None, None, -1),) * axes]
                result = getattr(reference, name)(
                    *arguments[:at], flipped, *arguments[at + 1 :], **named
                )
        right = function(*arguments, **named)
        if np.allclose(result, right) or min(right.shape) < 2:
            continue
        assert (
            looks(result, function, *arguments, **named)
            == f"it equals {name} with the kernel flipped"
        )
        return
    pytest.fail("nothing could tell")


def test_nothing_is_named_that_does_not_explain_everything():
    flipped = naive(X, W, pick=lambda a, b: (2 - a, 2 - b)).astype(np.float32)
    flipped[0, 0, 0, 0] += 1
    assert not looks(flipped, X, W, 1, "VALID")
    noise = naive(X, W) + drawn((2, 4, 5, 4), seed=9)
    assert not looks(noise.astype(np.float32), X, W, 1, "VALID")
    # Two mistakes that explain the same, in other ways: none is named.
    symmetric = W + W[::-1, ::-1]
    assert not looks(
        naive(X, symmetric, pads=SAME).astype(np.float32) + 1e-3 * noise.shape[0],
        X[:, :, :1],
        symmetric,
        1,
        "SAME",
    )


def test_a_standard_result_is_no_exact_one():
    rng = np.random.default_rng(3)
    x, w = rng.standard_normal((1, 6, 6, 32), np.float32), np.ones((3, 3, 32, 4), np.float32) / 3
    actual = npconv.conv2d(x, w, 1, "SAME")
    text = looks(actual, x, w, 1, "SAME", precision="exact")
    assert text.endswith("as precision='standard' may compute it")


def test_no_number_looks_like_nothing_and_complex_ones_are_refused():
    x = np.ones((1, 3, 3, 1), np.float32)
    actual = np.full_like(x, np.nan)
    assert "it equals" not in said(actual, x, x[..., None][0, :1, :1], 1, "SAME")
    with pytest.raises(TypeError, match="actual: expected real numbers, received dtype complex64"):
        assert_close(actual.astype(np.complex64), x, x[..., None][0, :1, :1], 1, "SAME")
