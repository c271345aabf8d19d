"""Accounts at water works, heating companies, schools …: their bills are imported, their holders bind them."""
