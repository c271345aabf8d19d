"""What runs beside requests: the event relay, timers, the dispatch of messages."""
