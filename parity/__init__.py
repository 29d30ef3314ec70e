"""The verification suite of npconv: one claim a file, TensorFlow as the oracle.

It is used from a checkout and never shipped in the wheel.  Nothing here knows more of
npconv than its public names.
"""
