"""Tests of the suite's own tools: a claim is worth what its gauge is."""
