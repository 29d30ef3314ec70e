"""Every small geometry, and ordinary layers, compared with TensorFlow bit for bit.

Hypothesis looks where a few thousand draws happen to fall; here every combination of small sizes
is run (`parity.sweep.grid`), so that a fault of any one combination has nowhere to hide.  The
numbers of channels and outputs at which real kernels branch cannot all be combined: a second grid
(`parity.sweep.layers`) has each pair of their values, and the triples that fast paths ask for, in
a few thousand layers (`parity.sweep.covering`).  Under ``--every K`` each geometry and each layer
is kept with a chance of one in K; then every value is still met, but no longer every pair.

Every geometry is compared in float32 and in float64: in one of them with channels last, in the
other with channels first, which without any pattern (a subject that has but one of the formats is
asked twice).  Of the other dtypes there is a part.

Every other operation has a grid of small geometries of its own, on one, two or three axes: fewer
sizes than conv2d's, and each image with some of the numbers of channels, others each time.  What
TensorFlow computes is compared with it, and each `parity.sweep.compare.SUMMED`-th group of these
with exact sums too; what it refuses (one in `parity.sweep.grid.ALONE` of the grid) and what it
rounds on its way, as most sums of halves, with exact sums alone.  So that it computes some halves
as well, the data of each other group of them are small.  A gradient's arrays depend on its steps:
each geometry draws its own, and what follows holds of them as of input and filters.

Why one set of data for each pair of shapes is enough.  The data are of the kind ``distinct``: no
two elements of the input are equal, no two of the filters, none is 0, and every sum is exact in
every order.  A convolution that reads wrongly is off by an integer D, and shows unless D is 0.

A single product with another element of the input, x[p'] for x[p], gives D = (x[p] - x[p']) w[q];
a product that is lost, x[p] w[q]; two that have exchanged their elements,
(x[p] - x[p']) (w[q] - w[q']).  All are products of numbers that are not 0: always seen.

If more goes wrong, write D as the sum of c[p] x[p] over the elements of the input.  A convolution
reads an element at most once for an output.  As long as a faulty one does so too, c[p] is the
difference of two weights, or one weight, wherever x[p] meets another weight than it should: not 0.
Given all other elements, D is then 0 for at most one value of x[p], which was drawn among those
that the others had left: of 8 n + 32 integers for n elements (but of 512 in bfloat16).  Behind a
single wrong output the fault hides with a probability of at most 1 in 7 n + 33, and it must hide
behind every wrong output, for one pair of shapes after the other.  (The argument is that of
Schwartz and Zippel.)

What is left to chance is measured by faults planted in a sample
(`parity/tests/sweep/test_planted.py`: taps moved, exchanged, dropped, flipped, wrong dilations and
strides).  Of the single outputs that were read wrongly 1 in 4,000 was right by chance in float32,
1 in 700 in float16 and 1 in 900 in bfloat16, where rounding to 11 and 8 bits hides small
differences; of the geometries, with all of their outputs, 1 in 40,000 in each.

In float64 the data are of the kind ``uniform``: drawn independently, each integer of some 2**25 as
likely as any other, so that `parity.model.data.survival` bounds the chance that *any* wrong
bilinear form passes, not only one that reads wrongly: below 1e-7 for a small geometry, where the
argument above leaves 1 in 7 n + 33 for ``distinct`` data.  That one single product is always seen
is sure no more there, but for this chance; in float32 it stays so, as all of the above does.  What
is proved thus, and what it assumes, a sweep says in a sentence.

In the second grid there are more elements than integers: so that a sum of n products stays exact,
n max|x| max|w| is at most 2**24 (of a float16 that has to be finite, 65504), which leaves 60 for
both where n is 4,609.  Numbers then come again, in another order each time, and none is 0.  A
product that is lost still shows always, in float32, float64 and int32; one with another element of
the input does unless that is equal, which is 1 in 120 at worst behind a single output.  Of the
same faults planted in one layer in twelve, 1 output in 100,000 was right by chance in float32, 1
in 2,900 in float16 and 1 in 460 in bfloat16; of 2,000 faulty layers with all their outputs none in
any of the three.
"""
