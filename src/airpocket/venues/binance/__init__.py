"""Binance futures: USD-M and COIN-M under one venue id, merged on one stack since 2026-06-30."""
