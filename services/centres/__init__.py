"""Where things are done: service centres of four levels, their counters, opening hours and closures."""
