"""dYdX v4: trades of the indexer, with liquidations and deleveraging among them."""
