"""The call that says the same to PyTorch."""

from __future__ import annotations

from npconv._attributes import Shape
from npconv._geometry import Geometry
from npconv._operation import Operation


def torch_call(operation: Operation, geometry: Geometry, images: Shape, layout: str) -> str:
    """Return what computes the same from tensors, for images of a shape in a layout.

    ``F`` is ``torch.nn.functional``; tensors are called as the arguments of the operation.
    """
    axes, count = geometry.axes, len(geometry.axes)
    there = back = ""
    if layout.endswith("C"):
        there = f".permute{(0, count + 1, *range(1, count + 1))}"
        back = f".permute{(0, *range(2, count + 2), 1)}"
    weights = f"{operation.filters}.permute{(count + 1, count, *range(count))}"
    if operation.depthwise:
        weights = f"{operation.filters}.permute(2, 3, 0, 1).flatten(0, 1).unsqueeze(1)"
    before, after = (tuple(getattr(axis, end) for axis in axes) for end in ("before", "after"))
    even = before == after
    options = f", padding={before}" if even and any(before) else ""
    steps = ""
    for name in ("stride", "dilation"):
        along = tuple(getattr(axis, name) for axis in axes)
        steps += f", {name}={along}" if max(along) > 1 else ""
    steps += f", groups={geometry.groups}" if geometry.groups != 1 else ""
    lead = len(images) - count - 1
    image = (operation.input if lead == 1 else f"{operation.input}.flatten(0, {lead - 1})") + there
    if not even:  # the last axis first
        pads = tuple(pad for axis in reversed(axes) for pad in axis[4:6])
        image = f"F.pad({image}, {pads})"
    if operation.gives == "output":
        call = f"F.conv{count}d({image}, {weights}{options}{steps}){back}"
        return call if lead == 1 else f"{call}.unflatten(0, {images[:lead]})"
    gradient = operation.gradient + there
    channels, outputs = geometry.in_channels, geometry.out_channels
    if operation.gives == "filters":
        shape = outputs, geometry.filter_channels, *geometry.kernel
        call = f"torch.nn.grad.conv{count}d_weight({image}, {shape}, {gradient}{options}{steps})"
        if operation.depthwise:
            apart = channels, outputs // channels
            return f"{call}.unflatten(0, {apart}).squeeze(2).permute(2, 3, 0, 1)"
        return f"{call}.permute{(*range(2, count + 2), 1, 0)}"
    cut = ", ".join(f"{axis.before}:{axis.before + axis.size}" for axis in axes)
    if operation.input == "input_sizes":
        sizes = (axis.size + (0 if even else axis.before + axis.after) for axis in axes)
        call = f"conv{count}d_input({(images[0], channels, *sizes)}, {weights}, {gradient}"
        return f"torch.nn.grad.{call}{options}{steps}){'' if even else f'[..., {cut}]'}{back}"
    # Of the pixels that outputs reach there `padding` cuts as many off at either end.
    reached = (axis.span((0, axis.outputs), (0, axis.kernel)).length for axis in axes)
    ends = [axis.before + axis.size - one for axis, one in zip(axes, reached, strict=True)]
    more = tuple(axis.before + end for axis, end in zip(axes, ends, strict=True))
    even = all(0 <= one < max(a.stride, a.dilation) for a, one in zip(axes, more, strict=True))
    more = more if even else tuple(max(0, end) for end in ends)
    options = f", padding={before}" if even and any(before) else ""
    options += f", output_padding={more}" if any(more) else ""
    call = f"F.conv_transpose{count}d({gradient}, {weights}{options}{steps})"
    return f"{call}{'' if even else f'[..., {cut}]'}{back}"
