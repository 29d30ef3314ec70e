"""Imported by the server of `parity.engine.server`, before anything else, and by nobody else."""

from parity.engine import server

server.serve()
