"""Wrong implementations of conv2d, which the suite must find out, and the right one they come from.

``parity.mutants:floor_for_ceil`` names a subject, and so does ``parity.mutants:textbook``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from parity.model.call import Call
from parity.model.case import Case
from parity.mutants import (
    arguments,
    arithmetic,
    fast_paths,
    filters,
    geometry,
    grouped_paths,
    memory,
    padding,
    tiles,
)
from parity.mutants.textbook import Textbook

__all__ = ["MUTANTS", "Mutant", "textbook"]


@dataclass(frozen=True)
class Mutant:
    """A conv2d with one fault.

    Attributes
    ----------
    name
        Its name in `MUTANTS` and as an attribute of this package.
    fault
        What is wrong with it, in a sentence.
    conv2d
        What to call.
    example
        A call that shows the fault.
    """

    name: str
    fault: str
    conv2d: Textbook
    example: Case | Call


_FAULTS: tuple[type[Textbook], ...] = (
    geometry.FloorForCeil,
    geometry.CeilForFloor,
    geometry.SameLower,
    geometry.SameForgetsDilation,
    geometry.SameForgetsSize,
    geometry.ReachTooLong,
    geometry.DilationAsHoles,
    geometry.DilationOfRowsOnly,
    geometry.StridesSwapped,
    geometry.DilationsSwapped,
    geometry.PadsSwapped,
    geometry.BottomForTop,
    geometry.RightForLeft,
    geometry.PadsSymmetrised,
    geometry.PadsWithinKernel,
    geometry.NchwPadsAsNhwc,
    geometry.NchwStepsAsNhwc,
    filters.HwioAsHwoi,
    filters.KernelFlipped,
    filters.ColumnsFlipped,
    filters.SquareKernelTransposed,
    filters.ChannelMajorPatches,
    filters.FiltersInterleaved,
    filters.ChannelsInterleaved,
    filters.FirstGroupForAll,
    filters.SecondHalfOfGroups,
    filters.FiltersOfFirstGroup,
    filters.LastTapLost,
    tiles.LastRowLost,
    tiles.LastColumnLost,
    tiles.LastFilterLost,
    tiles.LastImageLost,
    tiles.PartialTileLost,
    tiles.HaloLost,
    tiles.SharedScratch,
    tiles.TermsLeftOver,
    tiles.FiltersLeftOver,
    tiles.BlockEdge,
    tiles.PixelsLeftOver,
    tiles.ManyPixelsLeftOver,
    padding.EdgePadding,
    padding.ReflectPadding,
    padding.WrapPadding,
    padding.PaddingSkipped,
    padding.WindowInPaddingLeft,
    padding.ZeroChannelsLeft,
    padding.NoPixelsMultiplied,
    padding.EmptyOfInputShape,
    padding.EmptyOfDouble,
    arithmetic.HalfSums,
    arithmetic.RoundedTwice,
    arithmetic.BfloatTruncated,
    arithmetic.HalfSaturates,
    arithmetic.Int32Saturates,
    arithmetic.Int32BySingle,
    arithmetic.Int32ByDouble,
    arithmetic.DoubleBySingle,
    arithmetic.SingleByBfloat,
    arithmetic.WinogradNoise,
    arithmetic.OneUlp,
    arithmetic.NanSwallowed,
    arithmetic.ZeroWeightsSkipped,
    arithmetic.MinusZeroKept,
    arithmetic.SubnormalsFlushed,
    memory.FortranByBuffer,
    memory.ReversedByBuffer,
    memory.SlicedByBuffer,
    memory.SwappedByBuffer,
    memory.InputOverwritten,
    memory.FiltersLeftFlipped,
    memory.IdentityIsView,
    memory.BufferKept,
    memory.WeightsKept,
    memory.NchwAsNhwc,
    memory.NchwTransposed,
    memory.NchwNotTurnedBack,
    memory.LeadsUnfoldedWrong,
    fast_paths.StridedSumKept,
    fast_paths.StridedLanesSwapped,
    fast_paths.StemTermLost,
    fast_paths.EightImagesTurnedBack,
    fast_paths.DilatedTailShort,
    fast_paths.SeventhTapLost,
    fast_paths.LongSumCut,
    fast_paths.FilterBeyondBlocks,
    fast_paths.MaskTooShort,
    fast_paths.PointwiseRoundedDown,
    fast_paths.OddChannelUnpaired,
    fast_paths.PatchesByPitch,
    fast_paths.HalfBlockSwapped,
    grouped_paths.DepthwiseTapTwice,
    grouped_paths.DepthwisePadCentred,
    grouped_paths.MultiplierOutside,
    grouped_paths.GroupsOfFourLeftOver,
    grouped_paths.GroupsCountedByFiveBits,
    arguments.NegativePadAsZero,
    arguments.LowerCaseTaken,
    arguments.ZeroStrideAsOne,
    arguments.StridesTruncated,
    arguments.DepthTruncated,
    arguments.EmptyKernelTaken,
    arguments.KeyErrorForFormat,
    arguments.IndexErrorForRank,
    arguments.TypeErrorForPads,
    arguments.SingleDilationIgnored,
    arguments.PromotedResult,
    arguments.StrideBeyondKernelRefused,
    arguments.DilationWithStrideRefused,
    arguments.GroupsInNchwRefused,
    arguments.LongKernelRefused,
    arguments.ReadOnlyRefused,
)


def _mutant(fault: type[Textbook]) -> Mutant:
    name = re.sub(r"(?<=.)(?=[A-Z])", "_", fault.__name__).lower()
    shown = fault.example
    example = Case.parse(shown) if isinstance(shown, str) else shown
    return Mutant(name, (fault.__doc__ or "").rstrip("."), fault(), example)


MUTANTS: dict[str, Mutant] = {mutant.name: mutant for mutant in map(_mutant, _FAULTS)}
"""Every mutant by its name, grouped by what is at fault."""

textbook = Textbook()
"""The right one; from here on the name hides the module."""


def __getattr__(name: str) -> Textbook:
    if name in MUTANTS:
        return MUTANTS[name].conv2d
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
