"""Where npconv differs from TensorFlow on purpose."""
