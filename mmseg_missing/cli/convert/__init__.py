"""Converters of data sets and weights."""
