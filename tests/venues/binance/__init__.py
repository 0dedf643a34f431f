"""The Binance wire and its parts."""
