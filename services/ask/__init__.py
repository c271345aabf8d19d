"""Asking in one's own words: the matcher over the published catalogue, rebuilt beside and swapped."""
