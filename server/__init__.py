"""Composition only: settings, wiring, the application, its life cycle, logs, metrics and the command line."""
