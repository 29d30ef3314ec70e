"""Wrong versions of the shipped functions, each of which a theorem has to refute.

A row replaces a few characters of a function. ``planted`` puts the wrong function wherever npconv
has the right one; the theorem is proved of that then, or rather not.
"""

from __future__ import annotations

import inspect
import linecache
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple

from parity.theorems.turns import owner, source


class Planted(NamedTuple):
    """A mistake: in which function, what stands there instead of what, and who finds it.

    Where a theorem has many cases, the smallest integers may be looked for in some of them alone.
    """

    name: str
    function: str
    right: str
    wrong: str
    theorem: str
    case: Mapping[str, object] = MappingProxyType({})


_AXIS = "npconv._geometry.Axis"
_RESOLVE, _SIZES = f"{_AXIS}.resolve", f"{_AXIS}.sizes"
_RULE, _TAKEN = (
    "outputs_and_pads_are_tensorflows",
    "transposes_take_the_sizes_that_give_their_input",
)
_FIT, _TURNED, _CONV3D = (
    "windows_fit",
    "tensorflows_gradient_is_the_definitions",
    "conv3d_differs_where_pixels_are_left",
)
_SPAN, _MEETING = (
    "span_reads_what_the_definition_says",
    "meeting_gives_the_outputs_that_meet_pixels",
)
_PARTS, _RUNS, _TILES = (f"npconv._engine.plan.{name}" for name in ("parts", "runs", "tiles"))
_SHARES, _CUT_ONCE = "npconv._filter_gradients._shares", "filters_are_cut_once"
_LARGEST = "npconv._engine.plan.largest"
_FOLLOW, _ONE_PART, _IN_A_RUN, _ASCEND, _WHOLE, _CHANNELS = (
    "parts_follow_each_other", "each_place_is_in_one_part", "each_output_is_in_a_run",
    "runs_ascend", "runs_are_contiguous", "tiles_have_every_channel_of_a_run_once",
)  # fmt: skip
_STRIDE, _DILATION, _IN_PHASES, _APART, _FOLDED, _WIDE, _SPREAD = (
    "npconv._phases._along_stride", "npconv._phases._along_dilation", "npconv._phases.in_phases",
    "npconv._phases.apart", "npconv._gradients.folded", "npconv._engine.toeplitz._widened",
    "npconv._engine.toeplitz.spread",
)  # fmt: skip
_SCATTER, _PIECES, _KN2ROW, _PLANES, _PATCHES, _WINOGRAD, _FFT = (
    "npconv._engine.toeplitz.scatter", "npconv._engine.toeplitz._pieces",
    "npconv._engine.kn2row._met", "npconv._engine.depthwise._planes",
    "npconv._engine.depthwise.patches_of", "npconv._engine.winograd.Winograd._windows",
    "npconv._engine.fft._windows",
)  # fmt: skip
_MET, _NO_MORE, _DISJOINT, _PHASE, _PHASES, _PLAIN, _SAME_PLACE, _BLOCK, _STAND = (
    "each_tap_that_meets_a_pixel_is_in_a_part", "a_part_adds_nothing_else",
    "parts_share_no_pixel_and_no_tap", "each_output_is_in_its_phase",
    "phases_have_the_outputs_of_tensorflow", "other_axes_need_no_phases",
    "folded_columns_are_the_same_elements", "blocks_read_what_their_outputs_read",
    "filters_stand_where_their_outputs_read",
)  # fmt: skip
_REACH, _READS, _FRAME, _VIEW, _TAPS = (
    f"npconv._blocks.{name}" for name in ("reach", "read", "_frame", "_view", "Block.taps")
)
_BAND, _CHANNEL, _FIRST, _TAPPED, _LEAD, _MERGED = (
    "bands_hold_what_the_definition_says", "bands_have_the_images_and_channels",
    "blocks_begin_at_their_first_pixel", "taps_meet_each_pixel_once",
    "views_lead_to_what_the_definition_says",
    "one_stride_walks_merged_axes",
)  # fmt: skip
_MERGE = "npconv._geometry.merged"
_ONCE, _ADDED, _HOLD, _READ, _WINDOWS = (
    "each_output_is_written_once", "planes_are_added_where_outputs_read",
    "planes_hold_what_a_tap_reads", "depthwise_patches_are_what_outputs_read",
    "windows_are_what_blocks_read",
)  # fmt: skip

_NEEDED = "(outputs - 1) * stride + extent - size"

_IN_PLACE = "views_that_are_matrices_lead_to_the_same"
_OF_ONE: Mapping[str, object] = {"rank": 1, "several": False}
_OF_TWO = {**_OF_ONE, "rank": 2}
_OF_ROWS = {"rank": 1, "of": "rows", "array": "band", "several": False}
_OF_COLUMNS, _OF_GROUPS = _OF_ROWS | {"of": "columns"}, _OF_ROWS | {"several": True}

ROWS = (
    Planted("same_rounds_down", _RESOLVE, "-(-size // stride)", "size // stride", _RULE),
    Planted("same_without_max", _RESOLVE, f"max(0, {_NEEDED})", _NEEDED, _RULE),
    Planted("same_forgets_stride", _RESOLVE, "(outputs - 1) * stride", "(size - 1)", _RULE),
    Planted("same_lower", _RESOLVE, "total // 2, total -", "-(-total // 2), total +", _RULE),
    Planted("extent_too_long", _RESOLVE, "(kernel - 1) * dilation + 1", "kernel * dilation", _RULE),
    Planted("extent_of_kernel", _RESOLVE, "(kernel - 1) * dilation + 1", "kernel", _RULE),
    Planted("floor_for_truncation", _RESOLVE, "if room >= 0 else -(-room // stride)", "", _RULE),
    Planted("pads_after_forgotten", _RESOLVE, "before + after - extent", "before - extent", _RULE),
    Planted("a_window_too_few", _RESOLVE, "extent + stride\n", "extent + stride - 1\n", _RULE),
    Planted("a_window_too_many", _RESOLVE, "- extent + stride", "- extent + 2 * stride", _FIT),
    Planted("pads_below_zero", _RESOLVE, f"max(0, {_NEEDED})", _NEEDED, _CONV3D),
    Planted("odd_zero_first", _RESOLVE, "total // 2, total -", "-(-total // 2), total +", _TURNED),
    Planted("sizes_least_of_many", _SIZES, "(1 if outputs else 2)", "1", _TAKEN),
    Planted("sizes_one_too_large", _SIZES, "outputs * stride - 1", "outputs * stride", _TAKEN),
    Planted("sizes_of_same_too_small", _SIZES, "- 1) * stride + 1)", "- 1) * stride)", _TAKEN),
    Planted("sizes_without_pads", _SIZES, "else sum(padding)", "else padding[0]", _TAKEN),
    Planted("span_without_last_tap", f"{_AXIS}.span", "k1 - 1 - k0", "k1 - 2 - k0", _SPAN),
    Planted("span_by_stride", f"{_AXIS}.span", "k0 * self.dilation", "k0 * self.stride", _SPAN),
    Planted("span_pads_after", f"{_AXIS}.span", "- self.before", "- self.after", _SPAN),
    Planted("span_reads_beyond", f"{_AXIS}.span", "self.size - first", "self.size", _SPAN),
    Planted("span_lo_negative", f"{_AXIS}.span", "max(0, -first)", "-first", _SPAN),
    Planted("meeting_rounds_down", f"{_AXIS}.meeting", "-(-missing // ", "(missing // ", _MEETING),
    Planted("meeting_one_beyond", f"{_AXIS}.meeting", "self.size - 1 +", "self.size +", _MEETING),
    Planted("meeting_without_dilation", f"{_AXIS}.meeting", "tap * self.dilation", "tap", _MEETING),
    Planted("meeting_every_pixel", f"{_AXIS}.meeting", "1, self.stride)", "1, 1)", _MEETING),
    Planted("parts_lose_the_rest", _PARTS, "1) * size // count", "1) * (size // count)", _FOLLOW),
    Planted("parts_without_last", _PARTS, "range(count)", "range(count - 1)", _FOLLOW),
    Planted("parts_may_be_empty", _PARTS, "min(size, count)", "count", _FOLLOW),
    Planted("parts_with_gaps", _PARTS, "[(i * size", "[((i * size + 1)", _ONE_PART),
    Planted("runs_cut_below_several", _RUNS, "-(-count // sizes[0])", "count", _WHOLE),
    Planted("runs_begin_at_one", _RUNS, "(0, size)", "(1, size)", _IN_A_RUN),
    Planted("runs_with_axes_swapped", _RUNS, "(one, *others)", "(others[0], one)", _ASCEND),
    Planted("largest_rounded_down", _LARGEST, "-(-size // max", "(size // max", _WHOLE),
    Planted("largest_counts_down", _LARGEST, "-(-count // size)", "count // size", _WHOLE),
    Planted("tiles_split_groups", _TILES, "unit = channels // groups if", "unit = 1 if", _CHANNELS),
    Planted("tiles_forget_rows", _TILES, "stop + prod", "prod", _CHANNELS),
    Planted("tiles_count_groups", _TILES, "hi * unit", "hi", _CHANNELS),
    Planted("shares_of_other_axis", _SHARES, "parts(shape[-1],", "parts(shape[-3],", _CUT_ONCE),
    Planted("shares_by_groups", _SHARES, "whole[:-3], one", "whole[:-2], one", _CUT_ONCE),
    Planted("shares_lose_a_tap", _SHARES, "runs(shape[:-2]", "runs((*shape[:-3], 1)", _CUT_ONCE),
    Planted("stride_without_gcd", _STRIDE, "// gcd(stride, axis.dilation)", "", _MET),
    Planted("stride_first_pixel_off", _STRIDE, "tap - axis.before) %", "tap) %", _MET),
    Planted("stride_one_target", _STRIDE, "* tap - axis.before) %", "- axis.before) %", _DISJOINT),
    Planted("stride_not_reversed", _STRIDE, "- spacing * (taps - 1)", "", _NO_MORE),
    Planted("stride_pads_swapped", _STRIDE, "start - lo, hi", "hi - stop, hi", _MET),
    Planted("stride_spacing_dilated", _STRIDE, "* step // stride", "", _NO_MORE),
    Planted("stride_a_part_lost", _STRIDE, "min(step,", "min(step - 1,", _MET),
    Planted("stride_reads_before_first", _STRIDE, "max(lo, 0)", "lo", _NO_MORE),
    Planted("dilation_a_phase_lost", _DILATION, "axis.outputs)):", "axis.outputs - 1)):", _PHASE),
    Planted("dilation_before_forgotten", _DILATION, "number - axis.before", "number", _PHASE),
    Planted("dilation_kept", _DILATION, "axis.stride, 1,", "axis.stride, step,", _PHASE),
    Planted("phases_without_zeros", _IN_PHASES, "* dilation - rest", "* dilation", _PHASES),
    Planted("phases_same_of_stride", _IN_PHASES, "1, dilation, ", "stride, dilation, ", _PHASES),
    Planted("apart_where_both", _APART, "and any(", "and all(", _PLAIN),
    Planted("folded_with_pads", _FOLDED, "not before and ", "", _SAME_PLACE),
    Planted("folded_with_rest", _FOLDED, "size == outputs", "size >= outputs", _SAME_PLACE),
    Planted("folded_groups", _FOLDED, " or geometry.groups > 1", "", _SAME_PLACE),
    Planted("blocks_of_kernels", _WIDE, "1) * axis.stride, axis", "1), axis", _BLOCK),
    Planted("blocks_too_few", _WIDE, "-(-axis.outputs //", "(axis.outputs //", _BLOCK),
    Planted("blocks_pads_too_few", _WIDE, "1) * stride", "1) * axis.stride", _BLOCK),
    Planted("blocks_negative_pads", _WIDE, "max(0, ", "max(-kernel, ", _BLOCK),
    Planted("spread_without_stride", _SPREAD, "b * axis.stride", "b", _STAND),
    Planted("spread_by_dilation", _SPREAD, "b * axis.stride", "b * axis.dilation", _STAND),
    Planted("spread_reversed", _SPREAD, "[count : count + 2]", "[count + 1 : 0 : -1][:2]", _STAND),
    Planted("bands_beyond_image", _REACH, "slice(a + lo, a", "slice(a, a", _BAND, _OF_ONE),
    Planted("borders_without_rest", _REACH, "(hi, length))", "(lo, hi))", _BAND),
    Planted(
        "borders_overlap", _REACH, "(*inside[: 2 + i],", "(*inside[:2], *[every] * i,", _BAND,
        _OF_TWO,
    ),
    Planted("bands_of_outputs", _REACH, "axes, places, kernel", "axes, places, places", _BAND),
    Planted("bands_without_last_channel", _REACH, "c1 - c0)", "c1 - c0 - 1)", _CHANNEL),
    Planted("bands_of_all_channels", _REACH, "((0, every), own)", "((0, every), every)", _CHANNEL),
    Planted("bands_of_all_images", _REACH, "(slice(n0, n1),", "(slice(0, n1),", _CHANNEL),
    Planted("offset_without_groups", _READS, "groups[0] * geometry.filter_channels +", "", _FIRST),
    Planted("offset_of_whole_kernels", _READS, "+ taps[-1][0])", ")", _FIRST),
    Planted("matrix_of_first_group", _FRAME, "if groups > 1 else", "if groups > 2 else", _FIRST),
    Planted("views_dilated_outputs", _VIEW, "pixel * axis.stride", "pixel * axis.dilation", _LEAD),
    Planted("views_strided_taps", _VIEW, "pixel * axis.dilation", "pixel * axis.stride", _LEAD),
    Planted("rows_turned", _VIEW, "else (row, item)", "else (item, row)", _IN_PLACE, _OF_ROWS),
    Planted(
        "rows_of_images", _VIEW, "(group, row, item) if", "(image, row, item) if", _IN_PLACE,
        _OF_GROUPS,
    ),
    Planted(
        "columns_of_any_step", _VIEW, "column in (item, 0)", "column is not None", _IN_PLACE,
        _OF_COLUMNS,
    ),
    Planted("merged_without_check", _MERGE, "!= stride * length", "< stride * length", _MERGED),
    Planted("merged_of_last", _MERGE, "length *= size", "length = size", _MERGED),
    Planted("taps_by_number", _TAPS, "(k - first for", "(k for", _TAPPED, {"rank": 1}),
    Planted("taps_that_meet_one", _TAPS, ".start < one.stop", ".start + 1 < one.stop", _TAPPED),
    Planted("taps_swap_slices", _TAPS, "one, _ in met], *own", "_, one in met], *own", _TAPPED),
    Planted("scatter_from_first", _SCATTER, "slice(lo * side, lo", "slice(first * side, lo", _ONCE),
    Planted("scatter_whole_blocks", _SCATTER, "(hi - lo) * size))", "(hi - lo) * side))", _ONCE),
    Planted("pieces_lose_the_cut", _PIECES, "whole < hi", "whole < lo", _ONCE),
    Planted("pieces_round_up", _PIECES, "outputs // side)", "-(-outputs // side))", _ONCE),
    Planted("kn2row_without_dilation", _KN2ROW, "k * axis.dilation", "k", _ADDED),
    Planted("kn2row_turned", _KN2ROW, "(*tap, ", "(*tap[::-1], ", _ADDED),
    Planted("kn2row_from_the_end", _KN2ROW, "[k * axis", "[(axis.kernel - 1 - k) * axis", _ADDED),
    Planted("planes_by_outputs", _PLANES, "-skipped", "skipped", _HOLD),
    Planted("planes_without_dilation", _PLANES, "tap * axis.dilation", "tap", _HOLD),
    Planted("planes_one_too_short", _PLANES, "-((first -", "((-first +", _HOLD),
    Planted("patches_strides_of_taps", _PATCHES, "pixel * axis.dilation", "pixel", _READ),
    Planted("patches_of_one_plane", _PATCHES, "len(band) > 1", "len(band) > 2", _READ),
    Planted("patches_from_channel", _PATCHES, "start * pixels[-1]", "start * item", _READ),
    Planted("winograd_windows_apart", _WINOGRAD, "row * self.outputs", "row * self.side", _WINDOWS),
    Planted("fft_windows_swapped", _FFT, "row * block[0], pixel * block[1]",
            "row * block[1], pixel * block[0]", _WINDOWS),
    Planted("blocks_too_long", _WIDE, "(outputs - 1) * axis", "outputs * axis", _WINDOWS),
)  # fmt: skip


def by_name() -> dict[str, Planted]:
    """Return the rows by their names."""
    return {row.name: row for row in ROWS}


@contextmanager
def planted(row: Planted) -> Iterator[None]:
    """Let npconv have the wrong function."""
    place, name = owner(row.function)
    right = vars(place)[name]
    wrong = _wrong(row, right)
    holders = [(place, name)]
    if isinstance(place, ModuleType):  # others have it under a name of theirs
        holders = [
            (module, held)
            for key, module in sorted(sys.modules.items())
            if key == "npconv" or key.startswith("npconv.")
            for held, value in vars(module).items()
            if value is right
        ]
    try:
        for holder, held in holders:
            setattr(holder, held, wrong)
        yield
    finally:
        for holder, held in holders:
            setattr(holder, held, right)


def _wrong(row: Planted, right: Any) -> Any:
    """Compile the function with the mistake, in the module that it belongs to."""
    function = inspect.unwrap(getattr(right, "__func__", right))
    text = source(right)
    if text.count(row.right) != 1:
        found = text.count(row.right)
        raise ValueError(f"{row.name}: {row.right!r} is {found} times in {row.function}")
    made: dict[str, Any] = {}
    text, file = text.replace(row.right, row.wrong), f"<{row.name}>"
    linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
    code = compile(text, file, "exec", dont_inherit=True)
    exec(code, function.__globals__, made)  # our own text, of the rows above
    return made[function.__name__]
