"""The geometry of convolutions for all sizes: theorems about the shipped functions, and proofs."""
