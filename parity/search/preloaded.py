"""What workers need, imported once by the process that they are forked from."""

import gc
import os

from parity.engine.server import die_with
from parity.oracles import eigen
from parity.search import reduce  # noqa: F401 - and the claims, and whatever those need

# It is imported, not called: nothing that it starts would survive a fork.  The first call of
# `eigen.tensorflow` in each worker proves the build.
with eigen.chosen():
    import tensorflow  # noqa: F401

gc.freeze()  # its million objects need not be searched again and again
die_with(os.getppid())  # its workers would keep it alive
