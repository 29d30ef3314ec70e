"""The command line: what every command shares, and those that belong to no room."""
