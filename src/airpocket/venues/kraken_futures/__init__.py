"""Kraken Futures (formerly Crypto Facilities): its trade feed."""
