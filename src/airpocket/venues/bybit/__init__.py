"""Bybit: linear and inverse derivatives, v5 public stream."""
