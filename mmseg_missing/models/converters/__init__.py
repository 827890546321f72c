"""Weights of others under the names of this project's networks."""
