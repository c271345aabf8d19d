"""What the residents' mini-program calls: HTTP and one WebSocket. Thin: read the typed request, one action, answer."""
