"""Step 3: how the right-multiply is scheduled."""
