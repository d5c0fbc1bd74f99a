"""Money: what is owed, how it is collected, where it went. Owns its transactions; knows no Flask."""
