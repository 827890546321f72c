"""Adapters without training: rows in closed form from what layers see."""
