"""A resident over all capabilities: what is still open between them and the city."""
