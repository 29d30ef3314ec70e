"""Processes that may die or hang, and what they were doing."""
