"""CoinGlass: sums over venues, bar by bar, as that data vendor exports them."""
