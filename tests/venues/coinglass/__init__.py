"""Tests of CoinGlass's exports."""
