"""Draws from a density of a few numbers, and what they are worth; the room knows nothing of models."""
