"""Draw examples, make what fails small, and go on until time is up."""
