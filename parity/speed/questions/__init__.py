"""The four questions that people ask about convolution in NumPy, timed and not only answered."""
