"""Formulas for padding that people copy, each with where it stands, as functions of integers.

The letters are those of the table that is made of them: size n, kernel k, stride s, dilation d, all
from 1; ``K = (k-1)*d + 1`` is the dilated extent. Where a source knows no dilation, its kernel is
taken for K, unless the row is about that.

A recipe gives one of three things. Pads are right if the windows are TensorFlow's: as many zeros
before, and as many outputs when a convolution uses both pads; zeros after that no window reads do
no harm. Outputs are right if they are as many. The size that a transpose makes is right if
TensorFlow takes it: if a convolution of it gives the n that were put in.

``parity.theorems.recipes_judged`` proves or refutes them. A condition joins by ``&`` and ``|``, not
by ``and`` and ``or``, so that it is one statement of symbolic integers too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from parity.theorems.tensorflow import truncated, window

PADS, OUTPUTS, SIZE = ("before", "after"), ("outputs",), ("size",)
ALWAYS = "always"
Values = tuple[int, ...]
GIT = "https://github.com/"
TIMM = GIT + "huggingface/pytorch-image-models/blob/main/timm/layers/padding.py"
TF, TFLITE = GIT + "tensorflow/tensorflow/", "blob/08df8c40/tensorflow/lite/kernels/padding.h"
TORCH, ONNX = GIT + "pytorch/pytorch/", "https://onnx.ai/onnx/operators/onnx__"
SONNX = "/safety-related-profile/sonnx/ops/spec/"
NN_METER = GIT + "microsoft/nn-Meter/"
KERAS = GIT + "keras-team/keras/blob/v3.15.1/keras/src/"
KERAS_SIZES = KERAS + "ops/operation_utils.py"
KERAS_TRANSPOSE = KERAS + "backend/common/backend_utils.py"
TF_DOCS = "https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2"
TORCH_DOCS = "https://pytorch.org/docs/stable/generated/torch.nn."


@dataclass(frozen=True)
class Recipe:
    """A formula, what it claims, and when that is true; `exactly`: when and only when."""

    id: str
    name: str
    formula: str
    function: Callable[[int, int, int, int], Values]
    sources: tuple[str, ...]
    holds_when: str = ALWAYS
    holds: Callable[[int, int, int, int], bool] = lambda n, k, s, d: n > 0
    exactly: bool = True
    padding: str = "SAME"
    gives: tuple[str, ...] = PADS


def right(recipe: Recipe, n: int, k: int, s: int, d: int) -> bool:
    """Say whether a recipe is right there; of symbolic integers too."""
    outputs, first, _ = window(n, k, s, d, recipe.padding)
    given = recipe.function(n, k, s, d)
    if recipe.gives == PADS:
        before, after = given
        return (before == first) & (window(n, k, s, d, "EXPLICIT", before, after)[0] == outputs)
    if recipe.gives == SIZE:
        return window(given[0], k, s, d, recipe.padding)[0] == n
    return given[0] == outputs


def ceil(a: int, b: int) -> int:
    """Return a / b, rounded up."""
    return -(-a // b)


def reach(k: int, d: int) -> int:
    """Return how many pixels lie behind the first of a window."""
    return (k - 1) * d


def rest(n: int, s: int) -> int:
    """Return how many pixels lie behind the first one of SAME's last stride."""
    return (n - 1) % s


def ends(total: int) -> Values:
    """Cut a total in two, the extra pixel at the end."""
    return total // 2, total - total // 2


def short(n: int, extent: int, s: int) -> int:
    """Return how many pixels the windows of ceil(n/s) outputs need beyond the image, or less."""
    return (ceil(n, s) - 1) * s + extent - n


def needed(n: int, k: int, s: int, d: int) -> int:
    """Return TensorFlow's total."""
    return max(0, short(n, reach(k, d) + 1, s))


def documented(n: int, k: int, s: int, d: int) -> int:
    """Return the total of TensorFlow's documentation."""
    return max(reach(k, d) + 1 - (s if n % s == 0 else n % s), 0)


def even(n: int, k: int, s: int, d: int) -> bool:
    """Say whether TensorFlow's total is even, or none."""
    return ((reach(k, d) - rest(n, s)) % 2 == 0) | (reach(k, d) < rest(n, s))


def encodec(n: int, k: int, s: int, d: int) -> Values:
    """Pad K - s, the extra pixel first, and at the end what fills the last window."""
    less, more = ends(reach(k, d) + 1 - s)
    return more, less + ceil(n, s) * s - n


def filled(apart: int, extra: int) -> bool:
    """Say when `encodec` is right, of K - s and of the pixels that fill the last window."""
    odd = extra - apart % 2
    return ((odd >= 0) & (odd <= 1) & (apart + extra >= 0)) | ((apart == -1) & (extra == 0))


def defined(n: int, k: int, s: int, d: int) -> bool:
    """Say where a quotient rounded down is one rounded towards zero, of VALID's outputs."""
    return (n + s > reach(k, d)) | ((n - reach(k, d) - 1) % s == 0)


MAXIMUM = "total = max(0, (ceil(n/s) - 1)*s + {} - n); before = total // 2"
EVEN = "(k-1)*d - (n-1) % s is even or below 0"
DEFINED = "n + s >= K, or s divides n - K"
RECIPES = (
    Recipe("tensorflow-max", "The rule itself, as code has it", MAXIMUM.format("K"),
        lambda n, k, s, d: ends(needed(n, k, s, d)),
        (TF + "blob/master/tensorflow/core/framework/kernel_shape_util.cc", TF + TFLITE, TIMM,
         GIT + "jax-ml/jax/blob/main/jax/_src/lax/lax.py", TORCH + "issues/3867")),
    Recipe("tensorflow-documented", "TensorFlow's documentation",
        "total = max(K - s, 0) if n % s == 0 else max(K - n % s, 0); before = total // 2",
        lambda n, k, s, d: ends(documented(n, k, s, d)),
        (TF_DOCS, "https://stackoverflow.com/questions/53819528/")),
    Recipe("rest-of-stride", "PyTorch's discussion: same_minimal",
        "total = max(0, (k-1)*d - (n-1) % s); before = total // 2",
        lambda n, k, s, d: ends(max(0, reach(k, d) - rest(n, s))),
        (TORCH + "pull/45667", TORCH + "pull/52631")),
    Recipe("keras-torch", "Keras on PyTorch",
        "total = K - 1 if s == 1 else max(0, (ceil(n/s) - 1)*s + K - n); before = total // 2",
        lambda n, k, s, d: ends(reach(k, d) if s == 1 else needed(n, k, s, d)),
        (KERAS + "backend/torch/nn.py",)),
    Recipe("onnx-same-upper", "ONNX SAME_UPPER; tf2onnx",
        "total = max(0, ((n+s-1)//s - 1)*s + k + (k-1)*(d-1) - n); before = total // 2",
        lambda n, k, s, d: ends(max(0, ((n + s - 1) // s - 1) * s + k + reach(k, d - 1) - n)),
        (ONNX + "Conv.html", GIT + "onnx/onnx/blob/cf91e21a/onnx/reference/ops/op_conv.py",
         GIT + "onnx/tensorflow-onnx/blob/6fb984bc/tf2onnx/onnx_opset/nn.py")),
    Recipe("onnx-same-lower", "ONNX SAME_LOWER: the extra pixel first",
        "total as above; before = (total + 1) // 2",
        lambda n, k, s, d: ends(needed(n, k, s, d))[::-1],
        (ONNX + "Conv.html", "https://docs.openvino.ai/2023.0/enumov_1_1op_1_1PadType.html"),
        EVEN, even),
    Recipe("no-max", "Without max: negative pads crop",
        "total = (ceil(n/s) - 1)*s + K - n; before = total // 2",
        lambda n, k, s, d: ends(short(n, reach(k, d) + 1, s)),
        (TF + "issues/5203", ONNX + "MaxPool.html",
         "https://docs.rs/trtx-sys/latest/trtx_sys/enum.PaddingMode.html",
         GIT + "zylo117/Yet-Another-EfficientDet-Pytorch/blob/1831d754/efficientnet/utils_extra.py",
         GIT + "xumwen/spatial-temporal-forecast/blob/ae4b6f22/my_conv.py"),
        "(n-1) % s <= (k-1)*d; so wherever s <= K", lambda n, k, s, d: rest(n, s) <= reach(k, d)),
    Recipe("no-dilation", "The kernel, where its dilated extent belongs", MAXIMUM.format("k"),
        lambda n, k, s, d: ends(max(0, short(n, k, s))),
        (GIT + "onnx/onnx/pull/2043", GIT + "microsoft/onnxscript/pull/3037"),
        "d = 1, or (k-1)*d <= (n-1) % s",
        lambda n, k, s, d: (d == 1) | (reach(k, d) <= rest(n, s))),
    Recipe("kernel-times-dilation", "k*d for the dilated extent (tf2onnx until 2020)",
        MAXIMUM.format("k*d"), lambda n, k, s, d: ends(max(0, short(n, k * d, s))),
        (GIT + "onnx/tensorflow-onnx/pull/1046",
         GIT + "onnx/tensorflow-onnx/blob/02fd7bdc/tf2onnx/onnx_opset/nn.py"),
        "d = 1, or k*d <= (n-1) % s + 1",
        lambda n, k, s, d: (d == 1) | (k * d <= rest(n, s) + 1), exactly=False),
    Recipe("pytorch-same", "PyTorch's padding='same' (which refuses s > 1), slim's conv2d_same",
        "total = (k-1)*d; before = total // 2", lambda n, k, s, d: ends(reach(k, d)),
        (TORCH + "blob/ddbcf1cd/torch/nn/modules/conv.py", TORCH + "pull/45667",
         GIT + "tensorflow/models/blob/03cdc5fe/research/slim/nets/resnet_utils.py"),
        "(n-1) % s = 0, or (n-1) % s = 1 with (k-1)*d odd, or (k-1)*d <= 1; so wherever s = 1",
        lambda n, k, s, d: (rest(n, s) == 0) | ((rest(n, s) == 1) & (reach(k, d) % 2 == 1))
        | (reach(k, d) <= 1)),
    Recipe("half-kernel", "padding = k // 2", "before = after = k // 2",
        lambda n, k, s, d: (k // 2,) * 2,
        (TF + "issues/4297", TF + "issues/196", GIT + "Theano/Theano/pull/4068",
         GIT + "taehoonlee/tensornets/issues/25"),
        "k = 1, or (n-1) % s = (k-1)*d - 2*(k//2); so for odd k where d = 1 and s divides n-1",
        lambda n, k, s, d: (k == 1) | (rest(n, s) == reach(k, d) - k // 2 * 2)),
    Recipe("half-dilated", "padding = (k-1)*d // 2", "before = after = (k-1)*d // 2",
        lambda n, k, s, d: (reach(k, d) // 2,) * 2,
        (GIT + "jik876/hifi-gan/blob/4591f5ed/utils.py",
         GIT + "yamada-sexta/brvc/blob/HEAD/brvc/lib/utils/padding.py",
         GIT + "Megvii-BaseDetection/YOLOX/issues/1099"),
        "(n-1) % s = (k-1)*d % 2, or (k-1)*d <= 1 and <= (n-1) % s; so for odd k if s divides n-1",
        lambda n, k, s, d: (rest(n, s) == reach(k, d) % 2)
        | ((reach(k, d) <= 1) & (reach(k, d) <= rest(n, s)))),
    Recipe("timm-symmetric", "timm's default, symmetric",
        "before = after = ((s-1) + (k-1)*d) // 2",
        lambda n, k, s, d: ((s - 1 + reach(k, d)) // 2,) * 2, (TIMM,),
        "(k-1)*d is even, and s = 1, or s = 2 with n odd or k = 1",
        lambda n, k, s, d: (reach(k, d) % 2 == 0)
        & ((s == 1) | ((s == 2) & ((n % 2 == 1) | (k == 1))))),
    Recipe("keep-size", "Padding for as many outputs as pixels",
        "before = after = ceil(((n-1)*s + K - n) / 2)",
        lambda n, k, s, d: (ceil((n - 1) * s + reach(k, d) + 1 - n, 2),) * 2,
        (GIT + "plops655/Memflow/blob/e97ba4e8/utils/utilities.py",),
        "(k-1)*d is even, and s = 1 or n = 1",
        lambda n, k, s, d: (reach(k, d) % 2 == 0) & ((s == 1) | (n == 1))),
    Recipe("half-total-down", "Half the total on both sides, rounded down",
        "before = after = max(0, (ceil(n/s) - 1)*s + K - n) // 2",
        lambda n, k, s, d: (needed(n, k, s, d) // 2,) * 2,
        (NN_METER + "issues/120",), EVEN, even),
    Recipe("half-total-up", "Half the total on both sides, rounded up",
        "before = after = ceil(total / 2), total as TensorFlow documents it",
        lambda n, k, s, d: (ceil(documented(n, k, s, d), 2),) * 2,
        (NN_METER + "blob/8006ed6e/nn_meter/builder/nn_modules/torch_networks/utils.py",
         GIT + "vtjeng/MIPVerify.jl/pull/23"), EVEN, even),
    Recipe("tvm-same", "TVM's, k - 1 with the extra pixel first",
        "before = k // 2; after = k - 1 - k // 2", lambda n, k, s, d: (k // 2, k - 1 - k // 2),
        (GIT + "apache/tvm/blob/073f2a25/topi/python/topi/nn/util.py",),
        "k = 1, or k is odd and (n-1) % s = (k-1)*(d-1)",
        lambda n, k, s, d: (k == 1) | ((k % 2 == 1) & (rest(n, s) == reach(k, d - 1)))),
    Recipe("kernel-minus-stride", "K - s, the extra pixel first, the last window filled (EnCodec)",
        "before = ceil((K - s) / 2); after = (K - s) // 2 + ceil(n/s)*s - n", encodec,
        (GIT + "facebookresearch/encodec/blob/3837f0db/encodec/modules/conv.py",),
        "e - (K-s) % 2 is 0 or 1 and K - s + e >= 0, or K = s - 1 and e = 0, for e = -n % s",
        lambda n, k, s, d: filled(reach(k, d) + 1 - s, -n % s)),
    Recipe("ceil-outputs", "Outputs, as Keras counts them", "outputs = (n-1)//s + 1",
        lambda n, k, s, d: ((n - 1) // s + 1,), (KERAS_SIZES,), gives=OUTPUTS),
    Recipe("floor-outputs", "Outputs, rounded down", "outputs = n // s",
        lambda n, k, s, d: (n // s,),
        ("https://github.com/onnx/onnx/issues/749",),
        "s divides n", lambda n, k, s, d: n % s == 0, gives=OUTPUTS),
    Recipe("same-outputs", "Outputs, as the name says", "outputs = n", lambda n, k, s, d: (n,),
        (TF + "issues/48137",),
        "s = 1 or n = 1", lambda n, k, s, d: (s == 1) | (n == 1), gives=OUTPUTS),
    Recipe("caffe-ceil", "Outputs of Caffe's pooling without pads",
        "outputs = ceil((n - K) / s) + 1", lambda n, k, s, d: (ceil(n - reach(k, d) - 1, s) + 1,),
        (GIT + "BVLC/caffe/blob/03238445/src/caffe/layers/pooling_layer.cpp",
         GIT + "BVLC/caffe/issues/3656"),
        "0 <= (k-1)*d - (n-1) % s < s",
        lambda n, k, s, d: (rest(n, s) <= reach(k, d)) & (reach(k, d) < rest(n, s) + s),
        gives=OUTPUTS),
    Recipe("valid-documented", "Outputs of VALID, as TensorFlow documents them",
        "outputs = ceil((n - K + 1) / s)", lambda n, k, s, d: (ceil(n - reach(k, d), s),),
        (TF_DOCS,), DEFINED, defined, True, "VALID", OUTPUTS),
    Recipe("valid-floor", "Outputs of VALID, as PyTorch and Keras count them",
        "outputs = (n - K)//s + 1", lambda n, k, s, d: ((n - reach(k, d) - 1) // s + 1,),
        (TORCH_DOCS + "Conv2d.html", KERAS_SIZES), DEFINED, defined, True, "VALID", OUTPUTS),
    Recipe("valid-times-dilation", "Outputs of VALID in ONNX's safety profile, in words",
        "outputs = (n - k*d)//s + 1", lambda n, k, s, d: ((n - k * d) // s + 1,),
        (GIT + "onnx/working-groups/blob/3d3740ad" + SONNX + "informal/conv/conv.md",),
        "d - 1 <= (n-K) % s, and n + s >= K or s divides n - K",
        lambda n, k, s, d: (d - 1 <= (n - reach(k, d) - 1) % s) & defined(n, k, s, d),
        True, "VALID", OUTPUTS),
    Recipe("valid-why3", "Outputs of VALID in ONNX's safety profile, in Why3",
        "outputs = (n - K) / (s + 1), towards zero",
        lambda n, k, s, d: (truncated(n - reach(k, d) - 1, s + 1),),
        (GIT + "onnx/working-groups/blob/2e353359" + SONNX + "formal/conv/conv.mlw",),
        "n < K <= n + s, where there is no output",
        lambda n, k, s, d: (n <= reach(k, d)) & (reach(k, d) < n + s), False, "VALID", OUTPUTS),
    Recipe("transpose-same", "Size of a transpose with SAME", "size = n*s",
        lambda n, k, s, d: (n * s,), (KERAS_TRANSPOSE, ONNX + "ConvTranspose.html"), gives=SIZE),
    Recipe("transpose-valid", "Size of a transpose with VALID", "size = (n-1)*s + K",
        lambda n, k, s, d: ((n - 1) * s + reach(k, d) + 1,),
        (TORCH_DOCS + "ConvTranspose2d.html", ONNX + "ConvTranspose.html"),
        padding="VALID", gives=SIZE),
    Recipe("keras-transpose-valid", "Size of a transpose with VALID in Keras",
        "size = n*s + max(K - s, 0)", lambda n, k, s, d: (n * s + max(reach(k, d) + 1 - s, 0),),
        (KERAS_TRANSPOSE,), padding="VALID", gives=SIZE),
)  # fmt: skip


def by_id() -> dict[str, Recipe]:
    """Return the recipes by their ids."""
    return {one.id: one for one in RECIPES}
