"""The catalogue of service items: versioned records, draft -> published -> withdrawn, open to everyone (网上公开)."""
