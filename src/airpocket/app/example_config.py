"""A configuration to begin with: every section, with what holds if it is left out."""

from typing import Final

__all__ = ["EXAMPLE"]

EXAMPLE: Final = """\
# airpocket.toml: all of it is optional. What holds without it stands behind the key.
# It is looked for here: --config FILE, ./airpocket.toml, ~/.config/airpocket/airpocket.toml.
# A variable goes before the file: AIRPOCKET_STORE__RETENTION_DAYS=7 is [store] retention_days.
# No key of an exchange account is needed, and one that is found here is refused.

[watch]
symbols = ["BTC", "ETH"]   # coins (all their perpetuals), pairs (BTC/USDT) or BTC/USDT:USDT
venues = ["binance", "bybit", "okx", "hyperliquid"]
depth = true               # follow order books too ("book is thin" needs them)

# [venues.binance]         # for a proxy or a test: scheme, host and port; wss and https only,
# ws_url = "wss://proxy.example.org"       # or ws and http on this machine
# rest_url = "https://proxy.example.org"

[store]
# folder = "/var/lib/airpocket"            # the user's folder for data
retention_days = 30
retention_gb = 20.0
commit_ms = 50             # what is received is safe on the disk after so long

# Without a channel, alerts and feed health go to the log.
# Secrets: in files that only you may read (chmod 600), or in the environment, such as
# AIRPOCKET_CHANNELS__PHONE__URL. A configuration with secrets in it has to be mode 600 itself.

# [channels.phone]         # a name: small letters, digits, single underscores
# kind = "apprise"         # Telegram, Discord, Slack, e-mail, ntfy and more
# url_file = "/etc/airpocket/phone.url"    # one line, such as tgram://TOKEN/CHAT
# rate_per_min = 20        # what the service allows

# [channels.desk]
# kind = "webhook"         # signed (Standard Webhooks); https to public addresses only
# url_file = "/etc/airpocket/desk.url"
# secrets_file = "/etc/airpocket/desk.secrets"   # whsec_…, one a line, the newest first
# allow_private = false    # true: a receiver in your own network

# [channels.file]
# kind = "jsonl"
# path = "/var/log/airpocket/alerts.jsonl"

# [channels.ops]
# kind = "log"
# health = true            # feed health goes here, and market alerts do not

# [[subscriptions]]        # a channel without one gets cascades on BTC and ETH
# name = "big ones"
# channel = "phone"
# tier = "pro"
# signals = ["LIQUIDATION_CASCADE", "SHOCK"]
# symbols = ["all"]        # or coins, contracts, "*" for the market as a whole
# phases = []              # all of them
# least_usd = 5000000
# with_updates = true

# [tiers.pro]              # what a tier may be told beyond cascades on BTC and ETH
# signals = ["LIQUIDATION_CASCADE", "SHOCK"]
# symbols = ["all"]

[server]                   # /metrics and /health, for this machine only
enabled = true
host = "127.0.0.1"
port = 9464

[log]
level = "info"             # debug, info, warning, error
# json = true              # unset: JSON where stderr is not a terminal
"""
"""Text of a file that can be used as it is."""
