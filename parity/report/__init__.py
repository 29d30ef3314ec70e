"""One HTML page and one JSON file: agreement on real input, and speed."""
