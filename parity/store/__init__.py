"""What runs leave behind, in one SQLite file: runs, blocks of sweeps, the corpus of campaigns."""
