"""Other people's programs on npconv: what carries its functions into them."""
