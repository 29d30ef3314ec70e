"""How long npconv takes beside TensorFlow: layers, turn-taking, statistics, tables."""
