"""The dialogue: asks back, fills in what a task needs, confirms, and acts through the same services as the screens."""
