"""What we know of the fleet: frozen rows, store, attention, timeline, filter language. Pure, no I/O."""
