"""Any conv2d held against TensorFlow's: one claim a file, TensorFlow as the oracle.

npconv is its usual subject, of which nothing here knows more than the public names.
"""

__version__ = "0.1.0"
