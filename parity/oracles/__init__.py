"""What is right: TensorFlow, without and with oneDNN, and the exact value with its bound."""
