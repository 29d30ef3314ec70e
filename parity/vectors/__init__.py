"""Golden vectors: cases with exact outputs and error bounds in files, for kernels anywhere."""
