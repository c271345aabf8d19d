"""Everything that speaks HTTP but the mini-program's own calls: the framework of routes, callbacks, staff, health."""
